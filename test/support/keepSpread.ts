import { setTimeout as sleep } from 'node:timers/promises'
import { Interface, toQuantity } from 'ethers'
import { addressBook, type DevnetAddress } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import { moveToPrice, type NoisePool, noisePools, readPool } from '../../devnet/moveToPrice.ts'

/** Prices of WETH in two pools of one chain, which decide whether a route between them pays. */
export interface Spread {
  /**
   * Dollars with eight decimals: WETH is bought at `buyAt` (Uniswap V2) and sold at `sellAt` (V3 0.3 %).
   * Resolves when the swaps are in blocks.
   */
  set(prices: { readonly buyAt: bigint; readonly sellAt: bigint }): Promise<void>
}

/** Far enough apart to pay both pools' fees and leave about three percent. */
export const WIDE = { buyAt: 2_930_00000000n, sellAt: 3_040_00000000n } as const
/** The route loses. */
export const INVERTED = { buyAt: 3_030_00000000n, sellAt: 2_950_00000000n } as const

const trader = addressBook.accounts.noiseTrader
const { weth } = addressBook.tokens
const erc20 = new Interface([
  'function approve(address spender, uint256 amount)',
  'function mint(address to, uint256 amount)',
  'function deposit() payable',
])
const MINED_TIMEOUT_MS = 5_000
const UNBOUNDED = 2n ** 256n - 1n
const WETH_HELD = 10n ** 23n
const DOLLARS_HELD = 10n ** 9n

function pool(name: string): NoisePool {
  const found = noisePools.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`There is no pool ${name}.`)
  return found
}

/**
 * Gives the noise trader what it takes to hold two pools of a devnet chain at any price. Its transactions tip
 * 1 wei and so move no fee.
 *
 * @param options.stable the token that both pools have against WETH
 */
export async function createSpread({
  rpc,
  stable = 'usdc',
}: {
  rpc: string
  stable?: 'usdc' | 'dai'
}): Promise<Spread> {
  const buying = pool(`uniswapV2 weth/${stable}`)
  const selling = pool(`uniswapV3 weth/${stable} 3000`)
  const dollar = addressBook.tokens[stable]
  const ask = (method: string, ...params: unknown[]) =>
    callRpc({ rpc, method, params, timeoutMs: 30_000 }) as Promise<string>
  const send = (to: DevnetAddress, data: string, value = 0n) =>
    ask('eth_sendTransaction', {
      from: trader,
      to,
      data,
      value: toQuantity(value),
      gas: toQuantity(3_000_000n),
      maxFeePerGas: toQuantity(10n ** 11n),
      maxPriorityFeePerGas: '0x1',
    })

  await ask('anvil_setBalance', trader, toQuantity(WETH_HELD * 2n))
  await send(weth.address, erc20.encodeFunctionData('deposit'), WETH_HELD)
  const held = DOLLARS_HELD * 10n ** BigInt(dollar.decimals)
  await send(dollar.address, erc20.encodeFunctionData('mint', [trader, held]))
  for (const { router } of [buying, selling])
    for (const { address } of [weth, dollar])
      await send(address, erc20.encodeFunctionData('approve', [router, UNBOUNDED]))

  /** A swap decided on a state in which the last one is missing would go too far. */
  async function mined(hash: string): Promise<void> {
    for (const end = performance.now() + MINED_TIMEOUT_MS; performance.now() < end; await sleep(10))
      if ((await ask('eth_getTransactionReceipt', hash)) !== null) return
    throw new Error(`The swap ${hash} is in no block after ${MINED_TIMEOUT_MS} ms.`)
  }

  async function move(moved: NoisePool, priceUsd: bigint): Promise<void> {
    const data = readPool.encodeFunctionData(moved.fee === undefined ? 'getReserves' : 'slot0')
    const state = await ask('eth_call', { to: moved.address, data }, 'latest')
    const swap = moveToPrice({ pool: moved, state, priceUsd, trader })
    if (swap !== undefined) await mined(await send(swap.router, swap.data))
  }
  return {
    async set({ buyAt, sellAt }) {
      await move(buying, buyAt)
      await move(selling, sellAt)
    },
  }
}
