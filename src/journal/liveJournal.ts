import type { Answer, OutboxEvent } from '../dispatch/protocol.ts'
import type { Attempt, FillerRecord, LiveExecution } from '../domain/liveExecution.ts'
import type { JournalBase } from './journal.ts'

/** One step of an execution or of a filler: all of it is on disk at once, or none. */
export interface LiveChange {
  readonly execution: ExecutionChange | FillerRecord
  /** Bytes that leave after this change is on disk. */
  readonly attempt: Attempt | null
}

export interface ExecutionChange {
  readonly record: LiveExecution
  readonly payloadHash: string
  /** What the same signal is answered from now on. */
  readonly answer: Answer
  readonly event: { readonly type: OutboxEvent['type']; readonly json: string } | null
}

/** The journal of one chain in LIVE: written ahead of every byte that leaves. */
export interface LiveJournal extends JournalBase {
  /** Resolves when the change is on disk; rejects when the disk refuses, and then no bytes may leave. */
  record(change: LiveChange): Promise<void>
  /** The same for a change that no bytes and no answer wait for: it shares another's commit. */
  recordSoon(change: LiveChange): Promise<void>
  /** Puts what waits to share a commit on disk now. */
  hurry(): void
  /** Executions that can still change, oldest first. */
  open(): readonly { readonly record: LiveExecution; readonly payloadHash: string }[]
  /** Fillers that can still change. */
  openFillers(): readonly FillerRecord[]
  /** Every attempt at a nonce of a lane that is not final, in the order of signing. */
  openAttempts(): readonly Attempt[]
  /**
   * What gas has cost, by execution and filler, for all that changed since then; `receipt` names the
   * transaction and its block.
   */
  gasSpentSince(sinceMs: number): readonly {
    readonly kind: 'trade' | 'repair'
    readonly wei: bigint
    readonly atMs: number
    readonly receipt: string
  }[]
  /** The nonces of a lane up to and including `nonce` are final: their attempts need not be followed. */
  settleNonces(lane: string, nonce: number): void
  /** The highest nonce of a lane that is final; null when none is known to be. */
  settledNonce(lane: string): number | null
  /** Whether a transaction was signed here, for any signal or for none. */
  isOurs(hash: string): boolean
}
