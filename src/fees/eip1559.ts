import { highest } from '../domain/highest.ts'
import { readFeeHistory, TIP_PERCENTILES } from './feeHistory.ts'
import type { FeeStrategy } from './feeStrategy.ts'
import { legacy } from './legacy.ts'

const BLOCKS = 10

/**
 * Tip: the median over ten blocks of each block's median, so that neither one generous block nor one crowded
 * by bots sets it. Cap: twice the base fee and the tip. A base fee grows by an eighth per block at most
 * (EIP-1559), so the cap holds for five blocks; what is not needed is not paid. The data fee of a rollup is
 * not in it: simulation adds that.
 */
export const eip1559: FeeStrategy = {
  method: 'eth_feeHistory',
  params: JSON.stringify([`0x${BLOCKS.toString(16)}`, 'latest', TIP_PERCENTILES]),
  fallback: legacy,
  quote({ result, minTipWei }) {
    const history = readFeeHistory(result)
    if (history === null) return null
    const { baseFeeWei, medianTipsWei } = history
    const maxPriorityFeePerGas = highest(median(medianTipsWei), minTipWei)
    const maxFeePerGas = 2n * baseFeeWei + maxPriorityFeePerGas
    return { quote: { type: 2, maxFeePerGas, maxPriorityFeePerGas }, baseFeeWei }
  },
}

/** The upper of the two middle ones when they are even in number; 0 when there are none. */
function median(values: readonly bigint[]): bigint {
  const sorted = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted[Math.floor(sorted.length / 2)] ?? 0n
}
