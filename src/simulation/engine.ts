import type { Simulation } from '../domain/execution.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import type { Facts, Result } from '../errors/failure.ts'

/** Runs candidate trades on the current state of one chain. */
export interface SimulationEngine {
  /**
   * Runs `calldata` (of the executor's `execute`) as a transaction of the next block would run.
   *
   * A trade that reverts is a value with `success: false` and its reason. It is a failure when nothing was learnt about the
   * trade: `NODE_UNAVAILABLE`, `NODE_TIMEOUT`, `UNSUPPORTED_ON_CHAIN` (no such lender here), or `SIMULATION_FAILED` when
   * the node could not run it to an answer, so that not even the block is known.
   */
  simulate(request: { signal: Signal; calldata: Hex }): Promise<Result<Simulation>>
}

/** Reads revert data of a signal's execution; `nodes/revertReasons.ts` does. */
export type ExplainRevert = (revert: { data: Hex; signal: Signal }) => {
  readonly sentence: string
  readonly hop: number | null
  readonly shortfall: bigint | null
  readonly hint: string | null
  readonly kind: 'unprofitable' | 'expired' | 'failed'
  readonly facts?: Facts
}
