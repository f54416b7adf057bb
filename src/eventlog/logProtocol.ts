import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'
import type { ChainMark, EventPage, EventQuery, StoredEvent, TradeQuery } from './eventLog.ts'

/** What the log's thread is given when it starts. */
export interface EventLogThreadData {
  readonly path: string
  readonly retention: Retention
  /** The filter of ids, which the thread fills with those of the log. */
  readonly ids: SharedArrayBuffer
}

/** What is kept: neither older nor, all together, larger. */
export interface Retention {
  readonly keepMs: number
  readonly keepBytes: number
}

export type Question =
  | { readonly of: 'events'; readonly query: EventQuery }
  | { readonly of: 'trade'; readonly signalId: string }
  | { readonly of: 'trades'; readonly query: TradeQuery }
  | { readonly of: 'chains'; readonly signalIds: readonly string[] }

/** What each question is answered with. */
export interface Answers {
  readonly events: EventPage
  readonly trade: StoredEvent | null
  readonly trades: readonly StoredEvent[]
  readonly chains: readonly (number | null)[]
}

/** Main → the log's thread. */
export type LogRequest =
  | { readonly kind: 'append'; readonly chainId: number; readonly events: readonly OutboxEvent[] }
  | { readonly kind: 'adopt'; readonly chainId: number; readonly forgotten: OutboxMark }
  | { readonly kind: 'ask'; readonly key: number; readonly question: Question }
  /** Answered by `pong`. */
  | { readonly kind: 'ping' }
  /** Writes what waits, if the disk takes it, and ends the thread. */
  | { readonly kind: 'close' }

/** The log's thread → main, in the order in which things came about. */
export type LogMessage =
  /** It could not be opened. */
  | { readonly kind: 'refused'; readonly reason: string }
  | {
      readonly kind: 'opened'
      readonly epoch: string
      readonly lastSeq: number
      readonly oldestSeq: number
      readonly oldestMs: number | null
      readonly marks: readonly ChainMark[]
    }
  /** All ids of the log are in the filter. */
  | { readonly kind: 'idsKnown' }
  /** The next `count` of the events that were appended are on disk; the last of them has this `seq`. */
  | { readonly kind: 'stored'; readonly count: number; readonly lastSeq: number }
  | {
      readonly kind: 'adopted'
      readonly chainId: number
      readonly mark: OutboxMark
      readonly epoch: string
    }
  | { readonly kind: 'trimmed'; readonly oldestSeq: number; readonly oldestMs: number | null }
  /** Why the disk has refused the newest commit; null when it takes them again. */
  | { readonly kind: 'failing'; readonly reason: string | null }
  | { readonly kind: 'answer'; readonly key: number; readonly value: Answers[keyof Answers] }
  | { readonly kind: 'unanswered'; readonly key: number; readonly reason: string }
  | { readonly kind: 'pong' }
  | { readonly kind: 'closed' }
