import type { Stake } from '../../budget/budget.ts'
import type { FeeQuote } from '../../domain/fees.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { Address, Hex } from '../../domain/signal.ts'
import { CommitUnknown } from '../../errors/commitUnknown.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import type { Place } from '../../lanes/lane.ts'
import type { LiveContext } from './liveContext.ts'

/**
 * What every attempt has in common: signed bytes at the nonce of a place. They must be on disk before they
 * leave.
 */
export function signAt(
  place: Place,
  { to, data, gasLimit, fee }: { to: Address; data: Hex; gasLimit: bigint; fee: FeeQuote },
  { trade, clock }: LiveContext,
): Omit<Attempt, 'kind' | 'signalId' | 'signedAtBlock'> {
  const { lane, nonce } = place
  if (nonce === null) throw new Error(`A place of ${lane} signs without a nonce.`)
  const signed = trade.sign({ lane, nonce, to, data, gasLimit, fee })
  return { ...signed, lane, nonce, to, fee, gasLimit, signedAtMs: clock.nowMs() }
}

/**
 * A first attempt was not written: its nonce and its money are free again, unless it may be on disk all the
 * same.
 */
export function takeBack(place: Place, stake: Stake, error: unknown, { budget, log }: LiveContext): void {
  if (!(error instanceof CommitUnknown)) {
    budget.release(stake)
    return
  }
  place.stake = stake
  place.orphan()
  const facts = { lane: place.lane, nonce: place.nonce, err: error }
  log.error(facts, 'Whether an attempt is on disk is not known; a no-op uses its nonce up.')
}

/** What is left of the time that a trade without a `valid_until` is tried for, ms. */
export const ttlLeftMs = ({ acceptedAtMs }: LiveExecution, { settings, clock }: LiveContext): number =>
  acceptedAtMs + settings.tradeTtlMs - clock.steadyMs()

/**
 * Unix ms after which the executor refuses the trade: it compares with the time of the block. Where our clock
 * is behind the chain's, a time to live counts from the chain's.
 */
const deadlineOf = (record: LiveExecution, context: LiveContext): number =>
  record.signal.validUntilMs ??
  Math.max(context.chain.timeMs(), context.clock.steadyMs()) + ttlLeftMs(record, context)

/** @param minProfit base units of the loan token below which the executor reverts */
export const calldataOf = (record: LiveExecution, minProfit: bigint, context: LiveContext): Hex =>
  context.trade.calldata(record.signal, { minProfit, deadlineMs: deadlineOf(record, context) })

export const journalFailure = (error: unknown): Failure =>
  failure(
    'JOURNAL_UNAVAILABLE',
    `The journal cannot be written: ${error instanceof Error ? error.message : error}.`,
  )
