import { type ExchangeRate, weiForUnits } from '../domain/exchangeRate.ts'
import type { Simulation, Valuation } from '../domain/execution.ts'
import type { Address } from '../domain/signal.ts'
import { usdValue } from '../domain/usd.ts'
import type { TokenPrice } from './prices.ts'

/** Decimals of every chain's native coin and its wrapped token. */
const NATIVE_DECIMALS = 18

/**
 * What a simulated trade costs and leaves. Rounded against us: gains down, costs up.
 *
 * @param options.tokenPrice null where the loan token has no price: then only a loan in the native coin can
 *   be compared with gas
 * @param options.unpriced why one of the prices is null; null when none is
 */
export function valuate({
  simulation: { profit, gasUsed, l1FeeWei },
  gasPriceWei,
  tokenPrice,
  nativePrice,
  unpriced = null,
  loanToken,
  wrappedNative,
}: {
  simulation: Pick<Simulation, 'profit' | 'gasUsed' | 'l1FeeWei'>
  gasPriceWei: bigint
  tokenPrice: TokenPrice | null
  nativePrice: TokenPrice | null
  unpriced?: string | null
  loanToken: Address
  wrappedNative: Address
}): Valuation {
  const gasCostWei = gasUsed * gasPriceWei + l1FeeWei
  const native = nativePrice && { decimals: NATIVE_DECIMALS, priceE8: nativePrice.priceE8 }
  const isNative = loanToken === wrappedNative
  const rate = isNative ? ONE_TO_ONE : rateOf({ tokenPrice, nativePrice: native })
  const profitWei = profit !== null && rate !== null ? weiForUnits(rate, profit) : null
  const known = { gasPriceWei, gasCostWei, profitWei, rate }
  if (profit === null) return { ...known, netProfitUsdE8: null, pays: null }
  const unknown = { netProfitUsdE8: null, ...(unpriced !== null && { unpriced }) }
  if (isNative) {
    const amount = profit - gasCostWei
    const net = native === null ? unknown : { netProfitUsdE8: usdValue({ ...native, amount }) }
    return { ...known, ...net, pays: amount > 0n }
  }
  if (native === null || tokenPrice === null) return { ...known, ...unknown, pays: null }
  // Rounding towards negative infinity, a cost is rounded up.
  const net = usdValue({ ...tokenPrice, amount: profit }) + usdValue({ ...native, amount: -gasCostWei })
  return { ...known, netProfitUsdE8: net, pays: net > 0n }
}

const ONE_TO_ONE: ExchangeRate = { units: 1n, wei: 1n }

/** One whole native coin in base units of the token, and in wei; null when either has no price. */
function rateOf({
  tokenPrice,
  nativePrice,
}: {
  tokenPrice: TokenPrice | null
  nativePrice: TokenPrice | null
}): ExchangeRate | null {
  if (tokenPrice === null || nativePrice === null) return null
  return {
    units: nativePrice.priceE8 * 10n ** BigInt(tokenPrice.decimals),
    wei: tokenPrice.priceE8 * 10n ** BigInt(nativePrice.decimals),
  }
}
