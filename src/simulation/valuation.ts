import type { Simulation, Valuation } from '../domain/execution.ts'
import type { Address } from '../domain/signal.ts'
import { usdValue } from '../domain/usd.ts'
import type { TokenPrice } from './prices.ts'

/** Decimals of every chain's native coin and its wrapped token. */
const NATIVE_DECIMALS = 18

/**
 * What a simulated trade costs and leaves. Rounded against us: gains down, costs up. The net result is null when the loan
 * token or the native coin has no price, or the simulation gave no profit.
 */
export function valuate({
  simulation: { profit, gasUsed, l1FeeWei },
  gasPriceWei,
  tokenPrice,
  nativePrice,
  loanToken,
  wrappedNative,
}: {
  simulation: Pick<Simulation, 'profit' | 'gasUsed' | 'l1FeeWei'>
  gasPriceWei: bigint
  tokenPrice: TokenPrice | null
  nativePrice: TokenPrice | null
  loanToken: Address
  wrappedNative: Address
}): Valuation {
  const gasCostWei = gasUsed * gasPriceWei + l1FeeWei
  const costs = { gasPriceWei, gasCostWei }
  if (profit === null) return { ...costs, netProfitUsdE8: null, pays: null }
  const native = nativePrice && { decimals: NATIVE_DECIMALS, priceE8: nativePrice.priceE8 }
  if (loanToken === wrappedNative) {
    const amount = profit - gasCostWei
    return { ...costs, netProfitUsdE8: native && usdValue({ ...native, amount }), pays: amount > 0n }
  }
  if (native === null || tokenPrice === null) return { ...costs, netProfitUsdE8: null, pays: null }
  // Rounding towards negative infinity, a cost is rounded up.
  const net = usdValue({ ...tokenPrice, amount: profit }) + usdValue({ ...native, amount: -gasCostWei })
  return { ...costs, netProfitUsdE8: net, pays: net > 0n }
}
