import type { MinedReceipt } from './minedReceipt.ts'
import type { Finding } from './readChain.ts'

/** Why a trade is given up although its bytes are out. */
export type CancelReason = 'unprofitable' | 'refused' | 'private_too_long'

/** What is to be done about one execution. */
export type NextStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'undecided'; readonly reason: string }
  | { readonly kind: 'mined'; readonly receipt: MinedReceipt; readonly final: boolean }
  /** The block that is known already has become final. */
  | { readonly kind: 'final' }
  | { readonly kind: 'reorged'; readonly minedCount: number }
  | { readonly kind: 'rebroadcast' }
  | { readonly kind: 'bump' }
  | { readonly kind: 'cancel'; readonly why: CancelReason }
  /** Every endpoint has counted past the nonce for long, and none has a receipt of ours: who took it is to be found out. */
  | { readonly kind: 'passed' }

/** Why no node took the newest attempt: it offers too little, more than the account or the nodes' own cap allows, or nothing will ever make it valid. */
export type Refusal = 'none' | 'price' | 'too_much' | 'permanent'

/** Fees move by blocks alone: a clock that jumps or a chain that stands still must not raise a single one. */
export interface WatchPolicy {
  /** Bytes that no node has confirmed go out again after this time too: a chain that makes blocks on demand makes none without them. */
  readonly untakenAfterMs: number
  /** Nothing that is pending is simulated, priced or sent again sooner than this: a chain that makes blocks on demand makes many in no time. */
  readonly patienceMs: number
  /** The same bytes again, whatever else: nodes drop transactions in silence. */
  readonly rebroadcastAfter: number
  readonly rebroadcastAfterMs: number
  /** A higher fee, while the trade still pays. */
  readonly bumpAfter: number
  /** How long the mined count must have passed the nonce, with no receipt of ours anywhere, before that is believed. */
  readonly foreignAfter: number
}

/**
 * Pure: facts in, one step out. A receipt of ours beats everything; what could not be read decides nothing; and a mined count above the nonce is believed
 * to be somebody else's only after `foreignAfter` blocks in which every endpoint agreed, because receipts may lag behind counts.
 */
export function nextStep({
  nonce,
  finding,
  blocksSinceSent,
  blocksSinceSigned,
  msSinceSigned,
  blocksSincePassed,
  taken,
  refusal,
  isCancelling,
  paysNow,
  msSinceSent,
  policy,
}: {
  nonce: number
  finding: Finding
  /** Heads since bytes last went out, and since the newest attempt was signed. */
  blocksSinceSent: number
  blocksSinceSigned: number
  msSinceSigned: number
  msSinceSent: number
  /** Heads since every endpoint first counted past the nonce; null when not all do. */
  blocksSincePassed: number | null
  taken: boolean
  /** What every node holds against the newest attempt. */
  refusal: Refusal
  /** The newest attempt is a cancel. */
  isCancelling: boolean
  /** What a simulation on the newest block says of the trade; null when none was made or it could not be. */
  paysNow: boolean | null
  policy: WatchPolicy
}): NextStep {
  switch (finding.kind) {
    case 'unknown':
      return { kind: 'undecided', reason: finding.reason }
    case 'waiting':
      return { kind: 'wait' }
    case 'mined':
      if (finding.receipt !== null) return { kind: 'mined', receipt: finding.receipt, final: finding.final }
      return finding.final ? { kind: 'final' } : { kind: 'wait' }
    case 'absent':
      break
    default:
      return finding satisfies never
  }
  const lowest = Math.min(...finding.minedCounts)
  const highest = Math.max(...finding.minedCounts)
  // While a count says that the nonce still is mined, receipts lag behind or somebody else has taken it.
  if (finding.replaced && highest <= nonce) return { kind: 'reorged', minedCount: highest }
  if (lowest > nonce) {
    const enough = blocksSincePassed !== null && blocksSincePassed >= policy.foreignAfter
    return enough
      ? { kind: 'passed' }
      : { kind: 'undecided', reason: 'the nonce is mined and no receipt of ours is found yet' }
  }
  if (highest > nonce) return { kind: 'undecided', reason: 'endpoints disagree on the mined count' }
  if (refusal === 'permanent' && !isCancelling) return { kind: 'cancel', why: 'refused' }
  if (paysNow === false && !isCancelling) return { kind: 'cancel', why: 'unprofitable' }
  // Refused for its price, a new block is reason enough; without one the market has not moved.
  const bumpAfter = refusal === 'price' ? 1 : policy.bumpAfter
  // A higher fee would need still more funds: the same bytes wait for them.
  const isTime = blocksSinceSigned >= bumpAfter && msSinceSigned >= policy.patienceMs
  if (refusal !== 'too_much' && isTime) return { kind: 'bump' }
  const untaken = !taken && (blocksSinceSent > 0 || msSinceSent >= policy.untakenAfterMs)
  const long =
    (blocksSinceSent >= policy.rebroadcastAfter && msSinceSent >= policy.patienceMs) ||
    msSinceSent >= policy.rebroadcastAfterMs
  if (untaken || long) return { kind: 'rebroadcast' }
  return { kind: 'wait' }
}
