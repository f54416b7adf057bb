import { type FeeQuote, feeCapWei, type MarketFee, tipCapWei } from '../domain/fees.ts'
import { highest } from '../domain/highest.ts'

/** What to offer, or the price per gas that was asked and is above what is allowed. */
export type Offer =
  | { readonly kind: 'offer'; readonly fee: FeeQuote }
  | { readonly kind: 'too_dear'; readonly priceWei: bigint }

/**
 * The fee of the next transaction at a nonce, within what is allowed. Headroom for a growing base fee is
 * given up first.
 *
 * One that replaces others offers an eighth more than the highest ever tried there, rounded up, and at least
 * 1 wei more, in both caps and at once: raising one alone is refused, however far it goes. geth, bor, bsc,
 * coreth, op-geth, erigon, reth, besu and nethermind all default to 10 % on both (geth `--txpool.pricebump`,
 * besu `--tx-pool-price-bump`); an eighth is what a base fee can grow in a block, and leaves room for
 * rounding. zkSync Era replaces by any transaction, Arbitrum by none: its sequencer has no mempool. The 100 %
 * that blob transactions need does not arise: lanes send none.
 *
 * @param options.tried fees of every attempt at this nonce, those refused as underpriced included: so that
 *   what follows a refusal starts above it. None for a first one.
 * @param options.allowedWei highest fee cap the limits allow, wei per gas
 * @param options.mayWait where the market asks more than is allowed, whether the least valid replacement is
 *   better than none: it takes the place of what is out, and gets in when the price has fallen
 */
export function offerFee({
  quote,
  baseFeeWei,
  tried,
  allowedWei,
  mayWait,
}: MarketFee & { tried: readonly FeeQuote[]; allowedWei: bigint; mayWait: boolean }): Offer {
  const [first, ...others] = tried
  const leastCapWei = first ? raised(highest(feeCapWei(first), ...others.map(feeCapWei))) : 0n
  const leastTipWei = first ? raised(highest(tipCapWei(first), ...others.map(tipCapWei))) : 0n
  const tipWei = highest(leastTipWei, tipCapWei(quote))
  const priceWei = highest(leastCapWei, quote.type === 0 ? quote.gasPrice : baseFeeWei + tipWei)
  const offer = (capWei: bigint, maxPriorityFeePerGas: bigint): Offer => ({
    kind: 'offer',
    fee:
      quote.type === 0
        ? { type: 0, gasPrice: capWei }
        : { type: 2, maxFeePerGas: capWei, maxPriorityFeePerGas },
  })
  if (priceWei <= allowedWei) return offer(lowest(highest(priceWei, feeCapWei(quote)), allowedWei), tipWei)
  if (mayWait && first && leastCapWei <= allowedWei) return offer(leastCapWei, leastTipWei)
  return { kind: 'too_dear', priceWei }
}

/** An eighth more, rounded up, and at least one more. */
const raised = (wei: bigint): bigint => highest((wei * 9n + 7n) / 8n, wei + 1n)

const lowest = (a: bigint, b: bigint): bigint => (a < b ? a : b)
