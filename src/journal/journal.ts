import type { Answer, ControlStore, OutboxEvent, Totals } from '../dispatch/protocol.ts'
import type { OutboxTable } from './outboxTable.ts'

/**
 * A settled execution as the journal keeps it: enough to give the same answer again and to tell subscribers.
 */
export interface JournalEntry {
  readonly signalId: string
  readonly payloadHash: string
  readonly settledAtMs: number
  readonly outcome: 'filled' | 'failed'
  readonly code: string | null
  readonly answer: Answer
  readonly event: { readonly type: OutboxEvent['type']; readonly json: string }
  /**
   * What this entry adds to `Totals.profitUsdE8`; null for a filled trade without a known price, which is
   * counted apart.
   */
  readonly profitUsdE8: bigint | null
  readonly expectedProfitUsd: number
}

/** The first answer to a signal, and the payload it was given for. */
export interface FirstAnswer {
  readonly payloadHash: string
  readonly answer: Answer
}

/** Durable truth of one chain in one mode; exactly one writer. */
export interface JournalBase {
  /** The answer given under this id; null when the id is new. */
  find(signalId: string): FirstAnswer | null
  totals(): Totals
  /** Where events wait for the event log. */
  readonly outbox: Pick<OutboxTable, 'attach' | 'above' | 'stored'>
  /**
   * What was final before this moment is forgotten, its id included: some with each commit, so that a file
   * does not grow for ever. Its sums stay.
   */
  forget(beforeMs: number): void
  /** The operator's commands on this chain. */
  readonly controls: ControlStore
  /** Why the disk has refused the newest write, and refuses one now; null when it takes them. */
  trouble(): string | null
  close(): void
}

/** The journal of PAPER: an execution is settled when it is written. */
export interface Journal extends JournalBase {
  /**
   * Resolves when the entry, its event and the new totals are on disk, in one commit shared with the other
   * entries of the tick. Rejects when the disk refuses: nothing of the group is kept then.
   */
  append(entry: JournalEntry): Promise<OutboxEvent>
}
