import type { Signal } from '../domain/signal.ts'
import type { Answer, ChainStatus, RequestKind, Totals } from './protocol.ts'

/**
 * Hands a signal to the owner of its chain and its answer back. Says nothing of threads, so that an owner may one day be another machine.
 */
export interface Dispatcher {
  /**
   * `settle` is called exactly once, later or (for a refusal) at once. Refuses with UNKNOWN_CHAIN, CHAIN_UNAVAILABLE, OVERLOADED, SIGNAL_ID_CONFLICT;
   * answers CHAIN_THREAD_LOST when the owner ends before it has answered.
   */
  submit(kind: RequestKind, signal: Signal, settle: (answer: Answer) => void): void
  /** Every configured chain, in order of configuration. */
  chains(): readonly ChainStatus[]
  totals(): ReadonlyMap<number, Totals>
  /** Signals of a chain that wait or run. */
  queueDepth(chainId: number): number
  onStatus(listener: (status: ChainStatus) => void): void
}
