import type { Signal } from '../domain/signal.ts'
import type { Result } from '../errors/failure.ts'
import type { Answer, ChainStatus, ControlEntry, ControlRequest, RequestKind, Totals } from './protocol.ts'

/**
 * Hands a signal to the owner of its chain and its answer back. Says nothing of threads, so that an owner may
 * one day be another machine.
 */
export interface Dispatcher {
  /**
   * `settle` is called exactly once, later or (for a refusal) at once. Refuses with UNKNOWN_CHAIN,
   * CHAIN_UNAVAILABLE, OVERLOADED, SIGNAL_ID_CONFLICT, JOURNAL_UNAVAILABLE; answers CHAIN_THREAD_LOST when the owner ends before
   * it has answered.
   */
  submit(kind: RequestKind, signal: Signal, settle: (answer: Answer) => void): void
  /** Every configured chain, in order of configuration. */
  chains(): readonly ChainStatus[]
  totals(): ReadonlyMap<number, Totals>
  /**
   * The chain that has an id in flight: it works on it now, or its thread ended with it and has not told yet
   * what it did. Null when none does; what has an outcome, or bytes out, is in the event log then.
   */
  inFlight(signalId: string): number | null
  /** Chains whose journal was not heard since the start, or not wholly: what they did under an id is not known. */
  unheard(): readonly ChainStatus[]
  /** Signals of a chain that wait or run. */
  queueDepth(chainId: number): number
  /** False only for an id that is not in flight and that no chain has executed. */
  mayKnow(signalId: string): boolean
  /**
   * The chain that has an id in flight or has executed it; null when none does. Rejects while that cannot be
   * read.
   */
  chainOf(signalId: string): Promise<number | null>
  /**
   * The operator's hand on a chain: what its journal has of the command, or of the newest ones. A failure
   * means that nothing was written down: UNKNOWN_CHAIN, CHAIN_UNAVAILABLE, JOURNAL_UNAVAILABLE; or that the
   * answer was lost: CHAIN_THREAD_LOST.
   */
  control(chainId: number, request: ControlRequest): Promise<Result<readonly ControlEntry[]>>
  onStatus(listener: (status: ChainStatus) => void): void
}
