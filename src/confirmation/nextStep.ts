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
  /** The same bytes again. */
  | { readonly kind: 'rebroadcast' }
  /** A higher fee at the same nonce. */
  | { readonly kind: 'bump' }
  /** A no-op at the same nonce. */
  | { readonly kind: 'cancel'; readonly why: CancelReason }
  /** The nonce was mined long ago, and no receipt of ours is found: who took it is to be found out. */
  | { readonly kind: 'passed' }

/**
 * Why no node took the newest attempt: it offers too little, more than the account or the nodes' own cap
 * allows, or it will never be valid.
 */
export type Refusal = 'none' | 'price' | 'too_much' | 'permanent'

/** Fees move by blocks alone: a clock that jumps or a chain that stands still must not raise a single one. */
export interface PollPolicy {
  /**
   * Bytes that no node has confirmed go out again after this time too: a chain that makes blocks on demand
   * makes none without them.
   */
  readonly untakenAfterMs: number
  /**
   * Nothing that is pending is simulated, priced or sent again sooner than this: a chain that makes blocks on
   * demand makes many in no time.
   */
  readonly patienceMs: number
  /** The same bytes again, whatever else: nodes drop transactions without a word. */
  readonly rebroadcastAfter: number
  readonly rebroadcastAfterMs: number
  /** A higher fee, while the trade still pays. */
  readonly bumpAfter: number
  /**
   * How long the mined counts must have passed the nonce, with no receipt of ours anywhere, before that is
   * believed.
   */
  readonly foreignAfter: number
}

/**
 * Pure: facts in, one step out.
 *
 * A receipt of ours settles everything. A bump, a cancel and a resend keep the nonce, so whatever they race
 * with, one transaction lands: they need no count of anybody, and an endpoint that is down, late or lying
 * cannot stop them. Only two steps give up what is signed, `reorged` (its block) and `passed` (its nonce):
 * they need counts of those endpoints that answered. What could not be read decides nothing.
 */
export function nextStep({
  nonce,
  finding,
  minedCounts,
  blocksSinceSent,
  blocksSinceSigned,
  msSinceSigned,
  blocksSincePassed,
  taken,
  refusal,
  isNoOp,
  worth,
  phase,
  mayCancel,
  msSinceSent,
  policy,
}: {
  nonce: number
  finding: Finding
  /** Of the endpoints that answered, at `latest`; empty when none was asked or none did. */
  minedCounts: readonly number[]
  /** Heads since bytes last went out, and since the newest attempt was signed. */
  blocksSinceSent: number
  blocksSinceSigned: number
  /** Of a clock that never jumps. */
  msSinceSigned: number
  msSinceSent: number
  /** Heads since every count was first above the nonce; null when not all are. */
  blocksSincePassed: number | null
  /** A node has the newest attempt, or is being sent it. */
  taken: boolean
  /** What every node holds against the newest attempt. */
  refusal: Refusal
  /** The newest attempt is a cancel or a filler. */
  isNoOp: boolean
  /**
   * What simulations on blocks above the one it was signed on say: it pays, or two blocks say that it does
   * not (one may come from an endpoint that lags). Null when that is not known.
   */
  worth: 'pays' | 'unpaying' | null
  /** Where its bytes may go: see `relayPhase`. */
  phase: 'public' | 'private' | 'publish' | 'cancel'
  /**
   * Whether it may be given up for want of profit: not where nodes hold no transaction whose turn has not
   * come.
   */
  mayCancel: boolean
  policy: PollPolicy
}): NextStep {
  switch (finding.kind) {
    case 'unknown':
      return { kind: 'undecided', reason: finding.reason }
    case 'mined':
      if (finding.receipt !== null) return { kind: 'mined', receipt: finding.receipt, final: finding.final }
      return finding.final ? { kind: 'final' } : { kind: 'wait' }
    case 'absent':
      break
    default:
      return finding satisfies never
  }
  const passed = minedCounts.length > 0 && minedCounts.every((count) => count > nonce)
  if (passed)
    return blocksSincePassed !== null && blocksSincePassed >= policy.foreignAfter
      ? { kind: 'passed' }
      : { kind: 'undecided', reason: 'the nonce is mined and no receipt of ours is found yet' }
  if (finding.replaced) {
    if (minedCounts.length === 0) return { kind: 'undecided', reason: 'no endpoint tells the mined count' }
    const highest = Math.max(...minedCounts)
    if (highest <= nonce) return { kind: 'reorged', minedCount: highest }
    return { kind: 'undecided', reason: 'endpoints disagree on the mined count after a reorg' }
  }
  const { untakenAfterMs, patienceMs, rebroadcastAfter, rebroadcastAfterMs, bumpAfter } = policy
  const isPrivate = phase !== 'public' && !isNoOp
  if (!isNoOp) {
    if (phase === 'cancel') return { kind: 'cancel', why: 'private_too_long' }
    if (refusal === 'permanent') return { kind: 'cancel', why: 'refused' }
    if (worth === 'unpaying' && mayCancel) return { kind: 'cancel', why: 'unprofitable' }
  }
  // A bundle is for one block, and a bump would only tell the relays of our hurry.
  if (isPrivate && phase === 'private')
    return blocksSinceSent > 0 ? { kind: 'rebroadcast' } : { kind: 'wait' }
  // Refused for its price, a new block is reason enough; without one the market has not moved.
  const isTime = msSinceSigned >= patienceMs && blocksSinceSigned >= (refusal === 'price' ? 1 : bumpAfter)
  // A higher fee would need still more funds: the same bytes wait for them.
  const mayBump = refusal !== 'too_much' && (isNoOp || worth === 'pays')
  if (isTime && mayBump) return { kind: 'bump' }
  const untaken = !taken && (blocksSinceSent > 0 || msSinceSent >= untakenAfterMs)
  const long =
    (blocksSinceSent >= rebroadcastAfter && msSinceSent >= patienceMs) || msSinceSent >= rebroadcastAfterMs
  if (untaken || long) return { kind: 'rebroadcast' }
  return { kind: 'wait' }
}
