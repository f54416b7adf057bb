import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'

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
  readonly chainId: number | null
  readonly outcome: OutboxEvent['outcome'] | null
  /** Inclusive. */
  readonly fromSeq: number
  readonly limit: number
}

export interface EventQuery {
  /** Inclusive. What retention has taken is passed over: see `EventPage.fromSeq`. */
  readonly fromSeq: number
  readonly limit: number
  /** Null = every chain. */
  readonly chainIds: readonly number[] | null
  /**
   * Whether what waits to be written is written first. Who hears of new events by `onStored` needs none of
   * them here.
   */
  readonly withNewest: boolean
}

export interface EventPage {
  /** Oldest first. */
  readonly events: readonly StoredEvent[]
  /** Where the page really begins: above what was asked for when that is kept no more. */
  readonly fromSeq: number
  /** Where the next page begins: everything below is in this one, or is of another chain. */
  readonly nextSeq: number
}

/** Events of a chain, of which the newest is this one. */
export interface ChainMark extends OutboxMark {
  readonly chainId: number
}

/**
 * Every execution of the process in one durable order (`seq`, from 1, without holes). An event is stored
 * once, whatever crashes between a chain's outbox and this log. What is kept of it is bounded by age and
 * size; the events of a trade that is still open are kept for as long as it is. Reads reject while the log's
 * thread is down, which `failing` explains.
 */
export interface EventLog {
  /**
   * Names this log; a client that meets another epoch holds sequence numbers of another log, or of one whose
   * file was put back to an older state.
   */
  epoch(): string
  lastSeq(): number
  /** Everything from here on is kept; `lastSeq() + 1` when the log is empty. */
  oldestSeq(): number
  read(query: EventQuery): Promise<EventPage>
  /** The newest event of one execution. */
  trade(signalId: string): Promise<StoredEvent | null>
  /** The newest event of each execution, in the order of `seq`; the filters are about these. */
  trades(query: TradeQuery): Promise<readonly StoredEvent[]>
  /** Called after each commit with what it added, in order: everything up to `lastSeq()` can be read. */
  onStored(listener: (events: readonly StoredEvent[]) => void): void
  /**
   * Why the last commit did not reach the disk, or nothing can be read, as a sentence; null when all is well.
   * What waits is tried again every second and is not read until then.
   */
  failing(): string | null
  close(): Promise<void>
}

/** The log as those see it who bring it the events of the chains (the dispatcher's `DispatcherLog`). */
export interface EventIntake {
  /**
   * A chain's thread has opened its journal, which has no events up to `forgotten` any more. The events above
   * what the log has are asked for (`onMissing`).
   */
  attached(chainId: number, forgotten: OutboxMark): void
  /** New events of a chain, in the order of their ids. */
  append(chainId: number, events: readonly OutboxEvent[]): void
  /** Events that were asked for; `more` when the journal has further ones. */
  resent(chainId: number, events: readonly OutboxEvent[], more: boolean): void
  /** How far a chain's events are on disk here; null when it is not known here. */
  mark(chainId: number): OutboxMark | null
  /**
   * Older events are not kept any more, nor need be what the journals have of their trades. Null while all
   * are kept.
   */
  keptSinceMs(): number | null
  /** False only when no chain has executed this id, as far as its chain has told. */
  mayKnow(signalId: string): boolean
  /** The chain that executed this id; null when none did. Rejects while the log cannot be read. */
  chainOf(signalId: string): Promise<number | null>
  /** Why no further signals may be taken, a sentence: too much waits to be written. Null when they may. */
  full(): string | null
}
