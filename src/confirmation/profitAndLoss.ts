import type { Realised } from '../domain/liveExecution.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import { usdValue } from '../domain/usd.ts'
import type { MinedReceipt } from './minedReceipt.ts'
import { realise } from './realisedProfit.ts'

type Price =
  | { readonly kind: 'known'; readonly priceE8: bigint; readonly decimals: number }
  | { readonly kind: 'none' | 'unread' }

/**
 * What the receipt of one of our transactions says in money. Of two figures that differ neither is believed;
 * its gas is spent in any case.
 *
 * @param options.price of one whole token, 1e-8 USD
 * @param options.warn told of figures that differ, and of what a hop left behind
 */
export function createProfitAndLoss({
  wrappedNative,
  price,
  warn,
}: {
  wrappedNative: Address
  price: (token: Address) => Promise<Price>
  warn: (facts: { signal_id: string; hash: Hex }, message: string) => void
}): (mined: { signal: Signal | null; executor: Address; receipt: MinedReceipt }) => Promise<Realised> {
  return async ({ signal, executor, receipt: { inclusion, success, logs } }) => {
    const loanToken = signal?.loanToken ?? wrappedNative
    const outcome = realise({ logs, executor, loanToken, inclusion, success: success && signal !== null })
    const { gasCostWei, leftovers } = outcome
    const isMismatch = outcome.kind === 'mismatch'
    const about = { signal_id: signal?.signalId ?? '', hash: inclusion.hash }
    if (isMismatch) warn(about, outcome.sentence)
    for (const { hop, token, amount } of leftovers)
      warn(about, `Hop ${hop} left ${amount} base units of ${token} in the executor ${executor}.`)
    const profit = isMismatch ? 0n : outcome.profit
    const told = {
      profit,
      gasCostWei,
      ...(isMismatch ? { warning: outcome.sentence } : outcome.note !== null && { note: outcome.note }),
      ...(leftovers.length > 0 && { leftovers }),
    }
    if (signal !== null && loanToken === wrappedNative) {
      const netWei = profit - gasCostWei
      const native = await price(wrappedNative)
      const net = native.kind === 'known' ? usdValue({ ...native, amount: netWei }) : null
      return { ...told, netWei, netProfitUsdE8: net }
    }
    const [token, native] = await Promise.all([price(loanToken), price(wrappedNative)])
    if (native.kind !== 'known' || (token.kind !== 'known' && profit > 0n))
      return { ...told, netProfitUsdE8: null }
    const gain = token.kind === 'known' ? usdValue({ ...token, amount: profit }) : 0n
    const cost = usdValue({ decimals: 18, priceE8: native.priceE8, amount: -gasCostWei })
    return { ...told, netProfitUsdE8: gain + cost }
  }
}
