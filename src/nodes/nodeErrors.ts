import type { Hex } from '../domain/signal.ts'
import type { RpcError } from './rpc.ts'

/** What a node's error answer means. */
export type NodeError =
  /** The EVM ran and the call did not succeed: says something about the call, not about the node. */
  | { readonly kind: 'execution'; readonly reason: string; readonly data: Hex | null }
  /** The node asks for fewer requests. */
  | { readonly kind: 'rate-limited' }
  /** The payload was refused as a whole: batches are not taken, or smaller ones only. */
  | { readonly kind: 'batch-refused' }
  | { readonly kind: 'other' }

// geth: core/vm/errors.go, rpc/errors.go, internal/ethapi/errors.go; reth: crates/rpc/rpc-eth-types/src/error/mod.rs;
// anvil: crates/anvil/src/eth/error.rs (the EVM's own reason names, e.g. "EVM error OutOfGas").
const REVERTED = /\b(execution )?revert(ed)?\b/i
const EXECUTION =
  /out of gas|OutOfGas|gas required exceeds|invalid opcode|InvalidFEOpcode|OpcodeNotFound|stack (limit|underflow|overflow)|Stack(Under|Over)flow|invalid jump|EVM error|VM execution error|write protection|contract creation code storage/i
const RATE_LIMITED =
  /rate.?limit|too many requests|(request|daily|monthly).{0,20}limit|compute units|exceeded.{0,30}(quota|capacity)/i
const BATCH_REFUSED = /batch/i

/**
 * Reads a node's code and wording. "execution reverted" is tested first, because a revert reason is free text and may
 * quote any other wording.
 */
export function readNodeError({ code, message, data }: RpcError): NodeError {
  if (code === 3 || REVERTED.test(message))
    return { kind: 'execution', reason: message, data: revertData(data) }
  if (code === 429 || code === -32005 || code === -32097 || RATE_LIMITED.test(message))
    return { kind: 'rate-limited' }
  if (BATCH_REFUSED.test(message)) return { kind: 'batch-refused' }
  if (EXECUTION.test(message)) return { kind: 'execution', reason: message, data: revertData(data) }
  return { kind: 'other' }
}

/** Bare bytes (geth, reth, anvil), in an object (hardhat, some gateways), or behind the word "Reverted" (OpenEthereum's heirs). */
function revertData(data: unknown): Hex | null {
  if (typeof data === 'string') {
    const bytes = /0x([0-9a-fA-F]{2})*$/.exec(data)
    return bytes ? (bytes[0].toLowerCase() as Hex) : null
  }
  if (typeof data === 'object' && data !== null && 'data' in data) return revertData(data.data)
  return null
}
