/** `units` base units of a token are worth `wei` wei of the native coin; both above 0. */
export interface ExchangeRate {
  readonly units: bigint
  readonly wei: bigint
}

/** What an income of `units` is worth, wei; rounded down, a loss away from 0. */
export function weiForUnits({ units, wei }: ExchangeRate, amount: bigint): bigint {
  const quotient = (amount * wei) / units
  return amount < 0n && quotient * units !== amount * wei ? quotient - 1n : quotient
}

/** The units that are worth at least `amount` wei: rounded up. */
export const unitsForWei = ({ units, wei }: ExchangeRate, amount: bigint): bigint =>
  amount > 0n ? (amount * units + wei - 1n) / wei : 0n
