import { readQuantity } from '../domain/rpcValues.ts'
import type { FeeStrategy } from './feeStrategy.ts'

/**
 * Where a sequencer takes transactions in the order they come and everyone pays the base fee, which is what
 * `eth_gasPrice` says there: no tip, and a cap of twice that price, since it moves within a second and what
 * is not needed is not paid.
 */
export const noTip: FeeStrategy = {
  method: 'eth_gasPrice',
  params: '[]',
  fallback: null,
  quote({ result }) {
    const baseFeeWei = readQuantity(result)
    if (baseFeeWei === null || baseFeeWei === 0n) return null
    return { quote: { type: 2, maxFeePerGas: 2n * baseFeeWei, maxPriorityFeePerGas: 0n }, baseFeeWei }
  },
}
