import { Interface } from 'ethers'
import { addressBook, type DevnetAddress, type DevnetTokenName } from './addressBook.ts'

/** A pool of WETH against a stablecoin whose price the noise trader moves. */
export interface NoisePool {
  /** For example `sushi weth/dai`. */
  readonly name: string
  readonly stable: Exclude<DevnetTokenName, 'weth'>
  readonly address: DevnetAddress
  readonly router: DevnetAddress
  /** Undefined on Uniswap V2. */
  readonly fee: number | undefined
}

/** A swap that brings a pool to a price. */
export interface MovingSwap {
  readonly router: DevnetAddress
  readonly data: string
  readonly tokenIn: DevnetTokenName
  readonly amountIn: bigint
}

/** Every pool of WETH in the world. */
export const noisePools: readonly NoisePool[] = [
  ...(['uniswapV2', 'sushi'] as const).flatMap((venue) =>
    (['dai', 'usdc'] as const).map((stable) => ({
      name: `${venue} weth/${stable}`,
      stable,
      address: addressBook[venue].pairs[`weth/${stable}`] as DevnetAddress,
      router: addressBook[venue].router,
      fee: undefined,
    })),
  ),
  ...addressBook.uniswapV3.pools.map(({ address, b, fee }) => ({
    name: `uniswapV3 weth/${b} ${fee}`,
    stable: b as NoisePool['stable'],
    address,
    router: addressBook.uniswapV3.router,
    fee,
  })),
]

/** Read on the pool before {@link moveToPrice}. */
export const readPool = new Interface([
  'function getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 at)',
  'function slot0() view returns (uint160 sqrtPriceX96, int24 tick, uint16, uint16, uint16, uint8, bool)',
])
const routers = new Interface([
  'function swapExactTokensForTokens(uint256 amountIn, uint256 amountOutMin, address[] path, address to, uint256 deadline)',
  'function exactInputSingle((address tokenIn, address tokenOut, uint24 fee, address recipient, uint256 deadline, uint256 amountIn, uint256 amountOutMinimum, uint160 sqrtPriceLimitX96))',
])
const deadline = 99_999_999_999n
const oneEther = 10n ** 18n
/** One round never trades more than this, in WETH; the way to a far price takes several. */
const maxWethIn = 100n * oneEther

/**
 * The swap after which WETH costs `priceUsd` in the pool, or costs nearer to it when that would take more than 100 WETH.
 *
 * @param options.state what {@link readPool} returned: `getReserves` of a V2 pair, `slot0` of a V3 pool
 * @param options.priceUsd with eight decimals
 * @returns undefined when the pool is there already
 */
export function moveToPrice(options: {
  pool: NoisePool
  state: string
  priceUsd: bigint
  trader: DevnetAddress
}): MovingSwap | undefined {
  const { pool, trader } = options
  const weth = addressBook.tokens.weth
  const stable = addressBook.tokens[pool.stable]
  const wethIsToken0 = weth.address.toLowerCase() < stable.address.toLowerCase()
  // The price as a ratio of base units, stable to WETH: numerator / denominator.
  const numerator = options.priceUsd * 10n ** BigInt(stable.decimals)
  const denominator = 10n ** 8n * oneEther
  const maxStableIn = (maxWethIn * numerator) / denominator

  if (pool.fee === undefined) {
    const [reserve0, reserve1] = readPool.decodeFunctionResult('getReserves', options.state) as unknown as [
      bigint,
      bigint,
    ]
    const [wethReserve, stableReserve] = wethIsToken0 ? [reserve0, reserve1] : [reserve1, reserve0]
    // x * y stays the same, so at a price p = y / x the reserves are x = sqrt(xy / p) and y = sqrt(xy * p).
    const wethWanted = squareRoot((wethReserve * stableReserve * denominator) / numerator)
    const stableWanted = squareRoot((wethReserve * stableReserve * numerator) / denominator)
    const tokenIn = wethWanted > wethReserve ? 'weth' : pool.stable
    const missing = tokenIn === 'weth' ? wethWanted - wethReserve : stableWanted - stableReserve
    const amountIn = smaller((missing * 1000n) / 997n, tokenIn === 'weth' ? maxWethIn : maxStableIn)
    if (amountIn <= 0n) return undefined
    const path = tokenIn === 'weth' ? [weth.address, stable.address] : [stable.address, weth.address]
    const data = routers.encodeFunctionData('swapExactTokensForTokens', [
      amountIn,
      0n,
      path,
      trader,
      deadline,
    ])
    return { router: pool.router, data, tokenIn, amountIn }
  }

  const [current] = readPool.decodeFunctionResult('slot0', options.state) as unknown as [bigint]
  const wanted = wethIsToken0
    ? squareRoot((numerator << 192n) / denominator)
    : squareRoot((denominator << 192n) / numerator)
  if (wanted === current) return undefined
  // The pool's own price is that of token 0. It falls when token 0 comes in.
  const tokenIn = wanted < current === wethIsToken0 ? 'weth' : pool.stable
  // The router takes only what it needs to reach the limit.
  const amountIn = tokenIn === 'weth' ? maxWethIn : maxStableIn
  const data = routers.encodeFunctionData('exactInputSingle', [
    {
      tokenIn: addressBook.tokens[tokenIn].address,
      tokenOut: tokenIn === 'weth' ? stable.address : weth.address,
      fee: pool.fee,
      recipient: trader,
      deadline,
      amountIn,
      amountOutMinimum: 0n,
      sqrtPriceLimitX96: wanted,
    },
  ])
  return { router: pool.router, data, tokenIn, amountIn }
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b
}

/** Rounded down (Newton's method). */
function squareRoot(value: bigint): bigint {
  let root = value
  for (let next = (value + 1n) / 2n; next < root; next = (root + value / root) / 2n) root = next
  return root
}
