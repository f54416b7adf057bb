import { decimal } from './decimal.ts'
import type { Address } from './signal.ts'

/** What a token says of itself, as far as it can be shown; null where it says nothing of use. */
export interface TokenName {
  readonly symbol: string | null
  readonly decimals: number | null
}

/**
 * Base units of a token for a person: in whole tokens with their symbol too where the token is known, e.g.
 * `1000.5 USDC (1000500000 base units of 0xA0b8…)`.
 */
export type NameAmount = (amount: bigint, token: Address) => string

/** How sentences name amounts. */
export interface AmountNames {
  readonly amount: NameAmount
  /** Of the native coin, e.g. `0.0042 ETH (4200000000000000 wei)`. */
  readonly wei: (wei: bigint) => string
}

/** Wei for a person, in whole coins too, where the chain's coin has no name. */
export const nativeText = (wei: bigint): string => coinText(wei, 'of the native coin')

/** Wei for a person, in whole coins too. */
export const coinText = (wei: bigint, symbol: string): string =>
  `${decimal({ amount: wei, decimals: 18 })} ${symbol} (${wei} wei)`

/** What an amount is called, given how its token's address is written. */
export function amountText({
  amount,
  address,
  name,
}: {
  amount: bigint
  address: string
  name: TokenName | null
}): string {
  const baseUnits = `${amount} base units of ${address}`
  if (name === null || name.decimals === null) return baseUnits
  return `${decimal({ amount, decimals: name.decimals })} ${name.symbol ?? 'whole tokens'} (${baseUnits})`
}
