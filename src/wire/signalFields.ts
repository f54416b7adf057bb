import type { Signal } from '../domain/signal.ts'
import { checksumAddress } from './checksumAddress.ts'

/**
 * The `signal` of an event: the request as it was understood, in its own fields; `path` in the form that
 * names what each hop gives.
 */
export function signalFields(signal: Signal) {
  const { hops } = signal
  return {
    signal_id: signal.signalId,
    chainId: signal.chainId,
    token: checksumAddress(signal.loanToken),
    amount: signal.loanAmount.toString(),
    flashSource: signal.flashSource,
    protocols: hops.map((hop) => hop.protocol),
    routers: hops.map((hop) => checksumAddress(hop.router)),
    path: hops.map((hop) => checksumAddress(hop.tokenOut)),
    extras: hops.map((hop) => hop.extra),
    expected_profit: signal.expectedProfitUsd,
    min_profit: signal.minProfit.toString(),
    valid_until: signal.validUntilMs,
    max_block: signal.maxBlock,
  }
}

/** The `route` of an answer: hop by hop, as it was understood. */
export const routeFields = ({ hops }: Signal) =>
  hops.map(({ extra, protocol, router, tokenIn, tokenOut }) => ({
    protocol,
    router: checksumAddress(router),
    token_in: checksumAddress(tokenIn),
    token_out: checksumAddress(tokenOut),
    extra,
  }))
