import type { Spent } from '../../budget/budget.ts'
import type { MinedReceipt } from '../../confirmation/minedReceipt.ts'
import { isOpen } from '../../domain/executionState.ts'
import { maxCostWei } from '../../domain/fees.ts'
import { highest } from '../../domain/highest.ts'
import {
  type Attempt,
  type Inclusion,
  isNoOp,
  type LiveExecution,
  receiptName,
  spentAtMs,
} from '../../domain/liveExecution.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import type { ForeignUse, Lane, Place } from '../../lanes/lane.ts'
import { createFiller } from './fill.ts'
import type { LiveContext } from './liveContext.ts'
import {
  changedRecord,
  hashesOf,
  idOf,
  isTrade,
  type OpenExecution,
  type OpenRecord,
  UNKNOWN_WORTH,
} from './openExecution.ts'
import { phaseOf } from './phaseOf.ts'
import { recordChange } from './recordChange.ts'
import { refusalOf } from './refusalOf.ts'
import { createReplacements, type Replacements } from './replace.ts'
import { calldataOf } from './signing.ts'
import { createSubmissions, type Submissions } from './submit.ts'
import type { TradesInFlight } from './tradesInFlight.ts'

/**
 * One trade's life: `submit.ts` begins it, `replace.ts` changes what is out, and the rest is here, from top
 * to bottom; `poller.ts` calls it as the chain demands.
 *
 * | state       | nonce    | bytes          | goes on by                                                    |
 * | ----------- | -------- | -------------- | ------------------------------------------------------------- |
 * | `accepted`  | none     | none           | submit → signed; deny, expire (final)                          |
 * | `signed`    | signed   | may be out     | send → pending; settle, displace                               |
 * | `pending`   | signed   | a node has it  | send, replace (bump or cancel); settle, displace               |
 * | `included`  | mined    | in a block     | finish (final); reopen → pending; settle (in another block)    |
 * | `reverted`  | mined    | in a block     | the same                                                       |
 * | `cancelled` | mined    | a no-op of ours in a block | the same                                           |
 * | `displaced` | final    | worthless      | nothing: another transaction has its nonce in a final block    |
 * | `denied`, `expired` | none | none       | nothing                                                        |
 *
 * A filler is a trade without a signal: it begins as `signed`, with a no-op, and ends as `cancelled` or
 * `displaced`.
 */
export interface Trades extends Submissions, Replacements {
  /** Uses a gap up with a no-op, so that what waits above it moves on. */
  fill(lane: Lane, nonce: number): Promise<void>
  /**
   * Hands an attempt's bytes, by default the newest's, to nodes or relays: the first time or again. Never
   * rejects.
   */
  send(execution: OpenExecution, attempt?: Attempt): Promise<void>
  /** A block holds one of its transactions: the trade, or the no-op that took its place. */
  settle(execution: OpenExecution, receipt: MinedReceipt, final: boolean): Promise<void>
  /** Its block is final. */
  finish(execution: OpenExecution): Promise<void>
  /** The block that held it left the chain: the same bytes go out again, all of them valid as before. */
  reopen(execution: OpenExecution, minedCount: number): Promise<void>
  /**
   * Another transaction has its nonce: it ends, once it is known by whom, and a foreign one stops the lane.
   */
  displace(execution: OpenExecution): Promise<void>
  /**
   * The operator's word that it has ended, where the chain does not tell any more how: the hour is charged
   * with the most that it can have cost. False when a receipt of ours has come meanwhile.
   */
  abandon(execution: OpenExecution, reason: Failure): Promise<boolean>
}

