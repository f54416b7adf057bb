import type { OfferedTransaction } from '../support/faultProxy.ts'

/** How often the server changed its mind about a nonce, by what it sent. */
export interface Moves {
  /** Trades that were signed again at their nonce for more. */
  readonly bumps: number
  /** No-ops at the nonce of a trade. */
  readonly cancels: number
  /** Nonces that only no-ops came for. */
  readonly fillers: number
}

/** Reads the moves from everything that came to the endpoints. A no-op is a transaction to oneself. */
export function countMoves(offered: readonly (OfferedTransaction & { readonly chainId: number })[]): Moves {
  let [bumps, cancels, fillers] = [0, 0, 0]
  const places = Map.groupBy(offered, ({ chainId, from, nonce }) => `${chainId} ${from} ${nonce}`)
  for (const offers of places.values()) {
    const distinct = [...new Map(offers.map((offer) => [offer.hash, offer])).values()]
    const noops = distinct.filter(({ to, from }) => to === from).length
    const trades = distinct.length - noops
    if (trades > 1) bumps += trades - 1
    if (noops > 0 && trades > 0) cancels++
    if (noops > 0 && trades === 0) fillers++
  }
  return { bumps, cancels, fillers }
}
