import { keccak256 } from 'ethers/crypto'
import type { FeeQuote } from '../domain/fees.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { Key } from './keys.ts'
import { encodeRlp, type RlpItem, rlpQuantity } from './rlp.ts'

/**
 * An unsigned transaction: EIP-1559 (type 2, empty access list) or legacy with EIP-155 replay protection
 * (type 0).
 */
export type Transaction = FeeQuote & {
  readonly chainId: number
  readonly nonce: number
  readonly gasLimit: bigint
  /** Null creates a contract with `data` as its init code. */
  readonly to: Address | null
  /** Wei. */
  readonly value: bigint
  readonly data: Hex
}

/**
 * What is journaled and sent. `hash` identifies the transaction from the moment it is signed, whatever a node
 * answers.
 */
export interface SignedTransaction {
  readonly raw: Hex
  readonly hash: Hex
}

/**
 * Signs a transaction. The same transaction and key always give the same bytes (RFC 6979), so that signing
 * again after a crash cannot make a second one.
 */
export function signTransaction({
  key,
  transaction,
}: {
  key: Key
  transaction: Transaction
}): SignedTransaction {
  const { chainId, nonce, gasLimit, to, value, data } = transaction
  const call = [rlpQuantity(gasLimit), bytes(to ?? '0x'), rlpQuantity(value), bytes(data)]
  switch (transaction.type) {
    case 2: {
      const { maxFeePerGas, maxPriorityFeePerGas } = transaction
      const fees = [rlpQuantity(maxPriorityFeePerGas), rlpQuantity(maxFeePerGas)]
      const fields = [rlpQuantity(chainId), rlpQuantity(nonce), ...fees, ...call, []]
      const { r, s, yParity } = signed(key, typed(2, fields))
      return identified(typed(2, [...fields, rlpQuantity(yParity), rlpQuantity(r), rlpQuantity(s)]))
    }
    case 0: {
      const fields = [rlpQuantity(nonce), rlpQuantity(transaction.gasPrice), ...call]
      const replayProtection = [rlpQuantity(chainId), rlpQuantity(0), rlpQuantity(0)]
      const { r, s, yParity } = signed(key, encodeRlp([...fields, ...replayProtection]))
      const v = rlpQuantity(BigInt(chainId) * 2n + 35n + BigInt(yParity))
      return identified(encodeRlp([...fields, v, rlpQuantity(r), rlpQuantity(s)]))
    }
    default:
      return transaction satisfies never
  }
}

const bytes = (hex: Hex): Uint8Array => Buffer.from(hex.slice(2), 'hex')
const typed = (type: number, fields: readonly RlpItem[]): Uint8Array =>
  Buffer.concat([Uint8Array.of(type), encodeRlp(fields)])
const signed = (key: Key, payload: Uint8Array) => key.sign(bytes(keccak256(payload) as Hex))
const identified = (encoded: Uint8Array): SignedTransaction => ({
  raw: `0x${Buffer.from(encoded.buffer, encoded.byteOffset, encoded.length).toString('hex')}`,
  hash: keccak256(encoded) as Hex,
})
