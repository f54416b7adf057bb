import { readQuantity } from '../domain/rpcValues.ts'

/** Percentiles of the tips in a block, weighted by gas, that are asked for. */
export const TIP_PERCENTILES = [20, 50, 75] as const
const MEDIAN = TIP_PERCENTILES.indexOf(50)

/** What blocks of late say about fees, wei per gas. */
export interface FeeHistory {
  /** Of the block to come. */
  readonly baseFeeWei: bigint
  /** The median tip of each block that held transactions, oldest first. */
  readonly medianTipsWei: readonly bigint[]
}

/**
 * The answer to `eth_feeHistory` with `TIP_PERCENTILES`; null when it is none.
 *
 * The last base fee is that of the block to come: geth and its kin give one more than blocks. Fewer blocks
 * than asked for, and no rewards, are fine: a young chain, or one without transactions. The tips of an empty
 * block are zeros and mean nothing.
 */
export function readFeeHistory(result: unknown): FeeHistory | null {
  const { baseFeePerGas, reward, gasUsedRatio } = (result ?? {}) as Readonly<Record<string, unknown>>
  if (!Array.isArray(baseFeePerGas) || !Array.isArray(gasUsedRatio)) return null
  const baseFeeWei = readQuantity(baseFeePerGas.at(-1))
  if (baseFeeWei === null) return null
  const medianTipsWei: bigint[] = []
  for (const [block, tips] of (Array.isArray(reward) ? reward : []).entries()) {
    if (gasUsedRatio[block] === 0) continue
    const tipWei = Array.isArray(tips) ? readQuantity(tips[MEDIAN]) : null
    if (tipWei === null) return null
    medianTipsWei.push(tipWei)
  }
  return { baseFeeWei, medianTipsWei }
}
