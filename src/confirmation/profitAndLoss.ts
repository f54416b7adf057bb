import type { Realised } from '../domain/liveExecution.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import type { AmountNames } from '../domain/tokenAmount.ts'
import { usdValue } from '../domain/usd.ts'
import type { Failure } from '../errors/failure.ts'
import type { MinedReceipt } from './minedReceipt.ts'
import { realise } from './realisedProfit.ts'

type Price =
  | { readonly kind: 'known'; readonly priceE8: bigint; readonly decimals: number }
  | { readonly kind: 'none'; readonly why: string }
  | { readonly kind: 'unread'; readonly failure: Pick<Failure, 'sentence'> }

/**
 * What the receipt of one of our transactions says in money. Of two figures that differ neither is believed;
 * its gas is spent in any case.
 *
 * @param options.price of one whole token, 1e-8 USD
 * @param options.learn makes `names` know these tokens
 * @param options.warn told of figures that differ, and of what a hop left behind
 */
export function createProfitAndLoss({
  wrappedNative,
  price,
  names,
  learn,
  warn,
}: {
  wrappedNative: Address
  price: (token: Address) => Promise<Price>
  names: AmountNames
  learn: (tokens: readonly Address[]) => Promise<void>
  warn: (facts: { signal_id: string; hash: Hex }, message: string) => void
}): (mined: { signal: Signal | null; executor: Address; receipt: MinedReceipt }) => Promise<Realised> {
  return async ({ signal, executor, receipt: { inclusion, success, logs } }) => {
    const loanToken = signal?.loanToken ?? wrappedNative
    const outcome = realise({ logs, executor, loanToken, inclusion, success: success && signal !== null })
    const { gasCostWei, leftovers } = outcome
    await learn([loanToken, ...leftovers.map(({ token }) => token)])
    const isMismatch = outcome.kind === 'mismatch'
    const about = { signal_id: signal?.signalId ?? '', hash: inclusion.hash }
    if (isMismatch) warn(about, outcome.sentence)
    for (const { hop, token, amount } of leftovers)
      warn(about, `Hop ${hop} left ${names.amount(amount, token)} in the executor ${executor}.`)
    const profit = isMismatch ? 0n : outcome.profit
    const told = {
      profit,
      gasCostWei,
      told: { profit: names.amount(profit, loanToken), gas: names.wei(gasCostWei) },
      ...(isMismatch ? { warning: outcome.sentence } : outcome.note !== null && { note: outcome.note }),
      ...(leftovers.length > 0 && { leftovers }),
    }
    if (signal !== null && loanToken === wrappedNative) {
      const netWei = profit - gasCostWei
      const native = await price(wrappedNative)
      if (native.kind !== 'known') return { ...told, netWei, netProfitUsdE8: null, unpriced: whyNone(native) }
      return { ...told, netWei, netProfitUsdE8: usdValue({ ...native, amount: netWei }) }
    }
    const [token, native] = await Promise.all([price(loanToken), price(wrappedNative)])
    if (token.kind !== 'known' && profit > 0n)
      return { ...told, netProfitUsdE8: null, unpriced: whyNone(token) }
    if (native.kind !== 'known') return { ...told, netProfitUsdE8: null, unpriced: whyNone(native) }
    const gain = token.kind === 'known' ? usdValue({ ...token, amount: profit }) : 0n
    const cost = usdValue({ decimals: 18, priceE8: native.priceE8, amount: -gasCostWei })
    return { ...told, netProfitUsdE8: gain + cost }
  }
}

const whyNone = (price: Exclude<Price, { kind: 'known' }>): string =>
  price.kind === 'none' ? price.why : price.failure.sentence
