/**
 * US dollars as an integer count of 1e-8 USD, the unit of Aave V3 oracles (`BASE_CURRENCY_UNIT` = 1e8),
 * so that sums of many trades are exact; a JSON number is made only at the wire.
 */
export type UsdE8 = bigint

/**
 * Value of `amount` base units at `priceE8` (USD per whole token, 1e-8), rounded towards negative infinity so
 * that profit is never overstated.
 */
export function usdValue({
  amount,
  decimals,
  priceE8,
}: {
  amount: bigint
  decimals: number
  priceE8: UsdE8
}): UsdE8 {
  const scale = 10n ** BigInt(decimals)
  const product = amount * priceE8
  const quotient = product / scale
  return product < 0n && quotient * scale !== product ? quotient - 1n : quotient
}

/** The JSON number for an amount of USD; exact to 1e-8 below 90 million dollars. */
export function usdNumber(usd: UsdE8): number {
  return Number(usd) / 1e8
}
