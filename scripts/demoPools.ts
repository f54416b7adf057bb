import {
  decodeFunctionResult,
  encodeAbiParameters,
  encodeFunctionData,
  type Hex,
  parseAbi,
  parseAbiParameters,
} from 'viem'
import { addressBook, type DevnetAddress } from '../devnet/addressBook.ts'

/** The tokens that stand for one dollar and are traded against WETH. */
export type Stable = 'dai' | 'usdc'

/** A pool of WETH and a stable, as the executor takes it. */
export interface DemoPool {
  readonly name: string
  readonly address: DevnetAddress
  readonly stable: Stable
  readonly protocol: 0 | 1
  readonly router: DevnetAddress
  readonly extra: Hex
  readonly feePpm: number
}

/** A pool with what it holds, base units; for Uniswap V3 the virtual reserves at its price. */
export interface PricedPool extends DemoPool {
  readonly wethReserve: bigint
  readonly stableReserve: bigint
}

export interface PoolReads {
  readonly block: number
  readonly gasPriceWei: bigint
  readonly pools: readonly PricedPool[]
}

const abi = parseAbi([
  'function getReserves() view returns (uint112 reserve0, uint112 reserve1, uint32 blockTimestampLast)',
  'function slot0() view returns (uint160 sqrtPriceX96, int24, uint16, uint16, uint16, uint8, bool)',
  'function liquidity() view returns (uint128)',
])
const stables: readonly Stable[] = ['dai', 'usdc']
const { tokens, uniswapV2, sushi, uniswapV3 } = addressBook

const v2Pool = (name: string, { router, pairs }: typeof uniswapV2, stable: Stable): DemoPool | null => {
  const address = pairs[`weth/${stable}`]
  return address === undefined
    ? null
    : { name, address, stable, protocol: 0, router, extra: '0x', feePpm: 3_000 }
}

/** Every pool of WETH and a stable in the frozen world. */
export const demoPools: readonly DemoPool[] = stables.flatMap((stable) => [
  ...[v2Pool('Uniswap V2', uniswapV2, stable), v2Pool('Sushi', sushi, stable)].filter(
    (pool) => pool !== null,
  ),
  ...uniswapV3.pools
    .filter(({ a, b }) => a === 'weth' && b === stable)
    .map(
      ({ address, fee }): DemoPool => ({
        name: `Uniswap V3 ${fee / 10_000} %`,
        address,
        stable,
        protocol: 1,
        router: uniswapV3.router,
        extra: encodeAbiParameters(parseAbiParameters('uint24'), [fee]),
        feePpm: fee,
      }),
    ),
])

type ReadName = 'getReserves' | 'slot0' | 'liquidity'
const readNames = ({ protocol }: DemoPool): readonly ReadName[] =>
  protocol === 0 ? ['getReserves'] : ['slot0', 'liquidity']

/** One JSON-RPC batch that reads the block number, the gas price and all pools. */
export function encodeReads(): string {
  const calls = demoPools.flatMap((pool) =>
    readNames(pool).map((functionName) => ({
      method: 'eth_call',
      params: [{ to: pool.address, data: encodeFunctionData({ abi, functionName }) }, 'latest'] as unknown[],
    })),
  )
  const all = [{ method: 'eth_blockNumber', params: [] }, { method: 'eth_gasPrice', params: [] }, ...calls]
  return JSON.stringify(all.map((call, id) => ({ jsonrpc: '2.0', id, ...call })))
}

/**
 * Reads the node's reply to {@link encodeReads}.
 *
 * @throws when a call failed
 */
export function readPools(reply: unknown): PoolReads {
  const results = new Map<number, Hex>()
  for (const { id, result, error } of reply as { id: number; result?: Hex; error?: { message: string } }[]) {
    if (result === undefined) throw new Error(`The node does not let the pools be read: ${error?.message}`)
    results.set(id, result)
  }
  let id = 0
  const next = (): Hex => {
    const result = results.get(id++)
    if (result === undefined) throw new Error('The node left out a part of its reply.')
    return result
  }
  return {
    block: Number(next()),
    gasPriceWei: BigInt(next()),
    pools: demoPools.map((pool) => priced({ pool, next })),
  }
}

function priced({ pool, next }: { pool: DemoPool; next: () => Hex }): PricedPool {
  const [reserve0, reserve1] = pool.protocol === 0 ? v2Reserves(next()) : virtualReserves(next(), next())
  // Pools sort their tokens by address.
  const wethFirst = BigInt(tokens.weth.address) < BigInt(tokens[pool.stable].address)
  return {
    ...pool,
    wethReserve: wethFirst ? reserve0 : reserve1,
    stableReserve: wethFirst ? reserve1 : reserve0,
  }
}

function v2Reserves(data: Hex): readonly [bigint, bigint] {
  const [reserve0, reserve1] = decodeFunctionResult({ abi, functionName: 'getReserves', data })
  return [reserve0, reserve1]
}

/** Within one tick range a V3 pool trades like a V2 pool with these reserves (Uniswap V3 whitepaper, 2). */
function virtualReserves(slot0: Hex, liquidityWord: Hex): readonly [bigint, bigint] {
  const [sqrtPriceX96] = decodeFunctionResult({ abi, functionName: 'slot0', data: slot0 })
  const liquidity = decodeFunctionResult({ abi, functionName: 'liquidity', data: liquidityWord })
  return [(liquidity << 96n) / sqrtPriceX96, (liquidity * sqrtPriceX96) >> 96n]
}
