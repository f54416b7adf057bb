import { decimal } from '../domain/decimal.ts'
import { type Failure, failure } from '../errors/failure.ts'

/** The highest fee cap that one limit allows, wei per gas, and what to say when that is too little. */
export interface Bound {
  readonly allowedWei: bigint
  readonly refuse: (priceWei: bigint) => Failure
}

/** What a transaction costs at a price: all its gas, and the data fee beside it. */
export interface Weight {
  readonly gasLimit: bigint
  readonly l1FeeWei: bigint
}

export const costWei = (priceWei: bigint, { gasLimit, l1FeeWei }: Weight): bigint =>
  priceWei * gasLimit + l1FeeWei

/** The tightest of them. */
export const tightest = (bounds: readonly [Bound, ...Bound[]]): Bound =>
  bounds.reduce((a, b) => (b.allowedWei < a.allowedWei ? b : a))

/** `MAX_FEE_GWEI`: the most that is offered per gas, for whatever purpose. */
export const feeBound = (maxFeeWei: bigint): Bound => ({
  allowedWei: maxFeeWei,
  refuse: (priceWei) =>
    refusal({
      limit: 'MAX_FEE_GWEI',
      sentence: `The chain asks ${gwei(priceWei)} gwei per gas, and MAX_FEE_GWEI allows ${gwei(maxFeeWei)}.`,
      facts: { fee_per_gas_wei: priceWei, allowed_wei: maxFeeWei },
    }),
})

/** `MAX_TX_COST_NATIVE`: the most that one transaction can cost. */
export const transactionBound = (maxTxCostWei: bigint, weight: Weight): Bound => ({
  allowedWei: perGas(maxTxCostWei, weight),
  refuse: (priceWei) =>
    refusal({
      limit: 'MAX_TX_COST_NATIVE',
      sentence: `The transaction could cost ${coin(costWei(priceWei, weight))} of the native coin, and MAX_TX_COST_NATIVE allows ${coin(maxTxCostWei)}.`,
      facts: { cost_wei: costWei(priceWei, weight), allowed_wei: maxTxCostWei },
    }),
})

/**
 * An allowance for an hour.
 *
 * @param options.usedWei spent within the hour, or at stake in other transactions
 * @param options.reservedWei at stake in this transaction already: as much is allowed whatever else was used
 */
export const hourBound = ({
  setting,
  allowanceWei,
  usedWei,
  reservedWei,
  weight,
}: {
  setting: string
  allowanceWei: bigint
  usedWei: bigint
  reservedWei: bigint
  weight: Weight
}): Bound => {
  const leftWei = allowanceWei - usedWei
  return {
    allowedWei: perGas(leftWei > reservedWei ? leftWei : reservedWei, weight),
    refuse: (priceWei) =>
      refusal({
        limit: setting,
        sentence: `The transaction could cost ${coin(costWei(priceWei, weight))} of the native coin after ${coin(usedWei)} within the hour, and ${setting} allows ${coin(allowanceWei)}.`,
        facts: {
          cost_wei: costWei(priceWei, weight),
          spent_last_hour_wei: usedWei,
          allowed_wei: allowanceWei,
        },
      }),
  }
}

/**
 * The trade's own profit: the least profit that the executor is given is what the transaction can cost, so
 * one that costs more would revert.
 */
export const profitBound = (profitWei: bigint, weight: Weight): Bound => ({
  allowedWei: perGas(profitWei, weight),
  refuse: (priceWei) =>
    refusal({
      limit: 'profit',
      sentence: `The transaction could cost ${coin(costWei(priceWei, weight))} of the native coin, and the trade earns ${coin(profitWei)}.`,
      facts: { cost_wei: costWei(priceWei, weight), allowed_wei: profitWei },
    }),
})

/** The highest price per gas at which the cost is no more than `wei`; never negative. */
export function perGas(wei: bigint, { gasLimit, l1FeeWei }: Weight): bigint {
  const left = wei - l1FeeWei
  return left > 0n ? left / gasLimit : 0n
}

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
