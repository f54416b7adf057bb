/**
 * Where a LIVE execution stands. `signed` and `pending` both mean that bytes may be in the hands of a node;
 * `pending` adds that one has taken them.
 */
export type ExecutionState =
  /** Promised to the client (`wait: none`) and on disk; no nonce is taken. */
  | 'accepted'
  /** The signed bytes are on disk and may have left. */
  | 'signed'
  | 'pending'
  /** In a block, and it succeeded. */
  | 'included'
  /** In a block, and it reverted: only gas was spent. */
  | 'reverted'
  /** A no-op of ours took the nonce instead. */
  | 'cancelled'
  /** Another transaction took the nonce, for good. */
  | 'displaced'
  /** Refused by us before anything was signed. */
  | 'denied'
  /** Its deadline passed before anything was signed. */
  | 'expired'

/** What may happen to one. */
export type ExecutionEvent =
  | 'sign'
  | 'node_accepts'
  | 'include'
  | 'revert'
  | 'cancel'
  | 'displace'
  | 'deny'
  | 'expire'
  /** The block that held it is no longer part of the chain. */
  | 'reorg'

const OPEN = {
  node_accepts: 'pending',
  include: 'included',
  revert: 'reverted',
  cancel: 'cancelled',
  displace: 'displaced',
} as const
/**
 * In a block, until that block is final: a reorg may bring it back, or put another of our transactions at its
 * nonce.
 */
const MINED = {
  include: 'included',
  revert: 'reverted',
  cancel: 'cancelled',
  reorg: 'pending',
} as const

/** The one table of states; the engine and the replay of the journal both go by it. */
const TABLE: Readonly<
  Record<ExecutionState, Readonly<Partial<Record<ExecutionEvent, ExecutionState | undefined>>>>
> = {
  accepted: { sign: 'signed', deny: 'denied', expire: 'expired' },
  signed: OPEN,
  pending: OPEN,
  included: MINED,
  reverted: MINED,
  cancelled: MINED,
  displaced: {},
  denied: {},
  expired: {},
}

/** The state after `event`; null when that cannot happen in `state`. */
export function transition(state: ExecutionState, event: ExecutionEvent): ExecutionState | null {
  return TABLE[state][event] ?? null
}

/**
 * Whether a trade in this state can still get into a block for the first time: denied or expired it cannot,
 * and in a block it is.
 */
export const isOpen = (state: ExecutionState): boolean =>
  state === 'accepted' || state === 'signed' || state === 'pending'
