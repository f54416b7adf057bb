import type { Hop, Signal } from '../domain/signal.ts'

/**
 * Whether two trades may meet in a pool, so that the one that lands second finds other prices: they swap
 * between the same two tokens, in whichever direction and through whichever router, or both pass a Curve
 * pool. A Curve pool holds several tokens and may stand on another one, so that its hops share state without
 * sharing a pair.
 */
export function sharesPool(a: Signal, b: Signal): boolean {
  const keys = new Set(a.hops.map(poolKey))
  return b.hops.some((hop) => keys.has(poolKey(hop)))
}

const CURVE = 2

function poolKey({ protocol, tokenIn, tokenOut }: Hop): string {
  if (protocol === CURVE) return 'curve'
  return tokenIn < tokenOut ? `${tokenIn}/${tokenOut}` : `${tokenOut}/${tokenIn}`
}
