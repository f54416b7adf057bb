import type { CancelReason } from '../../confirmation/nextStep.ts'
import type { Simulation, Valuation } from '../../domain/execution.ts'
import { isOpen } from '../../domain/executionState.ts'
import { maxCostWei } from '../../domain/fees.ts'
import { type Attempt, isNoOp, type LiveExecution } from '../../domain/liveExecution.ts'
import { CommitUnknown } from '../../errors/commitUnknown.ts'
import { type Failure, failure, succeed } from '../../errors/failure.ts'
import type { LiveContext } from './liveContext.ts'
import { idOf, isTrade, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { calldataOf, journalFailure, signAt, ttlLeftMs } from './signing.ts'
import type { TradesInFlight } from './tradesInFlight.ts'

/** While it is pending: is it still worth it, and does it need a higher fee? See `trade.ts`. */
export interface Replacements {
  /** Simulates a pending trade on the newest block, once per head. */
  reevaluate(execution: OpenExecution<LiveExecution>): Promise<void>
  /** Until there is a block above the one it was signed on, it is worth what it was then. */
  trustSigning(execution: OpenExecution<LiveExecution>): void
  /**
   * Puts another transaction at the nonce: the same trade, or no-op, for more, or a no-op in the trade's
   * place. On disk before it leaves. Replacements of one execution follow each other, and one that was wanted
   * in the place of what another has replaced meanwhile is not made.
   */
  replace(execution: OpenExecution, by: Replacement): Promise<Replaced>
}

export type Replaced =
  /** It has been handed to the nodes. */
  | { readonly kind: 'out' }
  /** Another was made meanwhile: a bump, or a no-op. */
  | { readonly kind: 'superseded' }
  /** The execution is in a block, or has ended. */
  | { readonly kind: 'settled' }
  /** What was out stays out. */
  | { readonly kind: 'kept'; readonly failure: Failure }

export type Replacement = { readonly kind: 'bump' } | { readonly kind: 'cancel'; readonly reason: Failure }

interface Evaluation {
  readonly simulation: Simulation
  readonly valuation: Valuation
}

/** No endpoint that is asked lags this many blocks: a block further above the head there never was. */
const LAG_MAX = 64

/** First four bytes of keccak-256 of the executor's `SignalConsumed(bytes32)`. */
const SIGNAL_CONSUMED = '0x043e6e94'

export const CANCEL_REASONS: Readonly<Record<CancelReason, Failure>> = {
  unprofitable: failure('UNPROFITABLE', 'On the newest blocks the trade does not pay any more.'),
  refused: failure('SEND_REFUSED', 'Every node refuses the transaction for good.'),
  private_too_long: failure(
    'EXPIRED',
    'The relays did not get it into a block in time, and it must not be shown to the public.',
  ),
}

/** @param options.send hands an attempt to the nodes */
export function createReplacements({
  inFlight,
  send,
  context,
}: {
  inFlight: TradesInFlight
  send: (execution: OpenExecution, attempt: Attempt) => Promise<void>
  context: LiveContext
}): Replacements {
  const { chain, trade, budget, clock, log } = context

  async function reevaluate(execution: OpenExecution<LiveExecution>): Promise<void> {
    const { record, attempts, worth } = execution
    const [first] = attempts
    const head = chain.head()
    if (first === undefined || worth.simulatedAtHead === head) return
    execution.worth = { ...worth, simulatedAtHead: head }
    if (record.signal.validUntilMs === null && ttlLeftMs(record, context) <= 0) {
      // The executor refuses it from now on, whatever it earns.
      execution.worth = {
        simulatedAtHead: head,
        pays: false,
        unpayingBlocks: new Set([head, head - 1]),
        evaluation: null,
      }
      return
    }
    const { signal } = record
    const calldata = calldataOf(record, signal.minProfit, context)
    const simulated = await trade.simulate({ signal, calldata, lane: first.lane, behind: [] })
    // An endpoint that lags shows the state the trade was made for, or one before it: that says nothing new. Where
    // one tells the head, blocks since the signing count from that lower head.
    const madeOn = record.simulation?.block ?? 0
    const isOnChain = madeOn <= head + LAG_MAX
    const known = Math.max(first.signedAtBlock, isOnChain ? madeOn : 0)
    if (!simulated.ok || simulated.value.block <= known) return forgetWorth(execution)
    const simulation = simulated.value
    // It has been mined since its receipt was asked for.
    if (simulation.revertData?.startsWith(SIGNAL_CONSUMED)) return forgetWorth(execution)
    const valued = simulation.success ? await trade.valuate({ signal, simulation }) : null
    if (valued !== null && !valued.ok) return forgetWorth(execution)
    const valuation = valued?.value ?? null
    const pays = trade.verdict({ signal, simulation, valuation }) === null && valuation !== null
    execution.worth = {
      simulatedAtHead: head,
      pays,
      unpayingBlocks: pays ? new Set() : new Set([...execution.worth.unpayingBlocks, simulation.block]),
      evaluation: pays ? { simulation, valuation } : null,
    }
  }

  /** Nothing is known of this block; what other blocks said stands. */
  function forgetWorth(execution: OpenExecution): void {
    execution.worth = { ...execution.worth, pays: null, evaluation: null }
  }

  async function replace(execution: OpenExecution, by: Replacement): Promise<Replaced> {
    const latest = execution.attempts.at(-1)
    const made = execution.lastReplacement.then(() => make(execution, by, latest))
    execution.lastReplacement = made.then(
      () => {},
      () => {},
    )
    const replaced = await made
    // The next replacement waits for this one's record, and not for what nodes say of it.
    if (replaced.kind === 'signed') await send(execution, replaced.attempt)
    return replaced.kind === 'signed' ? { kind: 'out' } : replaced
  }

  /** @param latest the newest attempt when the replacement was wanted */
  async function make(
    execution: OpenExecution,
    by: Replacement,
    latest: Attempt | undefined,
  ): Promise<Replaced | { readonly kind: 'signed'; readonly attempt: Attempt }> {
    const { place, attempts, record } = execution
    const last = attempts.at(-1)
    if (last === undefined || place === null || place.stake === null)
      return kept(failure('TRADE_NOT_OPEN', 'The key of its lane is not configured any more.'))
    if (last.hash !== latest?.hash && (by.kind === 'bump' || isNoOp(last))) return { kind: 'superseded' }
    const { lane, nonce } = last
    const facts = { signal_id: idOf(record), nonce, kind: by.kind }
    const asTrade = by.kind === 'bump' && !isNoOp(last) && isTrade(execution) ? execution : null
    const evaluation = asTrade?.worth.evaluation ?? null
    // What it is worth now bounds its fee: not known, it is not raised.
    if (asTrade !== null && evaluation === null)
      return kept(failure('FEE_LIMIT', 'On this block it does not pay, or that cannot be told.'))
    // Bumps are rare, and one below the base fee is wasted: a reading of this block.
    const [market, balanceWei] = await Promise.all([trade.freshMarket(), trade.balance(lane)])
    if (!market.ok) return kept(market.failure)
    if (balanceWei === null)
      return kept(failure('NODE_UNAVAILABLE', `No endpoint tells the balance of ${lane}.`))
    const call = asTrade && evaluation && { asTrade, ...evaluation }
    const gas = call
      ? await trade.gasLimit({
          simulation: call.simulation,
          market: market.value,
          call: {
            lane,
            calldata: calldataOf(call.asTrade.record, call.asTrade.record.signal.minProfit, context),
          },
        })
      : succeed(await trade.transferGas(lane))
    if (!gas.ok) return kept(gas.failure)
    const gasLimit = gas.value
    if (!isOpen(execution.record.state)) return { kind: 'settled' }
    const l1FeeWei = call ? trade.feeBesideGas(call.simulation) : 0n
    const raised = budget.raise(place.stake, {
      market: market.value,
      tried: attempts.map(({ fee }) => fee),
      gasLimit,
      l1FeeWei,
      purpose: call
        ? {
            kind: 'trade',
            profitWei: lower(call.valuation.profitWei, call.asTrade.record.valuation?.profitWei),
          }
        : { kind: 'repair' },
      balanceWei,
    })
    if (!raised.ok) {
      const said = `${by.kind} ${raised.failure.facts.limit}`
      if (!execution.warned.has(said))
        log.warn({ ...facts, ...raised.failure.facts }, `No replacement goes out: ${raised.failure.sentence}`)
      execution.warned.add(said)
      return kept(raised.failure)
    }
    const { fee, undo } = raised.value
    const data = call ? floored(call, maxCostWei({ quote: fee, gasLimit }) + l1FeeWei) : '0x'
    const attempt: Attempt = {
      ...signAt(place, { to: call ? trade.executor : lane, data, gasLimit, fee }, context),
      kind: call ? 'replacement' : 'cancel',
      signalId: record.signal?.signalId ?? null,
      signedAtBlock: chain.head(),
    }
    const change = { ...(by.kind === 'cancel' && { failure: by.reason }), changedAtMs: clock.nowMs() }
    try {
      // It may have been mined while the replacement was made.
      const isPending = await recordChange(
        execution,
        (before) => (isOpen(before.state) ? { record: { ...before, ...change }, attempt } : null),
        context,
      )
      if (!isPending) {
        undo()
        return { kind: 'settled' }
      }
    } catch (error) {
      // What may be on disk can go out at the next start: then it stays at stake.
      if (!(error instanceof CommitUnknown)) undo()
      log.error({ ...facts, err: error }, 'A replacement could not be journaled and was not sent.')
      return kept(journalFailure(error))
    }
    execution.sending.signedAtMs = clock.elapsedMs()
    execution.sending.taken = false
    execution.warned.clear()
    const cost = maxCostWei({ quote: fee, gasLimit }).toString()
    log.warn({ ...facts, hash: attempt.hash, max_cost_wei: cost }, 'A replacement goes out.')
    return { kind: 'signed', attempt }
  }

  /** The calldata of a replacement, whose floor rises with its cost. */
  function floored(
    { asTrade: { record }, simulation, valuation }: Evaluation & { asTrade: OpenExecution<LiveExecution> },
    maxCost: bigint,
  ) {
    const { signal } = record
    const minProfit = trade.minimumProfit({ signal, simulation, valuation, maxCostWei: maxCost })
    const data = calldataOf(record, minProfit, context)
    inFlight.add({ signal, signalId: signal.signalId, calldata: data })
    return data
  }

  function trustSigning(execution: OpenExecution<LiveExecution>): void {
    const { simulation, valuation } = execution.record
    if (simulation === null || valuation === null) return
    execution.worth = { ...execution.worth, pays: true, evaluation: { simulation, valuation } }
  }

  return { reevaluate, trustSigning, replace }
}

const kept = (reason: Failure): Replaced & { kind: 'kept' } => ({ kind: 'kept', failure: reason })

/** The lower of two amounts; null where the first is not known. */
function lower(a: bigint | null, b: bigint | null | undefined): bigint | null {
  if (a === null || b === null || b === undefined) return a
  return a < b ? a : b
}
