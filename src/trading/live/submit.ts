import type { PendingTrade, Simulation, Valuation } from '../../domain/execution.ts'
import { type MarketFee, maxCostWei } from '../../domain/fees.ts'
import { highest } from '../../domain/highest.ts'
import { type Attempt, isNoOp, type LiveExecution } from '../../domain/liveExecution.ts'
import type { Signal } from '../../domain/signal.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import type { Place } from '../../lanes/lane.ts'
import { lateness } from '../evaluate.ts'
import type { LiveContext } from './liveContext.ts'
import { changedRecord, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { calldataOf, journalFailure, signAt, takeBack, ttlLeftMs } from './signing.ts'
import type { TradesInFlight } from './tradesInFlight.ts'

/** How a submission ended. Only `signed` took a nonce. */
export type Submission =
  | { readonly status: 'signed' }
  /** The trade's own outcome, now on disk. */
  | { readonly status: 'denied' }
  /** The account cannot be used and is stopped; another may do. */
  | { readonly status: 'unfit'; readonly failure: Failure }
  /** Nothing of it is on disk: the trouble is the node's or the disk's, or a limit that frees itself. */
  | { readonly status: 'refused'; readonly failure: Failure }

/** From `accepted` to `signed`, or to its end: see `trade.ts`. */
export interface Submissions {
  /**
   * From an open place to bytes on disk: evaluate, price, reserve in the budget, and only then take a nonce,
   * so that nothing that can fail comes between the nonce and the journal. Sends nothing.
   */
  submit(execution: OpenExecution<LiveExecution>, place: Place): Promise<Submission>
  /**
   * Why its time has passed: its own `valid_until`, or the time that a trade without one is tried for; null
   * when it has not.
   */
  late(record: LiveExecution): Failure | null
  /**
   * Puts the trade's own outcome on disk; without effect once it is signed, or has ended. Rejects when the disk
   * refuses.
   */
  deny(execution: OpenExecution<LiveExecution>, reason: Failure, evaluated?: Evaluated): Promise<void>
}

interface Evaluated {
  readonly simulation: Simulation
  readonly valuation: Valuation | null
}

/** A trade that is worth making, and what it is signed with. */
interface Worthwhile {
  readonly simulation: Simulation
  readonly valuation: Valuation
  readonly behind: readonly PendingTrade[]
  readonly market: MarketFee
  readonly gasLimit: bigint
}

/** A trade is evaluated again where another of ours came first; more often only where an endpoint lags. */
const EVALUATIONS_MAX = 8
const HOURLY_LIMIT = 'MAX_GAS_SPEND_PER_HOUR_NATIVE'
/**
 * A promised trade that the hour's limit has refused is evaluated again after this pause, which doubles: its
 * gas, and so what it asks for, may be another by then.
 */
const HOUR_PAUSE_MS = 15_000
/** No transaction takes less: the gas of a transfer. */
const LEAST = { gasLimit: 21_000n, l1FeeWei: 0n }
/** Above what any account holds. */
const ANY_BALANCE_WEI = 1n << 256n

export const PAUSED = failure('PAUSED', 'The chain is paused by its operator.')

export function createSubmissions({
  open,
  inFlight,
  context,
}: {
  open: ReadonlyMap<string, OpenExecution>
  inFlight: TradesInFlight
  context: LiveContext
}): Submissions {
  const { chain, trade, budget, maintenance, clock } = context
  type Trade = OpenExecution<LiveExecution>
  /** What promised trades asked for when the hour's limit refused them. */
  const refusedByHour = new WeakMap<Trade, { asked: typeof LEAST; untilMs: number; pauseMs: number }>()

  async function submit(execution: Trade, place: Place): Promise<Submission> {
    const { signal } = execution.record
    if (!context.send.supports(signal.relay)) {
      const sentence = `The relay policy is ${signal.relay}, but ${chain.name} has no private relay configured.`
      const hint = 'Send relay "public", or configure a relay of the chain.'
      return refused(failure('UNSUPPORTED_ON_CHAIN', sentence, { relay: signal.relay }, hint))
    }
    // Most trades meet no other of ours: only one that does is evaluated once more, in turn.
    let endTurn: (() => void) | null = null
    try {
      for (let evaluations = 0; evaluations < EVALUATIONS_MAX; evaluations += 1) {
        const evaluated = await evaluate(execution, place)
        if (evaluated === null) continue
        if ('status' in evaluated) return evaluated
        // From here to the signature nothing is awaited: what was checked still holds when the nonce is
        // taken.
        if (isOvertaken(execution, evaluated, endTurn !== null)) {
          endTurn ??= await inFlight.turn(signal)
          continue
        }
        const signed = sign(execution, place, evaluated)
        endTurn?.()
        endTurn = null
        return await signed
      }
    } finally {
      endTurn?.()
    }
    const sentence = 'No endpoint shows the newest trades of this server on the same pools.'
    return refused(failure('STALE_NODE', sentence))
  }

  /**
   * Simulated as the lane, behind trades of ours in flight, and with everything read that pricing it needs.
   * Null when it was denied for one of those that has ended meanwhile.
   */
  async function evaluate(execution: Trade, place: Place): Promise<Worthwhile | Submission | null> {
    const { signal } = execution.record
    const { lane } = place
    const tooLate = late(execution.record)
    if (tooLate !== null) return await denied(execution, tooLate)
    if (chain.isPaused()) return refused(PAUSED)
    const overHour = await hourRefusal(execution, lane)
    if (overHour !== null) return refused(overHour)

    const behind = inFlight.behind(signal)
    const calldata = calldataOf(execution.record, signal.minProfit, context)
    const simulating = trade.simulate({ signal, calldata, lane, behind, since: inFlight.since(signal) })
    const funds = simulating.then((done) => (done.ok ? done.value : null))
    const [simulated, unfit] = await Promise.all([simulating, maintenance.checkBeforeUse(lane, funds)])
    if (unfit !== null) return { status: 'unfit', failure: unfit }
    if (!simulated.ok) return refused(simulated.failure)
    const simulation = simulated.value
    const valued = simulation.success ? await trade.valuate({ signal, simulation }) : null
    if (valued !== null && !valued.ok) return refused(valued.failure)
    const valuation = valued?.value ?? null

    const reason = trade.verdict({ signal, simulation, valuation })
    if (reason?.code === 'OPPORTUNITY_TAKEN' && simulation.takenBy !== null) {
      const taker = await takerOf(signal, simulation.takenBy)
      if (taker === 'gone') return null
      if (taker === 'cancelled') return refused(takenForNow(simulation.takenBy))
    }
    if (reason !== null || valuation === null) {
      const told = await trade.explain({ signal, simulation })
      const why =
        trade.verdict({ signal, simulation: told, valuation }) ??
        failure('SIMULATION_FAILED', 'The simulation gave no result.')
      return await denied(execution, why, { simulation: told, valuation })
    }
    const market = await trade.market()
    if (!market.ok) return refused(market.failure)
    const gas = await trade.gasLimit({ simulation, market: market.value, call: { lane, calldata } })
    if (!gas.ok) return refused(gas.failure)
    // The node may have taken its time.
    const later = late(execution.record)
    if (later !== null) return await denied(execution, later, { simulation, valuation })
    return { simulation, valuation, behind, market: market.value, gasLimit: gas.value }
  }

  /**
   * Only one that is on disk, and is not being cancelled, takes an opportunity for good: `stands`. Waits for
   * its commit.
   */
  async function takerOf(signal: Signal, takenBy: string): Promise<'stands' | 'cancelled' | 'gone'> {
    const other = open.get(takenBy)
    context.journal.hurry()
    await other?.lastChange
    if (!inFlight.behind(signal).some(({ signalId }) => signalId === takenBy)) return 'gone'
    if (other === undefined) return 'stands'
    const latest = other.attempts.at(-1)
    if (latest === undefined) return 'gone'
    return isNoOp(latest) ? 'cancelled' : 'stands'
  }

  /**
   * Why the hour has still no room for a promised trade that it refused before, or has none for any: such a
   * trade waits without being simulated.
   */
  async function hourRefusal(execution: Trade, lane: Place['lane']): Promise<Failure | null> {
    if (!execution.isPromised) return null
    const isUsedUp = budget.report().trades.leftWei === 0n
    const before = refusedByHour.get(execution)
    const isPausing = before !== undefined && clock.elapsedMs() < before.untilMs
    const asked = isPausing ? before.asked : isUsedUp ? LEAST : null
    if (asked === null) return null
    const market = await trade.market()
    if (!market.ok) return null
    const purpose = { kind: 'trade', profitWei: null } as const
    const request = { ...asked, lane, market: market.value, purpose, balanceWei: ANY_BALANCE_WEI }
    const reason = budget.refusal(request)
    return reason?.facts.limit === HOURLY_LIMIT ? reason : null
  }

  /**
   * Another trade of ours on its pools was signed meanwhile, or is about to be, or is in a block that the
   * simulated state lacks.
   */
  function isOvertaken(
    { record: { signal } }: Trade,
    { simulation, behind }: Worthwhile,
    isInTurn: boolean,
  ): boolean {
    const known = new Set(behind.map(({ signalId }) => signalId))
    return (
      (!isInTurn && inFlight.isTaken(signal)) ||
      inFlight.behind(signal).some(({ signalId }) => !known.has(signalId)) ||
      simulation.block < inFlight.since(signal)
    )
  }

  /** Money, nonce and signature in one step; then the disk. */
  async function sign(execution: Trade, place: Place, worthwhile: Worthwhile): Promise<Submission> {
    const { signal } = execution.record
    const { signalId } = signal
    const { lane } = place
    // Evaluating may have taken its time.
    if (chain.isPaused()) return refused(PAUSED)
    const { simulation, valuation, market, gasLimit } = worthwhile
    const l1FeeWei = trade.feeBesideGas(simulation)
    const purpose = { kind: 'trade', profitWei: valuation.profitWei } as const
    // Of what the account held there, later blocks have taken what is at stake no more.
    const paidSinceWei = budget.paidWei(lane) - budget.paidWei(lane, simulation.block)
    const balanceWei = highest(0n, simulation.fundsWei - paidSinceWei)
    const reserved = budget.reserve({ lane, market, gasLimit, l1FeeWei, purpose, balanceWei })
    if (!reserved.ok) {
      if (isHourOver(execution, reserved.failure)) {
        const pauseMs = 2 * (refusedByHour.get(execution)?.pauseMs ?? HOUR_PAUSE_MS / 2)
        const untilMs = clock.elapsedMs() + pauseMs
        refusedByHour.set(execution, { asked: { gasLimit, l1FeeWei }, untilMs, pauseMs })
      }
      return await unpayable(execution, lane, reserved.failure, { simulation, valuation })
    }
    const { fee, stake } = reserved.value
    const maxCost = maxCostWei({ quote: fee, gasLimit }) + l1FeeWei
    const minProfit = trade.minimumProfit({ signal, simulation, valuation, maxCostWei: maxCost })
    const data = calldataOf(execution.record, minProfit, context)
    const nonce = place.reserve()
    const change = { simulation, valuation, lane, nonce, changedAtMs: clock.nowMs() }
    let attempt: Attempt
    try {
      attempt = {
        ...signAt(place, { to: trade.executor, data, gasLimit, fee }, context),
        kind: 'first',
        signalId,
        // The simulation has just read its block; between two polls the newest known head may be many blocks
        // old.
        signedAtBlock: Math.max(chain.head(), simulation.block),
      }
    } catch (error) {
      budget.release(stake)
      throw error
    }
    inFlight.add({ signal, signalId, calldata: data })
    try {
      // An operator may have ended it meanwhile.
      const isWanted = await recordChange(
        execution,
        (record) =>
          record.state === 'accepted' ? { record: changedRecord(record, 'sign', change), attempt } : null,
        context,
      )
      if (!isWanted) {
        inFlight.remove(signalId)
        budget.release(stake)
        return { status: 'denied' }
      }
    } catch (error) {
      inFlight.remove(signalId)
      takeBack(place, stake, error, context)
      return refused(journalFailure(error))
    }
    place.stake = stake
    place.signed()
    execution.place = place
    execution.askedAtMs = clock.elapsedMs()
    execution.sending.signedAtMs = clock.elapsedMs()
    return { status: 'signed' }
  }

  /**
   * The budget has refused: the price is the trade's own outcome, an account or an hour that is used up is
   * not.
   */
  async function unpayable(
    execution: Trade,
    lane: Place['lane'],
    reason: Failure,
    evaluated: Evaluated,
  ): Promise<Submission> {
    if (reason.code === 'INSUFFICIENT_FUNDS') {
      maintenance.underfunded(lane, BigInt(String(reason.facts.needed)))
      return { status: 'unfit', failure: reason }
    }
    return isHourOver(execution, reason) ? refused(reason) : await denied(execution, reason, evaluated)
  }

  function late(record: LiveExecution): Failure | null {
    const { signal } = record
    if (signal.validUntilMs !== null) return lateness(signal, clock.nowMs())
    if (ttlLeftMs(record, context) > 0) return null
    return failure(
      'EXPIRED',
      `It could not be sent within ${context.settings.tradeTtlMs / 1_000} s (TRADE_TTL_S).`,
    )
  }

  async function denied(execution: Trade, reason: Failure, evaluated?: Evaluated): Promise<Submission> {
    try {
      await deny(execution, reason, evaluated)
    } catch (error) {
      return refused(journalFailure(error))
    }
    return { status: 'denied' }
  }

  async function deny(execution: Trade, reason: Failure, evaluated?: Evaluated): Promise<void> {
    const event = reason.code === 'EXPIRED' ? 'expire' : 'deny'
    const change = { ...evaluated, failure: reason, final: true, changedAtMs: clock.nowMs() }
    await recordChange(
      execution,
      (record) => (record.state === 'accepted' ? { record: changedRecord(record, event, change) } : null),
      context,
    )
  }

  return { submit, late, deny }
}

/** The limit frees itself, and a promise can wait for that. */
const isHourOver = ({ isPromised }: OpenExecution, reason: Failure): boolean =>
  isPromised && reason.facts.limit === HOURLY_LIMIT

const takenForNow = (takenBy: string): Failure =>
  failure('LANES_BUSY', `The trade ${takenBy}, which takes this opportunity, is being cancelled.`, {
    taken_by: takenBy,
  })

const refused = (reason: Failure): Submission => ({ status: 'refused', failure: reason })
