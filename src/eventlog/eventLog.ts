import type { OutboxEvent } from '../dispatch/protocol.ts'

/** An event with its place in the one global order. */
export interface StoredEvent {
  readonly seq: number
  readonly chainId: number
  readonly outboxId: number
  readonly signalId: string
  readonly type: OutboxEvent['type']
  readonly outcome: OutboxEvent['outcome']
  readonly code: string | null
  readonly timestampMs: number
  /** JSON text of the message subscribers get, `seq` included. */
  readonly json: string
}

export interface TradeQuery {
  readonly chainId?: number
  readonly outcome?: OutboxEvent['outcome']
  /** Inclusive. */
  readonly fromSeq?: number
  readonly limit: number
}

/**
 * Every execution of the process in one durable order (`seq`, from 1, without holes). An event is stored
 * once, whatever crashes between a chain's outbox and this log; reads see everything appended before, unless
 * the log is `failing`.
 */
export interface EventLog {
  /** Names this log; a client that meets another epoch holds sequence numbers of another log. */
  readonly epoch: string
  lastSeq(): number
  /** Oldest kept sequence number; `lastSeq() + 1` when the log is empty. */
  oldestSeq(): number
  /** Up to `limit` events from `fromSeq` (inclusive), oldest first. */
  read(range: { readonly fromSeq: number; readonly limit: number }): StoredEvent[]
  /** The newest event of one execution. */
  trade(signalId: string): StoredEvent | null
  /** The newest event of each execution, in the order of `seq`; the filters are about these. */
  trades(query: TradeQuery): StoredEvent[]
  /** Called after each commit with what it added, in order; at most once per flush. */
  onStored(listener: (events: readonly StoredEvent[]) => void): void
  /** Takes a chain's events; those stored before are skipped. They are on disk at the next flush. */
  append(chainId: number, events: readonly OutboxEvent[]): void
  /** Highest outbox id of this chain on disk here; 0 when none. */
  storedOutboxId(chainId: number): number
  /** The chain that executed this id; null when none did. */
  chainOf(signalId: string): number | null
  /**
   * Why the last flush did not reach the disk, as a sentence; null when it did. What waits is tried again
   * every second and is not read until then.
   */
  failing(): string | null
  close(): void
}
