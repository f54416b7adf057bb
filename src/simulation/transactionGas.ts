import type { Hex } from '../domain/signal.ts'

const TRANSACTION = 21_000
/** EIP-2028. */
const ZERO_BYTE = 4
const NONZERO_BYTE = 16
/** EIP-7623: a transaction pays at least this per token; a zero byte is one token, any other four. */
const FLOOR_PER_TOKEN = 10

/** Gas a transaction is charged, before refunds, when executing it takes `executionGas`. */
export function transactionGas({ calldata, executionGas }: { calldata: Hex; executionGas: bigint }): bigint {
  const bytes = (calldata.length - 2) / 2
  let zeros = 0
  for (let at = 2; at < calldata.length; at += 2) {
    if (calldata.charCodeAt(at) === 0x30 && calldata.charCodeAt(at + 1) === 0x30) zeros++
  }
  const nonzeros = bytes - zeros
  const standard = BigInt(TRANSACTION + zeros * ZERO_BYTE + nonzeros * NONZERO_BYTE) + executionGas
  const floor = BigInt(TRANSACTION + (zeros + 4 * nonzeros) * FLOOR_PER_TOKEN)
  return standard > floor ? standard : floor
}
