import { highest } from '../domain/highest.ts'
import { readQuantity } from '../domain/rpcValues.ts'
import type { FeeStrategy } from './feeStrategy.ts'

/**
 * One price, paid in full: the node's own (`eth_gasPrice`), and an eighth, rounded up, so that the growth of
 * a base fee in one block does not undo it.
 */
export const legacy: FeeStrategy = {
  method: 'eth_gasPrice',
  params: '[]',
  fallback: null,
  quote({ result, minTipWei }) {
    const suggestedWei = readQuantity(result)
    if (suggestedWei === null || suggestedWei === 0n) return null
    return { quote: { type: 0, gasPrice: highest((suggestedWei * 9n + 7n) / 8n, minTipWei) }, baseFeeWei: 0n }
  },
}
