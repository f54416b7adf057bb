import type { PendingTrade, Simulation } from '../domain/execution.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import type { Facts, Result } from '../errors/failure.ts'

/** Runs candidate trades on the current state of one chain. */
export interface SimulationEngine {
  /**
   * Runs `calldata` (of the executor's `execute`) as a transaction of the next block would run.
   *
   * A trade that reverts is a value with `success: false` and its reason. It is a failure when nothing was
   * learnt about the trade: `NODE_UNAVAILABLE`, `NODE_TIMEOUT`, `UNSUPPORTED_ON_CHAIN` (no such lender here),
   * or `SIMULATION_FAILED` when the node could not run it to an answer, so that not even the block is known.
   *
   * With `behind`, trades of ours in flight in the order in which they were signed, it is run alone and, in
   * the same call, behind all of them, and the worse of the two is the answer; its gas is the higher of both.
   * One of them that reverts, as it does when it has been mined, changes nothing, and neither does an attempt
   * of this very signal. `LANES_BUSY` when there are more of them than one call can run.
   */
  simulate(request: {
    signal: Signal
    calldata: Hex
    behind?: readonly PendingTrade[]
    /** The oldest block whose state may be used: an endpoint that answers on one before it is passed over. */
    since?: number
  }): Promise<Result<Simulation>>
}

/** Reads revert data of a signal's execution; `nodes/revertReasons.ts` does. */
export type ExplainRevert = (revert: { data: Hex; signal: Signal }) => ExplainedRevert

/**
 * The same with what the chain says besides, on the state of that block; `nodes/revertInquiry.ts` does. Never
 * rejects.
 */
export type InquireRevert = (revert: { data: Hex; signal: Signal; block: number }) => Promise<ExplainedRevert>

export interface ExplainedRevert {
  readonly sentence: string
  readonly hop: number | null
  readonly shortfall: bigint | null
  readonly hint: string | null
  readonly kind: 'unprofitable' | 'expired' | 'failed'
  readonly facts?: Facts
}
