import { encodeAbiParameters, type Hex, parseAbiParameters } from 'viem'
import { addressBook } from '../devnet/addressBook.ts'

/** A route that pays in the devnet's fresh world for every amount from `amountMin` up to `amountMax`. */
export interface PayingRoute {
  readonly name: string
  readonly token: Hex
  /** Base units of `token`. */
  readonly amountMin: bigint
  readonly amountMax: bigint
  readonly protocols: readonly number[]
  readonly routers: readonly Hex[]
  /** Token out of each hop; ends in `token`. */
  readonly path: readonly Hex[]
  readonly extras: readonly Hex[]
}

const { tokens, uniswapV2, sushi, uniswapV3, curve } = addressBook
const [weth, dai, usdc] = [tokens.weth.address, tokens.dai.address, tokens.usdc.address]
const [v2Router, sushiRouter, v3Router] = [uniswapV2.router, sushi.router, uniswapV3.router]
const curvePool = curve.susdPool
const fee = (value: number) => encodeAbiParameters(parseAbiParameters('uint24'), [value])
const coins = (i: bigint, j: bigint) => encodeAbiParameters(parseAbiParameters('int128, int128'), [i, j])

/** Every venue, two and three hops, loan tokens of 6 and 18 decimals. */
export const payingRoutes: readonly PayingRoute[] = [
  {
    name: 'DAI, V2 to V3 0.3 %',
    token: dai,
    amountMin: 1_000n * 10n ** 18n,
    amountMax: 5_000n * 10n ** 18n,
    protocols: [0, 1],
    routers: [v2Router, v3Router],
    path: [weth, dai],
    extras: ['0x', fee(3_000)],
  },
  {
    name: 'DAI, V2 to the other V2',
    token: dai,
    amountMin: 500n * 10n ** 18n,
    amountMax: 2_500n * 10n ** 18n,
    protocols: [0, 0],
    routers: [v2Router, sushiRouter],
    path: [weth, dai],
    extras: ['0x', '0x'],
  },
  {
    name: 'USDC, V2 to V3 0.05 %',
    token: usdc,
    amountMin: 1_000n * 10n ** 6n,
    amountMax: 2_500n * 10n ** 6n,
    protocols: [0, 1],
    routers: [v2Router, v3Router],
    path: [weth, usdc],
    extras: ['0x', fee(500)],
  },
  {
    name: 'WETH, V3 to Curve to V2',
    token: weth,
    amountMin: 75n * 10n ** 16n,
    amountMax: 2n * 10n ** 18n,
    protocols: [1, 2, 0],
    routers: [v3Router, curvePool, v2Router],
    path: [dai, usdc, weth],
    extras: [fee(3_000), coins(0n, 1n), '0x'],
  },
]
