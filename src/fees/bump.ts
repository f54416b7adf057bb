import { type FeeQuote, feeCapWei, type MarketFee, tipCapWei } from '../domain/fees.ts'
import { highest } from '../domain/highest.ts'

/**
 * The fee of a replacement at the same nonce. Both caps rise by an eighth, rounded up, and by at least 1 wei, from the highest
 * ever tried there, and at once: raising one alone is refused, however far it goes. Then they are at least what the market asks.
 *
 * geth, bor, bsc, coreth, op-geth, erigon, reth, besu and nethermind all default to 10 % on both (geth `--txpool.pricebump`,
 * besu `--tx-pool-price-bump`); an eighth is what a base fee can grow in a block, and leaves room for rounding. zkSync Era
 * replaces by any transaction, Arbitrum by none: its sequencer has no mempool. The 100 % that blob transactions need does not
 * arise: lanes send none.
 *
 * @param options.tried fees of every attempt at this nonce, those refused as underpriced included: so that what follows a refusal
 *   starts above it. At least one.
 * @param options.maxFeeWei highest fee cap the limits allow, wei per gas; see `highestFeeWei`
 * @returns null when the limits leave no room for a valid replacement that the next block would take
 */
export function bumpFee({
  tried,
  quote,
  baseFeeWei,
  maxFeeWei,
}: MarketFee & { tried: readonly FeeQuote[]; maxFeeWei: bigint }): FeeQuote | null {
  const [first, ...others] = tried
  if (first === undefined) throw new Error('A replacement needs something to replace.')
  const leastCapWei = raise(highest(feeCapWei(first), ...others.map(feeCapWei)))
  if (quote.type === 0) {
    const gasPrice = highest(leastCapWei, quote.gasPrice)
    return gasPrice > maxFeeWei ? null : { type: 0, gasPrice }
  }
  const leastTipWei = raise(highest(tipCapWei(first), ...others.map(tipCapWei)))
  const maxPriorityFeePerGas = highest(leastTipWei, quote.maxPriorityFeePerGas)
  const leastWei = highest(leastCapWei, baseFeeWei + maxPriorityFeePerGas)
  if (leastWei > maxFeeWei) return null
  // Headroom as quoted, as far as the limits go.
  const maxFeePerGas = quote.maxFeePerGas > maxFeeWei ? maxFeeWei : highest(leastWei, quote.maxFeePerGas)
  return { type: 2, maxFeePerGas, maxPriorityFeePerGas }
}

/** An eighth more, rounded up, and at least one more. */
const raise = (wei: bigint): bigint => highest((wei * 9n + 7n) / 8n, wei + 1n)
