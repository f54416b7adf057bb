import type { FeeLimits } from '../config/chainConfig.ts'
import { decimal } from '../domain/decimal.ts'
import { type FeeQuote, feeCapWei, type MarketFee } from '../domain/fees.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'

/** A transaction and everything that bounds what it may cost. */
export interface Bounded extends Omit<FeeLimits, 'maxRepairSpendPerHourWei'> {
  readonly gasLimit: bigint
  /** As simulated, before refunds. At least 1. */
  readonly gasUsed: bigint
  /** Data fee, wei. Where it is paid as gas it is in `gasLimit` already and counts twice: nothing is lost but headroom. */
  readonly l1FeeWei: bigint
  /** What the trade earns before gas, wei of the native coin; null when the chain has no price for the token. */
  readonly profitWei: bigint | null
  /** Gas paid within the last hour, and what transactions in flight may still take. */
  readonly spentLastHourWei: bigint
}

/** The highest fee cap that a limit allows, wei per gas, and what to say when that is too little. */
interface Bound {
  readonly allowedWei: bigint
  readonly refuse: (priceWei: bigint) => Failure
}

/**
 * The highest fee cap that all limits allow, wei per gas; never negative. The settings bound what the transaction *can* cost,
 * with all its gas. Its profit bounds what it *will* cost, with the gas it used in simulation: the rest of the limit is margin
 * that is not paid.
 */
export const highestFeeWei = (bounded: Bounded): bigint => tightest(bounded).allowedWei

/**
 * The quote within all limits. Headroom for a growing base fee is given up first; the price that the next block asks, tip
 * included, is not haggled over.
 *
 * @returns `FEE_LIMIT` when that price is above a limit; the tightest one is named
 */
export function capFee({ quote, baseFeeWei, ...bounded }: MarketFee & Bounded): Result<FeeQuote> {
  const priceWei = quote.type === 2 ? baseFeeWei + quote.maxPriorityFeePerGas : quote.gasPrice
  const { allowedWei, refuse } = tightest(bounded)
  if (priceWei > allowedWei) return fail(refuse(priceWei))
  if (quote.type === 0 || feeCapWei(quote) <= allowedWei) return succeed(quote)
  return succeed({ ...quote, maxFeePerGas: allowedWei })
}

function tightest(bounded: Bounded): Bound {
  const { gasLimit, gasUsed, l1FeeWei, profitWei, maxFeeWei, maxTxCostWei } = bounded
  const { spentLastHourWei, maxSpendPerHourWei } = bounded
  const bounds: Bound[] = [
    {
      allowedWei: maxFeeWei,
      refuse: (priceWei) =>
        refusal({
          limit: 'MAX_FEE_GWEI',
          sentence: `The chain asks ${gwei(priceWei)} gwei per gas, and MAX_FEE_GWEI allows ${gwei(maxFeeWei)}.`,
          facts: { fee_per_gas_wei: priceWei, allowed_wei: maxFeeWei },
        }),
    },
    {
      allowedWei: perGas(maxTxCostWei - l1FeeWei, gasLimit),
      refuse: (priceWei) => {
        const costWei = priceWei * gasLimit + l1FeeWei
        return refusal({
          limit: 'MAX_TX_COST_NATIVE',
          sentence: `The transaction could cost ${coin(costWei)} of the native coin, and MAX_TX_COST_NATIVE allows ${coin(maxTxCostWei)}.`,
          facts: { cost_wei: costWei, allowed_wei: maxTxCostWei },
        })
      },
    },
    {
      allowedWei: perGas(maxSpendPerHourWei - spentLastHourWei - l1FeeWei, gasLimit),
      refuse: (priceWei) => {
        const costWei = priceWei * gasLimit + l1FeeWei
        return refusal({
          limit: 'MAX_GAS_SPEND_PER_HOUR_NATIVE',
          sentence: `The transaction could cost ${coin(costWei)} of the native coin after ${coin(spentLastHourWei)} within the hour, and MAX_GAS_SPEND_PER_HOUR_NATIVE allows ${coin(maxSpendPerHourWei)}.`,
          facts: {
            cost_wei: costWei,
            spent_last_hour_wei: spentLastHourWei,
            allowed_wei: maxSpendPerHourWei,
          },
        })
      },
    },
  ]
  if (profitWei !== null)
    bounds.push({
      allowedWei: perGas(profitWei - l1FeeWei, gasUsed),
      refuse: (priceWei) => {
        const costWei = priceWei * gasUsed + l1FeeWei
        return refusal({
          limit: 'profit',
          sentence: `The transaction would cost ${coin(costWei)} of the native coin, and the trade earns ${coin(profitWei)}.`,
          facts: { cost_wei: costWei, allowed_wei: profitWei },
        })
      },
    })
  return bounds.reduce((a, b) => (b.allowedWei < a.allowedWei ? b : a))
}

/** Rounded down; nothing when there is less than nothing. */
const perGas = (wei: bigint, gas: bigint): bigint => (wei > 0n ? wei / gas : 0n)

const gwei = (wei: bigint): string => decimal({ amount: wei, decimals: 9 })
const coin = (wei: bigint): string => decimal({ amount: wei, decimals: 18 })

function refusal({
  limit,
  sentence,
  facts,
}: {
  limit: string
  sentence: string
  facts: Readonly<Record<string, bigint>>
}): Failure {
  const numbers = Object.entries(facts).map(([name, wei]) => [name, wei.toString()])
  return failure('FEE_LIMIT', sentence, { limit, ...Object.fromEntries(numbers) })
}
