import { addressBook } from '../devnet/addressBook.ts'
import type { PricedPool } from './demoPools.ts'

/** The trade that earns most: a stable is borrowed, WETH bought in one pool and sold in another. */
export interface BestTrade {
  /** Where WETH is bought, and where it is sold. */
  readonly pools: readonly [buy: PricedPool, sell: PricedPool]
  /** Fields of `POST /execute`. */
  readonly signal: {
    readonly token: string
    readonly amount: string
    readonly flashSource: number
    readonly protocols: readonly number[]
    readonly routers: readonly string[]
    readonly path: readonly string[]
    readonly extras: readonly string[]
  }
  /** Before gas. */
  readonly profitUsd: number
  /** What WETH costs in the pool where it is bought. */
  readonly wethUsd: number
}

const balancerV3 = 1
/**
 * A loan moves a pool by less than this share of what it holds: a V3 pool's range is not left, the lender has
 * enough.
 */
const shareMax = 0.1

/** Null when no two pools of one stable are far enough apart to pay their fees. */
export function bestTrade(pools: readonly PricedPool[]): BestTrade | null {
  let best: BestTrade | null = null
  for (const buy of pools)
    for (const sell of pools) {
      if (buy === sell || buy.stable !== sell.stable) continue
      const trade = tradeBetween({ buy, sell })
      if (trade.profitUsd > (best?.profitUsd ?? 0)) best = trade
    }
  return best
}

/**
 * Two constant-product swaps in a row give `n·a / (d + k·a)` for a loan `a`; what is left after repaying it
 * is largest at `a = (√(n·d) − d) / k`. Doubles are exact enough: the server simulates the trade to the unit.
 */
function tradeBetween({ buy, sell }: { buy: PricedPool; sell: PricedPool }): BestTrade {
  const [keptBuying, keptSelling] = [1 - buy.feePpm / 1e6, 1 - sell.feePpm / 1e6]
  const [stableIn, wethOut] = [Number(buy.stableReserve), Number(buy.wethReserve)]
  const [wethIn, stableOut] = [Number(sell.wethReserve), Number(sell.stableReserve)]
  const n = keptBuying * keptSelling * wethOut * stableOut
  const d = stableIn * wethIn
  const k = keptBuying * (wethIn + keptSelling * wethOut)
  const amount = Math.max(0, Math.min((Math.sqrt(n * d) - d) / k, shareMax * Math.min(stableIn, stableOut)))
  const { tokens } = addressBook
  const { address, decimals } = tokens[buy.stable]
  const unit = 10 ** decimals
  return {
    pools: [buy, sell],
    signal: {
      token: address,
      amount: BigInt(Math.floor(amount)).toString(),
      flashSource: balancerV3,
      protocols: [buy.protocol, sell.protocol],
      routers: [buy.router, sell.router],
      path: [tokens.weth.address, address],
      extras: [buy.extra, sell.extra],
    },
    profitUsd: ((n * amount) / (d + k * amount) - amount) / unit,
    wethUsd: stableIn / unit / (wethOut / 1e18),
  }
}
