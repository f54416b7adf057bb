import { keccak256, toUtf8Bytes, Wallet } from 'ethers'
import { addressBook } from '../../devnet/addressBook.ts'
import { type DevnetOptions, startDevnet } from '../../devnet/startDevnet.ts'
import { CHAINS } from '../../src/config/chains.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { createDevnetAccount } from './devnetAccount.ts'
import { executorInterface } from './devnetTrades.ts'
import { createSpread, type Spread, WIDE } from './keepSpread.ts'
import { type LiveChain, openLiveChain } from './liveChain.ts'

/** A devnet chain on which LIVE can trade. */
export interface TradingChain extends LiveChain {
  readonly chainId: number
  readonly pid: number
  readonly spread: Spread
  /** A block for every transaction, at once; otherwise at a rhythm. */
  readonly automines: boolean
  /** What the lanes do after this block is the server's doing. */
  readonly firstBlock: number
}

/** Devnet chains with the executor deployed, configured and open to funded lanes. */
export interface LiveWorld {
  readonly chains: readonly TradingChain[]
  readonly executor: Address
  readonly keys: readonly Hex[]
  readonly lanes: readonly Address[]
  /** What the server needs to trade here; `rpcs` puts something in front of a chain's node. */
  env(rpcs?: ReadonlyMap<number, string>): Record<string, string>
  stop(): Promise<void>
}

const LANE_WEI = 10n ** 20n
/**
 * Blocks that bring the base fee from 1 gwei to next to nothing (EIP-1559: an eighth per empty block), so
 * that small trades pay.
 */
const QUIET_BLOCKS = 150

export const laneKey = (index: number): Hex => keccak256(toUtf8Bytes(`a lane of the devnet, ${index}`)) as Hex
export const addressOf = (key: Hex): Address => new Wallet(key).address.toLowerCase() as Address

/** Starts one chain per id; the executor has the same address on all. */
export async function startLiveWorld({
  chainIds,
  laneCount,
  blockTimeSeconds,
}: {
  chainIds: readonly number[]
  laneCount: number
  blockTimeSeconds?: number
}): Promise<LiveWorld> {
  const options: DevnetOptions = { chainIds, ...(blockTimeSeconds !== undefined && { blockTimeSeconds }) }
  const devnet = await startDevnet(options)
  try {
    const keys = Array.from({ length: laneCount }, (_, index) => laneKey(index))
    const lanes = keys.map(addressOf)
    const prepared = await Promise.all(
      devnet.chains.map((chain) => prepare({ ...chain, automines: blockTimeSeconds === undefined }, lanes)),
    )
    const [executor, ...others] = prepared.map((each) => each.executor)
    if (executor === undefined || others.some((other) => other !== executor))
      throw new Error('The executor has another address on another chain.')
    const chains = prepared.map((each) => each.chain)
    return {
      chains,
      executor,
      keys,
      lanes,
      env: (rpcs = new Map()) => ({
        EXECUTION_MODE: 'LIVE',
        PRIVATE_KEYS: keys.join(','),
        EXECUTOR_ADDRESS: executor,
        MAX_GAS_SPEND_PER_HOUR_NATIVE: '1000',
        ...Object.fromEntries(
          chains.map(({ chainId, rpc }) => [endpointSetting(chainId), rpcs.get(chainId) ?? rpc]),
        ),
      }),
      stop: devnet.stop,
    }
  } catch (cause) {
    await devnet.stop()
    throw cause
  }
}

export function endpointSetting(chainId: number): string {
  const profile = CHAINS.find((chain) => chain.chainId === chainId)
  if (profile === undefined) throw new Error(`There is no chain ${chainId}.`)
  return `RPC_${profile.envName}`
}

async function prepare(
  { chainId, rpc, pid, automines }: { chainId: number; rpc: string; pid: number; automines: boolean },
  lanes: readonly Address[],
): Promise<{ executor: Address; chain: TradingChain }> {
  const chain = openLiveChain({ rpc })
  const account = await createDevnetAccount({ rpc })
  const executor = await account.deployExecutor()
  const data = executorInterface.encodeFunctionData('setLanes', [lanes, true]) as Hex
  const receipt = await account.send({ to: executor, data })
  if (receipt.status !== '0x1') throw new Error('The lanes were not authorised.')
  for (const lane of lanes) await chain.ask('anvil_setBalance', lane, `0x${LANE_WEI.toString(16)}`)
  const spread = await createSpread({ rpc })
  await spread.set(WIDE)
  await chain.ask('anvil_mine', `0x${QUIET_BLOCKS.toString(16)}`, '0x0')
  return { executor, chain: { ...chain, chainId, pid, spread, automines, firstBlock: await chain.head() } }
}

const { weth, usdc } = addressBook.tokens

/**
 * A signal of its own for every index: some 60 USDC from Balancer V3, bought on Uniswap V2 and sold on V3. It
 * pays while the spread is wide; `losing` takes the way back.
 */
export function liveSignal({
  chainId,
  index,
  losing = false,
  ...rest
}: {
  chainId: number
  index: number
  losing?: boolean
  readonly [field: string]: unknown
}): Record<string, unknown> & { signal_id: string } {
  const forwards = [0, 1]
  const routers = [addressBook.uniswapV2.router, addressBook.uniswapV3.router]
  return {
    signal_id: `live-${chainId}-${index}`,
    chainId,
    token: usdc.address,
    amount: String(60_000_000 + index * 7),
    flashSource: 1,
    protocols: losing ? forwards.toReversed() : forwards,
    routers: losing ? routers.toReversed() : routers,
    path: [usdc.address, weth.address],
    extras: ['0x', '0x'],
    expected_profit: 1.5,
    ...rest,
  }
}
