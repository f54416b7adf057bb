import { CLIENT_SEND_ERRORS } from './clientSendErrors.ts'
import { GETH_SEND_ERRORS } from './gethSendErrors.ts'
import { readNodeError } from './nodeErrors.ts'
import { ROLLUP_SEND_ERRORS } from './rollupSendErrors.ts'
import type { RpcError } from './rpc.ts'

/**
 * What a node's refusal of a signed transaction says. A hint only: the chain decides what became of the
 * transaction.
 */
export type SendErrorClass =
  /**
   * The node ran it and it reverted. Development nodes have included it by then; sequencers have dropped it.
   */
  | 'execution_reverted'
  /** The node has these very bytes already. */
  | 'already_known'
  /** Some transaction with this nonce is mined: ours or another. */
  | 'nonce_too_low'
  /** The node lacks a transaction before this one; the same bytes may be taken a moment later. */
  | 'nonce_too_high'
  /**
   * Another transaction of the account holds this nonce in the pool, and this one does not pay enough more.
   */
  | 'replacement_underpriced'
  /** Below what the pool or the base fee asks for. */
  | 'underpriced'
  /** Above what this node lets a transaction cost; another node may take it. */
  | 'fee_cap_exceeded'
  | 'insufficient_funds'
  /** The gas limit is below what any such transaction uses. */
  | 'intrinsic_gas'
  /** The gas limit is above a block's, or a transaction's, maximum. */
  | 'gas_limit'
  /**
   * EIP-7702: an account with delegated code may have only so many transactions in the pool, without gaps.
   */
  | 'delegated_limit'
  /** The account is held by another pool: blob transactions and others exclude each other. */
  | 'already_reserved'
  | 'txpool_full'
  | 'rate_limited'
  /** Malformed, wrongly signed, for another chain, of a type or size that is not taken. */
  | 'invalid_transaction'
  /** The endpoint does not take transactions at all, or not now. */
  | 'method_unavailable'
  | 'unknown'

/**
 * Patterns of one family of clients. They match anywhere, since gateways and sequencers put words before and
 * after.
 */
export type SendErrorPatterns = Readonly<Partial<Record<SendErrorClass, readonly RegExp[]>>>

/**
 * What is more specific comes first: "replacement transaction underpriced" holds "transaction underpriced".
 */
const PRECEDENCE: readonly SendErrorClass[] = [
  'already_known',
  'replacement_underpriced',
  'delegated_limit',
  'already_reserved',
  'nonce_too_low',
  'nonce_too_high',
  'fee_cap_exceeded',
  'gas_limit',
  'intrinsic_gas',
  'insufficient_funds',
  'underpriced',
  'txpool_full',
  'invalid_transaction',
  'method_unavailable',
]

const FAMILIES = [GETH_SEND_ERRORS, CLIENT_SEND_ERRORS, ROLLUP_SEND_ERRORS]

const ORDERED = PRECEDENCE.map((sendError) => ({
  sendError,
  patterns: FAMILIES.flatMap((family) => family[sendError] ?? []),
}))

const REVERTED = /\brevert(ed)?\b/i
/** JSON-RPC's "method not found", and Besu's "method not enabled". */
const METHOD_CODES = new Set([-32601, -32604])

/**
 * Reads what a node said to a signed transaction. A revert is tested first, because its reason is free text
 * of a contract and may quote any other wording ("nonce too low"). Codes count only when the wording says
 * nothing: zkSync answers every refusal with geth's code of a revert (3), Besu a gas limit above the block's
 * with the usual code of a rate limit (-32005).
 */
export function classifySendError(error: RpcError): SendErrorClass {
  if (REVERTED.test(error.message)) return 'execution_reverted'
  for (const { sendError, patterns } of ORDERED) {
    if (patterns.some((pattern) => pattern.test(error.message))) return sendError
  }
  if (METHOD_CODES.has(error.code)) return 'method_unavailable'
  switch (readNodeError({ ...error, code: error.code === 3 ? 0 : error.code }).kind) {
    case 'execution':
      return 'execution_reverted'
    case 'rate-limited':
      return 'rate_limited'
    default:
      return 'unknown'
  }
}
