import type { Inclusion } from '../domain/liveExecution.ts'
import { readCount, readHash, readQuantity } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'

/** What a contract wrote down; lower case. */
export interface ReceiptLog {
  readonly address: Address
  readonly topics: readonly Hex[]
  readonly data: Hex
}

/** A receipt of one of our transactions. */
export interface MinedReceipt {
  readonly inclusion: Inclusion
  /** False when it reverted: its logs are none, its gas is paid. */
  readonly success: boolean
  readonly logs: readonly ReceiptLog[]
}

/** `none`: the node knows of no block with it. `malformed`: an answer that nothing can be concluded from. */
export type ReadReceipt =
  | { readonly kind: 'mined'; readonly receipt: MinedReceipt }
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed'; readonly reason: string }

/**
 * Reads the answer to `eth_getTransactionReceipt` of `hash`. A receipt without a block (some nodes show a
 * pending one) is none.
 */
export function readReceipt({ result, hash }: { result: unknown; hash: Hex }): ReadReceipt {
  if (result === null || result === undefined) return { kind: 'none' }
  const receipt = result as Readonly<Record<string, unknown>>
  const malformed = (what: string): ReadReceipt => ({
    kind: 'malformed',
    reason: `the receipt of ${hash} ${what}`,
  })
  if (readHash(receipt.transactionHash) !== hash) return malformed('is of another transaction')
  if (receipt.blockHash === null || receipt.blockNumber === null) return { kind: 'none' }
  const block = readCount(receipt.blockNumber)
  const blockHash = readHash(receipt.blockHash)
  if (block === null || blockHash === null) return malformed('names no block')
  const gasUsed = readQuantity(receipt.gasUsed)
  const effectiveGasPriceWei = readQuantity(receipt.effectiveGasPrice)
  if (gasUsed === null || effectiveGasPriceWei === null) return malformed('does not say what its gas cost')
  const status = readQuantity(receipt.status)
  if (status !== 0n && status !== 1n) return malformed('has no status')
  const logs = readLogs(receipt.logs)
  if (logs === null) return malformed('has no readable logs')
  const l1FeeWei = l1FeeOf({ receipt, gasUsed })
  if (l1FeeWei === null) return malformed('has an unreadable L1 fee')
  return {
    kind: 'mined',
    receipt: {
      inclusion: { hash, block, blockHash, gasUsed, effectiveGasPriceWei, l1FeeWei },
      success: status === 1n,
      logs,
    },
  }
}

/**
 * What the chain took besides gas; null when a field cannot be read. A field that is not there was not
 * charged: only chains that charge one write it.
 *
 * `l1Fee` is in wei of the native coin on the OP stack and on Scroll, and on Mantle too: its node multiplies
 * by the token ratio before it writes the receipt (mantlenetworkio/op-geth, core/types/rollup_cost.go).
 * Arbitrum (`gasUsedForL1`) and zkSync Era have it in `gasUsed`.
 *
 * The OP stack's operator fee is not written out, only its parameters: `gasUsed × scalar / 10^6 + constant`
 * from Isthmus on, `gasUsed × scalar × 100 + constant` from Jovian
 * (specs/protocol/{isthmus,jovian}/exec-engine.md) and on Mantle from Arsia. `daFootprintGasScalar` is in
 * receipts from those two on.
 */
function l1FeeOf({
  receipt,
  gasUsed,
}: {
  receipt: Readonly<Record<string, unknown>>
  gasUsed: bigint
}): bigint | null {
  const field = (name: string): bigint | null =>
    receipt[name] === undefined || receipt[name] === null ? 0n : readQuantity(receipt[name])
  const l1Fee = field('l1Fee')
  const scalar = field('operatorFeeScalar')
  const constant = field('operatorFeeConstant')
  if (l1Fee === null || scalar === null || constant === null) return null
  const isJovian = receipt.daFootprintGasScalar !== undefined && receipt.daFootprintGasScalar !== null
  const perGas = gasUsed * scalar
  return l1Fee + (isJovian ? perGas * 100n : perGas / 1_000_000n) + constant
}

function readLogs(value: unknown): ReceiptLog[] | null {
  if (!Array.isArray(value)) return null
  const logs: ReceiptLog[] = []
  for (const log of value) {
    const { address, topics, data } = (log ?? {}) as Readonly<Record<string, unknown>>
    if (!isHex(address) || !isHex(data) || !Array.isArray(topics) || !topics.every(isHex)) return null
    logs.push({ address: lower(address), topics: topics.map(lower), data: lower(data) })
  }
  return logs
}

const isHex = (value: unknown): value is Hex => typeof value === 'string' && /^0x[0-9a-f]*$/i.test(value)
const lower = (value: Hex): Hex => value.toLowerCase() as Hex
