import type { Address } from 'viem'
import { addresses } from './addresses.ts'
import { coinsExtra, feeExtra, type Hop } from './encodeRoute.ts'

const { weth, dai, usdc, v2Router, sushiRouter, v3Router, curvePool } = addresses

/** A trade that pays in the fresh world. */
export interface Trade {
  name: string
  loanToken: Address
  loanAmount: bigint
  hops: readonly Hop[]
}

/** Between them they use every protocol, first, in the middle and last. */
export const trades: readonly Trade[] = [
  {
    name: '4,000 DAI, V2 to V3',
    loanToken: dai,
    loanAmount: 4_000n * 10n ** 18n,
    hops: [
      { protocol: 0, router: v2Router, tokenOut: weth },
      { protocol: 1, router: v3Router, tokenOut: dai, extra: feeExtra(3_000) },
    ],
  },
  {
    name: '2,000 DAI, V2 to V2',
    loanToken: dai,
    loanAmount: 2_000n * 10n ** 18n,
    hops: [
      { protocol: 0, router: v2Router, tokenOut: weth },
      { protocol: 0, router: sushiRouter, tokenOut: dai },
    ],
  },
  {
    name: '1,500 USDC, V2 to V3 0.05 %',
    loanToken: usdc,
    loanAmount: 1_500n * 10n ** 6n,
    hops: [
      { protocol: 0, router: v2Router, tokenOut: weth },
      { protocol: 1, router: v3Router, tokenOut: usdc, extra: feeExtra(500) },
    ],
  },
  {
    name: '2 WETH, V3 to Curve to V2',
    loanToken: weth,
    loanAmount: 2n * 10n ** 18n,
    hops: [
      { protocol: 1, router: v3Router, tokenOut: dai, extra: feeExtra(3_000) },
      { protocol: 2, router: curvePool, tokenOut: usdc, extra: coinsExtra(0n, 1n) },
      { protocol: 0, router: v2Router, tokenOut: weth },
    ],
  },
  {
    name: '1,000 USDC, V2 to V3 0.3 %',
    loanToken: usdc,
    loanAmount: 1_000n * 10n ** 6n,
    hops: [
      { protocol: 0, router: v2Router, tokenOut: weth },
      { protocol: 1, router: v3Router, tokenOut: usdc, extra: feeExtra(3_000) },
    ],
  },
]

/** Lenders by `flashSource`. */
export const flashSources = [
  { flashSource: 1, lender: 'Balancer V3' },
  { flashSource: 2, lender: 'Aave V3' },
] as const