export function createTrades({
  open,
  inFlight,
  context,
}: {
  open: Map<string, OpenExecution>
  inFlight: TradesInFlight
  context: LiveContext
}): Trades {
  const { chain, trade, budget, lanes, maintenance, journal, clock, log } = context
  /** What has been said of trades whose nonce is used up and that cannot be concluded. */
  const unexplained = new Map<string, string>()

  // ---- signed → pending: the bytes leave

  async function send(execution: OpenExecution, attempt = execution.attempts.at(-1)): Promise<void> {
    if (attempt === undefined) return
    const { sending } = execution
    const phase = isNoOp(attempt) ? 'public' : phaseOf(execution, context)
    const about = { signal_id: idOf(execution.record), hash: attempt.hash, nonce: attempt.nonce }
    // Relays have had their time.
    if (phase === 'cancel') {
      const sentence = 'It must stay private: nothing of it is sent until a no-op takes its place.'
      if (!execution.warned.has(phase)) log.warn(about, sentence)
      execution.warned.add(phase)
      return
    }
    sending.underway = attempt.hash
    const outcome = await context.send.broadcast({ attempt, to: phase === 'private' ? 'relays' : 'nodes' })
    if (sending.underway === attempt.hash) sending.underway = null
    sending.atBlock = Math.max(chain.head(), attempt.signedAtBlock)
    sending.atMs = clock.elapsedMs()
    // The answer about an older attempt says nothing of the newest.
    if (execution.attempts.at(-1)?.hash === attempt.hash) {
      sending.taken = outcome.status === 'accepted'
      sending.refusal = refusalOf(outcome, execution.attempts.length > 1)
      sending.contested = outcome.status === 'contested'
    }
    if (outcome.status !== 'accepted') {
      const { code, sentence, facts } = outcome.failure
      const said = `${outcome.status} ${code}`
      if (!execution.warned.has(said))
        log.warn(
          { ...about, code, ...facts },
          `No node confirmed the transaction (${outcome.status}): ${sentence}`,
        )
      execution.warned.add(said)
      // The same bytes go out again at every block; what is new must not queue up behind them. A tenth more
      // than is at stake: the node may count a data fee that we do not.
      if (code === 'INSUFFICIENT_FUNDS' && lanes.lane(attempt.lane) !== null)
        maintenance.underfunded(attempt.lane, (budget.atStakeWei(attempt.lane) * 11n) / 10n)
      if (outcome.verdicts.some((verdict) => verdict.class === 'delegated_limit'))
        maintenance.delegated(attempt.lane)
      return
    }
    context.send.onTaken()
    if (execution.record.state !== 'signed') return
    const changedAtMs = clock.nowMs()
    const accepted = (record: OpenRecord) =>
      record.state === 'signed' ? { record: changedRecord(record, 'node_accepts', { changedAtMs }) } : null
    // Nobody waits for this one: `signed` on disk says the same to a restart, namely that the bytes may be
    // out.
    recordChange(execution, accepted, context, 'soon').catch((error: unknown) =>
      log.warn({ ...about, err: error }, 'An acceptance could not be journaled.'),
    )
  }

  // ---- in a block, and out of it

  async function settle(execution: OpenExecution, receipt: MinedReceipt, final: boolean): Promise<void> {
    const { inclusion, success } = receipt
    const { record, place, attempts } = execution
    const attempt = attempts.find(({ hash }) => hash === inclusion.hash)
    if (attempt === undefined) throw new Error(`${inclusion.hash} is no attempt of ${idOf(record)}.`)
    const isTradeOfOurs = !isNoOp(attempt)
    const event = isTradeOfOurs ? (success ? 'include' : 'revert') : 'cancel'
    const signal = isTradeOfOurs ? record.signal : null
    const realised = await trade.realise({ signal, executor: attempt.to, receipt })
    const changedAtMs = clock.nowMs()
    let isKnown = false
    await recordChange(
      execution,
      (before) => {
        // Two checks may find it at once: it is told once.
        isKnown = before.inclusion !== null && receiptName(before.inclusion) === receiptName(inclusion)
        if (isKnown && (before.final || !final)) return null
        const reason = isKnown ? before.failure : whyEnded(before, event, inclusion)
        const includedAtMs = isKnown ? spentAtMs(before) : changedAtMs
        const change = { inclusion, realised, final, failure: reason, changedAtMs, includedAtMs }
        return { record: changedRecord(before, event, change) }
      },
      context,
    )
    // After its record, whose changes follow each other: a block that is found gone meanwhile undoes no newer
    // one.
    if (place !== null && place.stage !== 'ended') {
      const wei = inclusion.gasUsed * inclusion.effectiveGasPriceWei + inclusion.l1FeeWei
      if (place.stake !== null)
        budget.settle(place.stake, {
          wei,
          receipt: receiptName(inclusion),
          atMs: clock.steadyMs(),
          block: inclusion.block,
        })
      heedForeignUse(place, place.mined())
    }
    if (event === 'include') inFlight.included(idOf(record), inclusion.block)
    else inFlight.remove(idOf(record))
    execution.passedAtBlock = null
    execution.giveAnswer?.()
    if (!isKnown && event === 'revert' && isTrade(execution))
      void explainRevert(execution, attempt, inclusion)
    if (final) forget(execution)
  }

  /** Afterwards, since nobody waits for it: the reason is one more change of the record. Never rejects. */
  async function explainRevert(
    execution: OpenExecution<LiveExecution>,
    attempt: Attempt,
    inclusion: Inclusion,
  ): Promise<void> {
    const { signal } = execution.record
    try {
      const reason = await chain.whyReverted({ attempt, signal, block: inclusion.block })
      if (reason === null) return
      const sentence = `The transaction reverted in block ${inclusion.block}: ${reason.sentence}`
      const facts = { ...reason.facts, block: inclusion.block, hash: inclusion.hash }
      const told = failure('REVERTED', sentence, facts, reason.hint)
      const change = { failure: told, changedAtMs: clock.nowMs() }
      await recordChange(
        execution,
        (before) =>
          before.state === 'reverted' && before.inclusion?.hash === inclusion.hash
            ? { record: { ...before, ...change } }
            : null,
        context,
        'soon',
      )
    } catch (error) {
      log.warn({ signal_id: signal.signalId, err: error }, 'The reason of a revert could not be told.')
    }
  }

  async function finish(execution: OpenExecution): Promise<void> {
    const changedAtMs = clock.nowMs()
    const isFinal = await recordChange(
      execution,
      (before) =>
        before.inclusion === null || before.final
          ? null
          : { record: { ...before, final: true, changedAtMs } },
      context,
      'soon',
    )
    if (isFinal) forget(execution)
  }

  async function reopen(execution: OpenExecution, minedCount: number): Promise<void> {
    const { record, place, attempts } = execution
    const gone = { inclusion: null, realised: null, failure: null, changedAtMs: clock.nowMs() }
    const isGone = await recordChange(
      execution,
      (before) =>
        before.inclusion?.blockHash === record.inclusion?.blockHash
          ? { record: changedRecord(before, 'reorg', gone) }
          : null,
      context,
    )
    // It was found in another block meanwhile.
    if (!isGone) return
    if (place?.stage === 'mined') {
      place.reopened(minedCount)
      if (place.stake !== null) budget.reopen(place.stake)
    }
    execution.sending.reopenedAtBlock = chain.head()
    execution.worth = UNKNOWN_WORTH
    const mined = attempts.find(({ hash }) => hash === record.inclusion?.hash)
    if (isTrade(execution) && mined !== undefined && !isNoOp(mined)) {
      const { signal } = execution.record
      const calldata = calldataOf(execution.record, signal.minProfit, context)
      inFlight.add({ signal, signalId: signal.signalId, calldata })
    }
    await send(execution, mined ?? attempts.at(-1))
  }

  // ---- the nonce went to another transaction

  async function displace(execution: OpenExecution): Promise<void> {
    const { lane, nonce } = execution.record
    if (lane === null || nonce === null) return
    const since = execution.attempts[0]?.signedAtBlock ?? 0
    const hashes = hashesOf(execution)
    const by = await chain.foreignTransaction({ lane, nonce, since, hashes })
    const id = idOf(execution.record)
    const isOwn = by !== null && by.hash !== null && hashes.includes(by.hash)
    if (by === null || isOwn) {
      // Counts say that the nonce is mined, but not by whom: receipts of ours may be late, and nothing may be
      // concluded. One in a final block whose receipt nodes do not keep any more holds up no other, and stays
      // until the operator abandons it.
      if (isOwn) execution.place?.mined()
      const sentence = isOwn
        ? `It is in a final block as ${by.hash}, and nodes keep no receipt of it: what it earned cannot be told. Abandon it.`
        : 'Who took the nonce cannot be told yet.'
      if (unexplained.get(id) !== sentence) log.warn({ signal_id: id, lane, nonce }, sentence)
      unexplained.set(id, sentence)
      return
    }
    const isOurs = by.hash !== null && journal.isOurs(by.hash)
    const whose = isOurs ? 'Another transaction of ours' : 'A transaction that is not ours'
    const named = by.hash === null ? ', which nodes do not tell any more,' : `, ${by.hash} (${by.what}),`
    const sentence = `${whose}${named} took nonce ${nonce} of ${lane}.`
    const facts = { lane, nonce, ...(by.hash !== null && { transaction: by.hash }) }
    const isDone = await end(execution, failure('DISPLACED', sentence, facts))
    if (!isDone) return
    log.error({ signal_id: id, ...facts }, sentence)
    if (execution.place !== null && !isOurs) lanes.pause(lane, 'foreign', sentence)
  }

  async function abandon(execution: OpenExecution, reason: Failure): Promise<boolean> {
    const { simulation } = execution.record
    const costs = execution.attempts.map(({ fee, gasLimit }) => maxCostWei({ quote: fee, gasLimit }))
    const wei = highest(0n, ...costs) + (simulation === null ? 0n : trade.feeBesideGas(simulation))
    return await end(execution, reason, {
      wei,
      receipt: idOf(execution.record),
      atMs: clock.steadyMs(),
      block: chain.head(),
    })
  }

  /** It ends as displaced; false when a receipt of ours has come meanwhile. */
  async function end(
    execution: OpenExecution,
    reason: Failure,
    spent: (Spent & { readonly block: number }) | null = null,
  ): Promise<boolean> {
    const { place } = execution
    const replaced = execution.record.inclusion?.blockHash
    const change = {
      failure: reason,
      inclusion: null,
      realised: null,
      final: true,
      changedAtMs: clock.nowMs(),
    }
    const isDone = await recordChange(
      execution,
      (before) => {
        if (before.inclusion?.blockHash !== replaced) return null
        const open = isOpen(before.state) ? before : changedRecord(before, 'reorg', change)
        return { record: changedRecord(open, 'displace', change) }
      },
      context,
    )
    if (!isDone) return false
    inFlight.remove(idOf(execution.record))
    if (place !== null && place.stake !== null) {
      if (spent === null) budget.release(place.stake)
      else budget.settle(place.stake, spent)
    }
    execution.giveAnswer?.()
    forget(execution)
    return true
  }

  // ---- final

  /** Nonces below every one that can still change are final for their lane. */
  function forget(execution: OpenExecution): void {
    open.delete(idOf(execution.record))
    unexplained.delete(idOf(execution.record))
    const { place } = execution
    if (place === null) return
    heedForeignUse(place, place.final())
    const floor = lanes.lane(place.lane)?.floor()
    if (floor !== undefined) journal.settleNonces(place.lane, floor - 1)
  }

  /** Nonces that went to transactions that are not ours stop the lane until its owner has looked into it. */
  function heedForeignUse({ lane }: Place, use: ForeignUse | null): void {
    if (use === null) return
    const sentence = `Another party uses ${lane}: its nonces from ${use.lowest} on (${use.count}) went to transactions that are not ours.`
    lanes.pause(lane, 'foreign', sentence)
    log.error({ lane, ...use }, sentence)
  }

  const fill = createFiller({ open, send, context })
  const submissions = createSubmissions({ open, inFlight, context })
  const replacements = createReplacements({ inFlight, send, context })
  return { ...submissions, ...replacements, fill, send, settle, finish, reopen, displace, abandon }
}

function whyEnded(
  { failure: known, nonce, lane }: { failure: Failure | null; nonce: number | null; lane: string | null },
  event: 'include' | 'revert' | 'cancel',
  { block, hash }: Inclusion,
): Failure | null {
  const because = known === null ? '' : ` ${known.sentence}`
  switch (event) {
    case 'include':
      return null
    case 'revert':
      return failure('REVERTED', `The transaction reverted in block ${block}.`, { block, hash })
    case 'cancel':
      return failure('CANCELLED', `An empty transaction took nonce ${nonce} of ${lane}.${because}`, {
        block,
        hash,
      })
    default:
      return event satisfies never
  }
}
