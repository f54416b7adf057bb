import type { SendErrorClass } from '../nodes/sendErrors.ts'

/** What one endpoint made of a signed transaction. */
export type VerdictClass =
  /** It answered with our hash. */
  | 'accepted'
  /** It answered with another hash than ours: what it took is not known. */
  | 'foreign_hash'
  /** No connection could be made: certainly nothing was received. */
  | 'unreachable'
  /** No answer, or none that is a reply to the call: the bytes may have been taken. */
  | 'no_answer'
  | SendErrorClass

export interface Verdict {
  /** The endpoint, by host only. */
  readonly host: string
  readonly class: VerdictClass
  /** What it said, without URLs, or why it said nothing; empty when it accepted. */
  readonly message: string
}

/** What a verdict says about these bytes at that endpoint. */
export type Meaning =
  | 'taken'
  /** Certainly not taken, now. */
  | 'not_taken'
  /** Another transaction, or this one mined already, has the nonce. */
  | 'contested'
  | 'unknown'

/**
 * A revert is unknown: development nodes mine the transaction and then answer so. So is a rate limit, since a
 * balancer may have passed the bytes on, and a nonce that is too high, since the same bytes are to be sent
 * again and the nonce is not to be freed.
 */
const MEANINGS: Readonly<Record<VerdictClass, Meaning>> = {
  accepted: 'taken',
  already_known: 'taken',
  nonce_too_low: 'contested',
  replacement_underpriced: 'contested',
  underpriced: 'not_taken',
  fee_cap_exceeded: 'not_taken',
  insufficient_funds: 'not_taken',
  intrinsic_gas: 'not_taken',
  gas_limit: 'not_taken',
  delegated_limit: 'not_taken',
  already_reserved: 'not_taken',
  txpool_full: 'not_taken',
  invalid_transaction: 'not_taken',
  method_unavailable: 'not_taken',
  unreachable: 'not_taken',
  execution_reverted: 'unknown',
  nonce_too_high: 'unknown',
  rate_limited: 'unknown',
  foreign_hash: 'unknown',
  no_answer: 'unknown',
  unknown: 'unknown',
}

export const meaningOf = (verdict: Verdict): Meaning => MEANINGS[verdict.class]

/** One line for people and logs. */
export const describeVerdict = ({ host, class: verdictClass, message }: Verdict): string =>
  message === '' ? `${host}: ${verdictClass}` : `${host}: ${verdictClass} (${message})`
