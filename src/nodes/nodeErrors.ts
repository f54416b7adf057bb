import type { Hex } from '../domain/signal.ts'
import type { RpcError } from './rpc.ts'

/** What a node's error answer means. */
export type NodeError =
  /** The EVM ran, or would not run such a transaction: says something about the call, not about the node. */
  | { readonly kind: 'execution'; readonly reason: string; readonly data: Hex | null }
  /** The node asks for fewer requests. */
  | { readonly kind: 'rate-limited' }
  /** The payload was refused as a whole: batches are not taken, or smaller ones only. */
  | { readonly kind: 'batch-refused' }
  /** The node knows no such method or parameters. */
  | { readonly kind: 'unsupported' }
  /**
   * Anything else is the node's own trouble: a block it has not got yet, state it has dropped, no time, no
   * capacity.
   */
  | { readonly kind: 'trouble' }

// geth: core/vm/errors.go, core/error.go, rpc/errors.go, internal/ethapi/errors.go; reth:
// crates/rpc/rpc-eth-types/src/error/mod.rs; anvil: crates/anvil/src/eth/error.rs (the EVM's own reason
// names, e.g. "EVM error OutOfGas").
const REVERTED = /\b(execution )?revert(ed)?\b/i
const EXECUTION =
  /out of gas|OutOfGas|gas required exceeds|invalid opcode|InvalidFEOpcode|OpcodeNotFound|stack (limit|underflow|overflow)|Stack(Under|Over)flow|invalid jump|EVM error|VM execution error|write protection|contract creation code storage|insufficient (funds|balance)|intrinsic gas|nonce too (low|high)|(fee|price).{0,30} less than block base fee/i
const RATE_LIMITED =
  /rate.?limit|too many requests|(request|daily|monthly).{0,20}limit|compute units|exceeded.{0,30}(quota|capacity)/i
// The latter is geth's, for each call whose answer does not fit into that of the batch
// (`--rpc.batch-response-max-size`).
const BATCH_REFUSED = /batch|response too large/i
const UNSUPPORTED =
  /method.{0,60}(not (found|supported|available|allowed|implemented)|does not exist)|unsupported method/i
/** JSON-RPC 2.0 and EIP-1474: method not found, invalid params, method not supported. */
const UNSUPPORTED_CODES: ReadonlySet<number> = new Set([-32601, -32602, -32004])

/**
 * Reads a node's code and wording. "execution reverted" is tested first, because a revert reason is free text
 * and may quote any other wording.
 */
export function readNodeError({ code, message, data }: RpcError): NodeError {
  if (code === 3 || REVERTED.test(message))
    return { kind: 'execution', reason: message, data: revertData(data) }
  if (code === 429 || code === -32005 || code === -32097 || RATE_LIMITED.test(message))
    return { kind: 'rate-limited' }
  if (BATCH_REFUSED.test(message)) return { kind: 'batch-refused' }
  if (EXECUTION.test(message)) return { kind: 'execution', reason: message, data: revertData(data) }
  if (UNSUPPORTED_CODES.has(code) || UNSUPPORTED.test(message)) return { kind: 'unsupported' }
  return { kind: 'trouble' }
}

/** Data nested deeper is no node's. */
const DATA_DEPTH_MAX = 4

/**
 * Bare bytes (geth, reth, anvil), in an object (hardhat, some gateways), or behind the word "Reverted"
 * (OpenEthereum's heirs).
 */
function revertData(data: unknown, depth = 0): Hex | null {
  if (typeof data === 'string') {
    const bytes = /0x([0-9a-fA-F]{2})*$/.exec(data)
    return bytes ? (bytes[0].toLowerCase() as Hex) : null
  }
  if (depth < DATA_DEPTH_MAX && typeof data === 'object' && data !== null && 'data' in data)
    return revertData(data.data, depth + 1)
  return null
}
