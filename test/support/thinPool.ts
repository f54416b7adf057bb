import { AbiCoder, Interface } from 'ethers'
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Hex } from '../../src/domain/signal.ts'
import { type DevnetTrade, devnetTrade } from './devnetTrades.ts'

const { tokens, uniswapV2, uniswapV3, accounts } = addressBook
const manager = new Interface([
  'function createAndInitializePoolIfNecessary(address, address, uint24, uint160) returns (address)',
  'function mint((address token0, address token1, uint24 fee, int24 tickLower, int24 tickUpper, uint256 amount0Desired, uint256 amount1Desired, uint256 amount0Min, uint256 amount1Min, address recipient, uint256 deadline)) returns (uint256, uint128, uint256, uint256)',
])
const router = new Interface(['function getAmountsOut(uint256, address[]) view returns (uint256[])'])
const FEE = 10_000
const TICK_SPACING = 200

/**
 * A real Uniswap V3 pool (USDC and WETH, fee 1 %) that pays half again as much for WETH as the V2 pair asks,
 * and has 1,200 USDC and no more: whoever sells more WETH than that buys keeps the rest.
 */
export async function openThinPool({ rpc }: { rpc: string }): Promise<void> {
  const ask = async <T>(method: string, ...params: unknown[]) =>
    (await callRpc({ rpc, method, params, timeoutMs: 30_000 })) as T
  async function send(data: string): Promise<void> {
    const hash = await ask<Hex>('eth_sendTransaction', {
      from: accounts.deployer,
      to: uniswapV3.positionManager,
      data,
      gas: '0x989680',
    })
    for (;;) {
      const receipt = await ask<{ status: Hex } | null>('eth_getTransactionReceipt', hash)
      if (receipt?.status === '0x1') return
      if (receipt) throw new Error('The pool could not be made.')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  const path = [tokens.weth.address, tokens.usdc.address]
  const call = { to: uniswapV2.router, data: router.encodeFunctionData('getAmountsOut', [10n ** 18n, path]) }
  const [amounts] = router.decodeFunctionResult('getAmountsOut', await ask('eth_call', call, 'latest'))
  // Units of WETH for a unit of USDC, which is the pool's first token.
  const price = 1e18 / (1.5 * Number(amounts[1]))
  const tick = Math.ceil(Math.log(price) / Math.log(1.0001) / TICK_SPACING) * TICK_SPACING
  const sqrtPrice = BigInt(Math.floor(Math.sqrt(price) * 2 ** 48)) << 48n
  const pair = [tokens.usdc.address, tokens.weth.address, FEE] as const
  await send(manager.encodeFunctionData('createAndInitializePoolIfNecessary', [...pair, sqrtPrice]))
  const position = [tick, tick + TICK_SPACING, 1_200_000_000n, 0, 0, 0, accounts.deployer, 4_102_444_800]
  await send(manager.encodeFunctionData('mint', [[...pair, ...position]]))
}

/** Sells WETH for 1,000 USDC to the thin pool, which takes a part of it. */
export const thinPoolTrade: DevnetTrade = devnetTrade({
  name: 'to a thin pool',
  flashSource: 1,
  token: 'usdc',
  amount: '1000',
  legs: [
    [0, uniswapV2.router, 'weth'],
    [1, uniswapV3.router, 'usdc', AbiCoder.defaultAbiCoder().encode(['uint24'], [FEE])],
  ],
})
