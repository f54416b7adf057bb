import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { executorInterface } from './devnetTrades.ts'

/** A transaction of an account as a block has it. */
export interface MinedTransaction {
  readonly hash: Hex
  readonly from: Address
  readonly to: Address
  readonly nonce: number
  readonly block: number
  readonly succeeded: boolean
  readonly input: Hex
  readonly gasCostWei: bigint
}

/** A devnet node, asked for what is true and told what shall happen: past every proxy. */
export interface LiveChain {
  readonly rpc: string
  ask<T = unknown>(method: string, ...params: unknown[]): Promise<T>
  head(): Promise<number>
  mine(blocks?: number): Promise<void>
  /** Without automining transactions stay in the pool until `mine`. */
  automine(on: boolean): Promise<void>
  baseFee(gwei: number): Promise<void>
  /** Everything these accounts ever sent that is in a block, by scanning all blocks; in order of block. */
  transactionsOf(...accounts: readonly Address[]): Promise<readonly MinedTransaction[]>
  /** Hashes in the pool. */
  pooled(): Promise<readonly Hex[]>
  /**
   * Takes the newest blocks back and mines as many empty ones. What was in them is in the pool again, as geth
   * has it (anvil drops it), unless `forgets`; automining is off afterwards.
   */
  reorg(options: { depth: number; forgets?: boolean }): Promise<void>
  tokenBalance(options: { token: string; account: string }): Promise<bigint>
  count(account: string): Promise<number>
}

const REST_MS = 150
/** Of a chain that makes blocks all the time. */
const RESTLESS_MAX = 10

export function openLiveChain({ rpc }: { rpc: string }): LiveChain {
  const ask = async <T>(method: string, ...params: unknown[]) =>
    (await callRpc({ rpc, method, params, timeoutMs: 30_000 })) as T
  const head = async () => Number(await ask<Hex>('eth_blockNumber'))

  /** anvil loses a block that it still makes, of what it took before, during a reorg. */
  async function headAtRest(): Promise<number> {
    let before = await head()
    for (let looks = 0; looks < RESTLESS_MAX; looks += 1) {
      await sleep(REST_MS)
      const now = await head()
      if (now === before) break
      before = now
    }
    return before
  }

  interface Block {
    readonly transactions: readonly { hash: Hex; from: Address; to: Address; nonce: Hex; input: Hex }[]
  }
  const block = (number: number) => ask<Block>('eth_getBlockByNumber', `0x${number.toString(16)}`, true)

  return {
    rpc,
    ask,
    head,
    async mine(blocks = 1) {
      await ask('anvil_mine', `0x${blocks.toString(16)}`)
    },
    async automine(on) {
      await ask('evm_setAutomine', on)
    },
    async baseFee(gwei) {
      await ask('anvil_setNextBlockBaseFeePerGas', `0x${BigInt(Math.round(gwei * 1e9)).toString(16)}`)
    },
    async transactionsOf(...accounts) {
      const numbers = Array.from({ length: (await head()) + 1 }, (_, number) => number)
      const blocks = await Promise.all(numbers.map(block))
      const found = blocks.flatMap(({ transactions }, number) =>
        transactions.filter(({ from }) => accounts.includes(from)).map((sent) => ({ ...sent, number })),
      )
      return await Promise.all(
        found.map(async ({ hash, from, to, nonce, input, number }): Promise<MinedTransaction> => {
          const receipt = await ask<{ status: Hex; gasUsed: Hex; effectiveGasPrice: Hex }>(
            'eth_getTransactionReceipt',
            hash,
          )
          const gasCostWei = BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice)
          const succeeded = receipt.status === '0x1'
          return { hash, from, to, nonce: Number(nonce), block: number, succeeded, input, gasCostWei }
        }),
      )
    },
    async pooled() {
      const { pending, queued } =
        await ask<Record<'pending' | 'queued', Record<string, Record<string, { hash: Hex }>>>>(
          'txpool_content',
        )
      return [pending, queued].flatMap((accounts) =>
        Object.values(accounts).flatMap((byNonce) => Object.values(byNonce).map(({ hash }) => hash)),
      )
    },
    async reorg({ depth, forgets = false }) {
      await ask('evm_setAutomine', false)
      const newest = await headAtRest()
      const numbers = Array.from({ length: depth }, (_, index) => newest - depth + 1 + index)
      const hashes = (await Promise.all(numbers.map(block))).flatMap(({ transactions }) =>
        transactions.map(({ hash }) => hash),
      )
      const raws = await Promise.all(hashes.map((hash) => ask<Hex>('debug_getRawTransaction', hash)))
      await ask('anvil_reorg', depth, [])
      if (!forgets) for (const raw of raws) await ask('eth_sendRawTransaction', raw)
    },
    async tokenBalance({ token, account }) {
      const data = `0x70a08231${account.slice(2).toLowerCase().padStart(64, '0')}`
      return BigInt(await ask<Hex>('eth_call', { to: token, data }, 'latest'))
    },
    async count(account) {
      return Number(await ask<Hex>('eth_getTransactionCount', account, 'latest'))
    },
  }
}

/** The word by which the executor knows a signal: SHA-256 of its id. */
export const consumedIdOf = (signalId: string): string => createHash('sha256').update(signalId).digest('hex')

/** Whether a transaction is a trade of this signal, by its calldata as ethers reads it. */
export function isTradeOf({ input }: Pick<MinedTransaction, 'input'>, signalId: string): boolean {
  const call = executorInterface.parseTransaction({ data: input })
  return call?.name === 'execute' && String(call.args[3]).includes(consumedIdOf(signalId))
}
