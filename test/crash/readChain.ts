import { AbiCoder } from 'ethers'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { executorInterface } from '../support/devnetTrades.ts'
import type { TradingChain } from '../support/liveWorld.ts'

/** A transaction of one of our accounts as the chain has it. */
export interface MinedTransaction {
  readonly chainId: number
  readonly hash: Hex
  readonly lane: Address
  readonly nonce: number
  readonly block: number
  readonly timestamp: number
  readonly succeeded: boolean
  /** The word of the calldata that names the signal; null when it is not a trade. */
  readonly signalWord: Hex | null
  /** Of `ArbitrageExecuted`, base units; null without that event. */
  readonly profit: bigint | null
  readonly gasCostWei: bigint
}

/** What is left to say of an account when everything has come to rest. */
export interface LaneRest {
  readonly chainId: number
  readonly lane: Address
  readonly minedCount: number
  /** Transactions the node's mempool still holds. */
  readonly waiting: number
}

interface BlockJson {
  readonly number: Hex
  readonly timestamp: Hex
  readonly transactions: readonly { hash: Hex; from: Address; nonce: Hex; to: Address | null; input: Hex }[]
}
interface ReceiptJson {
  readonly transactionHash: Hex
  readonly status: Hex
  readonly gasUsed: Hex
  readonly effectiveGasPrice: Hex
  readonly logs: readonly { readonly address: Address; readonly topics: readonly Hex[]; readonly data: Hex }[]
}

const BLOCKS_AT_ONCE = 50
const EXECUTED = executorInterface.getEvent('ArbitrageExecuted')?.topicHash
const EXECUTE = executorInterface.getFunction('execute')?.selector

/**
 * Every transaction of the lanes above `firstBlock`, from the blocks themselves, in the order of the chain.
 */
export async function readLaneTransactions({
  chain,
  lanes,
  executor,
}: {
  chain: TradingChain
  lanes: readonly Address[]
  executor: Address
}): Promise<MinedTransaction[]> {
  const last = Number(await chain.ask<Hex>('eth_blockNumber'))
  const found: MinedTransaction[] = []
  for (let from = chain.firstBlock + 1; from <= last; from += BLOCKS_AT_ONCE) {
    const numbers = Array.from(
      { length: Math.min(BLOCKS_AT_ONCE, last - from + 1) },
      (_, place) => from + place,
    )
    const blocks = await Promise.all(numbers.map((number) => readBlock(chain, number)))
    for (const block of blocks) {
      const ours = block.transactions.filter((transaction) => lanes.includes(transaction.from))
      if (ours.length === 0) continue
      const receipts = await chain.ask<ReceiptJson[]>('eth_getBlockReceipts', block.number)
      for (const { hash, from: lane, nonce, to, input } of ours) {
        const receipt = receipts.find(({ transactionHash }) => transactionHash === hash)
        if (receipt === undefined) throw new Error(`The block of ${hash} has no receipt of it.`)
        const event = receipt.logs.find(
          ({ address, topics }) => address === executor && topics[0] === EXECUTED,
        )
        found.push({
          chainId: chain.chainId,
          hash,
          lane,
          nonce: Number(nonce),
          block: Number(block.number),
          timestamp: Number(block.timestamp),
          succeeded: receipt.status === '0x1',
          signalWord: to === executor ? signalWordOf(input) : null,
          profit:
            event === undefined
              ? null
              : (AbiCoder.defaultAbiCoder().decode(['uint256', 'uint256'], event.data)[1] as bigint),
          gasCostWei: BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice),
        })
      }
    }
  }
  return found
}

async function readBlock(chain: TradingChain, number: number): Promise<BlockJson> {
  const block = await chain.ask<BlockJson | null>('eth_getBlockByNumber', `0x${number.toString(16)}`, true)
  if (block === null) throw new Error(`Chain ${chain.chainId} has no block ${number}.`)
  return block
}

export async function readLaneRest({
  chain,
  lanes,
}: {
  chain: TradingChain
  lanes: readonly Address[]
}): Promise<LaneRest[]> {
  const pool = await chain.ask<Record<'pending' | 'queued', Record<string, object>>>('txpool_content')
  const held = [...Object.entries(pool.pending), ...Object.entries(pool.queued)]
  return Promise.all(
    lanes.map(async (lane) => ({
      chainId: chain.chainId,
      lane,
      minedCount: Number(await chain.ask<Hex>('eth_getTransactionCount', lane, 'latest')),
      waiting: held
        .filter(([sender]) => sender.toLowerCase() === lane)
        .reduce((sum, [, transactions]) => sum + Object.keys(transactions).length, 0),
    })),
  )
}

/**
 * The third optional word of `routeData`, see `contracts/OmniArbExecutor.sol`; null when the calldata is not
 * a trade or has none.
 */
function signalWordOf(input: Hex): Hex | null {
  if (EXECUTE === undefined || !input.startsWith(EXECUTE)) return null
  const [, , , routeData] = executorInterface.decodeFunctionData('execute', input) as unknown as [
    0,
    0,
    0,
    Hex,
  ]
  const word = (index: number) => `0x${routeData.slice(2 + index * 64, 66 + index * 64)}` as Hex
  return BigInt(word(0)) === 0xe0n ? word(6) : null
}
