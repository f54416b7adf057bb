import { Wallet } from 'ethers'
import type { OfferedTransaction } from '../support/faultProxy.ts'
import {
  devAccount,
  endedOtherwise,
  eventually,
  type LiveTitan,
  type WorldChain,
} from '../support/liveTitan.ts'
import type { Json } from '../support/startTitan.ts'

/** Blocks that make everything before them final on the devnet, and then some. */
const FINAL_BLOCKS = 8

/** The trade once it has this status; nothing is mined meanwhile. */
export const becomes = (live: LiveTitan, signalId: string, status: string): Promise<Json> =>
  live.until(signalId, (trade) => trade.status === status)

/** A block now and then until the condition holds; the server sees each. */
export async function mineUntil<T>(
  { chain }: LiveTitan,
  condition: () => Promise<T | null> | T | null,
): Promise<T> {
  return await eventually(async () => {
    const found = await condition()
    if (found !== null) return found
    await chain.mine()
    await pause(250)
    return null
  })
}

/** Mines until the trade has the status. */
export const minedInto = (live: LiveTitan, signalId: string, status: string): Promise<Json> =>
  mineUntil(live, async () => {
    const trade = await live.trade(signalId)
    if (trade?.status === status) return trade
    if (trade?.final) throw new Error(endedOtherwise(trade))
    return null
  })

/** Mines until nothing about the trade can change any more. */
export const finalised = async (live: LiveTitan, signalId: string): Promise<Json> => {
  await live.chain.mine(FINAL_BLOCKS)
  return await mineUntil(live, async () => {
    const trade = await live.trade(signalId)
    return trade?.final === true ? trade : null
  })
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** What came to the endpoints for a nonce of the first lane, each transaction once, in order. */
export function offersAt({ chain, lanes }: LiveTitan, nonce: number): OfferedTransaction[] {
  const offers = chain.endpoints
    .flatMap(({ offered }) => offered)
    .filter((offer) => offer.nonce === nonce && offer.from === lanes[0])
    .toSorted((a, b) => a.offeredAtMs - b.offeredAtMs)
  return [...new Map(offers.toReversed().map((offer) => [offer.hash, offer])).values()].toReversed()
}

/** How often the bytes of this transaction came to an endpoint. */
export const timesOffered = ({ chain }: LiveTitan, hash: string): number =>
  chain.endpoints.flatMap(({ offered }) => offered).filter((offer) => offer.hash === hash).length

/**
 * Somebody else uses the key of a lane: a transfer of 19 wei, straight to the node. Resolves with its hash.
 */
export async function sendForeign({
  chain,
  account = 1,
  nonce,
  gwei = 3,
}: {
  chain: WorldChain
  account?: number
  nonce: number
  gwei?: number
}): Promise<string> {
  const wei = BigInt(gwei) * 1_000_000_000n
  const raw = await new Wallet(devAccount(account).privateKey).signTransaction({
    type: 2,
    chainId: chain.chainId,
    nonce,
    to: devAccount(6).address,
    value: 19n,
    gasLimit: 21_000n,
    maxFeePerGas: wei,
    maxPriorityFeePerGas: wei,
  })
  return await chain.ask<string>('eth_sendRawTransaction', raw)
}

/** Whether the second of two raises both fees of the first by at least an eighth. */
export const outbidsByAnEighth = (first: OfferedTransaction, second: OfferedTransaction): boolean =>
  second.maxFeePerGas * 8n >= first.maxFeePerGas * 9n &&
  second.maxPriorityFeePerGas * 8n >= first.maxPriorityFeePerGas * 9n

/** The settings of a second server with the same keys, straight at the node. */
export const besides = (live: LiveTitan): Record<string, string> => ({
  ...live.environment,
  RPC_BSC: live.chain.rpc,
})
