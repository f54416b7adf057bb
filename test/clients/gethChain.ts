import { HDNodeWallet, type TransactionRequest, Wallet } from 'ethers'
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import { moveToPrice, noisePools, readPool } from '../../devnet/moveToPrice.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import type { Geth } from './startGeth.ts'

/** The words from which the funded accounts of the world are made. */
const WORDS = 'test test test test test test test test test test test junk'
const GAS_LIMIT = 60_000_000n
const NOBODY = `0x${'0'.repeat(40)}`
const NO_HASH = `0x${'0'.repeat(64)}`

/** An account of the genesis: #1 to #4 trade, #6 fills blocks, #7 moves prices, #8 and #9 are free. */
export function genesisKey(index: number): Hex {
  return HDNodeWallet.fromPhrase(WORDS, undefined, `m/44'/60'/0'/0/${index}`).privateKey as Hex
}

export const addressOf = (key: Hex): Address => new Wallet(key).address.toLowerCase() as Address

export interface MinedReceipt {
  readonly status: Hex
  readonly gasUsed: Hex
  readonly effectiveGasPrice: Hex
  readonly blockNumber: Hex
  readonly blockHash: Hex
}

export interface PooledTransaction {
  readonly hash: Hex
  readonly nonce: Hex
  readonly maxFeePerGas: Hex
  readonly maxPriorityFeePerGas: Hex
}

/** A go-ethereum asked for what is true, and told what shall be in its blocks. */
export interface GethChain {
  ask<T = unknown>(method: string, ...params: unknown[]): Promise<T>
  head(): Promise<number>
  baseFee(): Promise<bigint>
  balance(account: string): Promise<bigint>
  /** Mined transactions of an account. */
  count(account: string): Promise<number>
  tokenBalance(token: string, account: string): Promise<bigint>
  receipt(hash: string): Promise<MinedReceipt | null>
  /** What the mempool holds of an account, executable or not, by nonce. */
  pooled(account: string): Promise<readonly PooledTransaction[]>
  /** Makes blocks: of what the mempool holds, or of these transactions alone. */
  mine(blocks?: number, transactions?: readonly Hex[] | null): Promise<void>
  /** Makes blocks that are full of somebody else's transactions, each raising the base fee by an eighth. */
  mineFull(blocks: number): Promise<void>
  /** Signs with an account of its own, fees far above the market's unless given. */
  sign(key: Hex, transaction: TransactionRequest): Promise<Hex>
  /**
   * Moves the price of WETH in the pool where the example buys it, dollars with eight decimals. Makes a
   * block.
   */
  moveBuyPrice(priceUsd: bigint): Promise<void>
  /** Takes the newest blocks back, with what was in them. */
  rewind(blocks: number): Promise<void>
}

export function openGethChain({ rpc }: Pick<Geth, 'rpc'>): GethChain {
  const ask = async <T>(method: string, ...params: unknown[]) =>
    (await callRpc({ rpc, method, params, timeoutMs: 30_000 })) as T
  const number = async (method: string, ...params: unknown[]) => BigInt(await ask<Hex>(method, ...params))
  const newest = () =>
    ask<{ number: Hex; timestamp: Hex; baseFeePerGas: Hex }>('eth_getBlockByNumber', 'latest', false)
  const trader = genesisKey(7)

  const chain: GethChain = {
    ask,
    head: async () => Number(await number('eth_blockNumber')),
    baseFee: async () => BigInt((await newest()).baseFeePerGas),
    balance: (account) => number('eth_getBalance', account, 'latest'),
    count: async (account) => Number(await number('eth_getTransactionCount', account, 'latest')),
    async tokenBalance(token, account) {
      const data = `0x70a08231${account.slice(2).toLowerCase().padStart(64, '0')}`
      return number('eth_call', { to: token, data }, 'latest')
    },
    receipt: (hash) => ask('eth_getTransactionReceipt', hash),
    async pooled(account) {
      const { pending, queued } = await ask<
        Record<'pending' | 'queued', Readonly<Record<string, PooledTransaction>>>
      >('txpool_contentFrom', account)
      return Object.values({ ...queued, ...pending }).sort((a, b) => Number(a.nonce) - Number(b.nonce))
    },
    async mine(blocks = 1, transactions = null) {
      for (let made = 0; made < blocks; made++) {
        const { timestamp } = await newest()
        const second = Math.max(Number(timestamp) + 1, Math.floor(Date.now() / 1_000))
        const attributes = {
          timestamp: `0x${second.toString(16)}`,
          prevRandao: NO_HASH,
          suggestedFeeRecipient: NOBODY,
          // As on a real chain, no two blocks have the same state.
          withdrawals: [{ index: '0x0', validatorIndex: '0x0', address: NOBODY, amount: '0x1' }],
          parentBeaconBlockRoot: NO_HASH,
        }
        await ask('testing_commitBlockV1', attributes, transactions, null)
      }
    },
    async mineFull(blocks) {
      const key = genesisKey(6)
      for (let made = 0; made < blocks; made++) {
        // Creation code that is INVALID takes all its gas.
        const gasLimit = GAS_LIMIT - 100_000n
        await chain.mine(1, [
          await chain.sign(key, { to: null, data: '0xfe', gasLimit, maxPriorityFeePerGas: 0n }),
        ])
      }
    },
    async sign(key, { gasLimit = 1_000_000n, ...transaction }) {
      const wallet = new Wallet(key)
      const nonce = transaction.nonce ?? (await chain.count(wallet.address))
      const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 9n }
      const signed = await wallet.signTransaction({
        type: 2,
        chainId: 1,
        ...fees,
        ...transaction,
        nonce,
        gasLimit,
      })
      return signed as Hex
    },
    async moveBuyPrice(priceUsd) {
      const pool = noisePools.find(({ name }) => name === 'uniswapV2 weth/usdc')
      if (pool === undefined) throw new Error('The world has no such pool.')
      const { weth, usdc } = addressBook.tokens
      const data = readPool.encodeFunctionData('getReserves')
      const state = await ask<string>('eth_call', { to: pool.address, data }, 'latest')
      const account = addressOf(trader) as `0x${string}`
      const swap = moveToPrice({ pool, state, priceUsd, trader: account })
      if (swap === undefined) return
      const nonce = await chain.count(account)
      const steps = [
        { to: weth.address, data: '0xd0e30db0', value: 10n ** 21n }, // deposit()
        { to: usdc.address, data: call('40c10f19', account, 10n ** 15n) }, // mint(address,uint256)
        ...[weth, usdc].map(({ address }) => ({
          to: address,
          data: call('095ea7b3', swap.router, 10n ** 27n),
        })),
        { to: swap.router, data: swap.data },
      ]
      const signed = steps.map((step, index) => chain.sign(trader, { ...step, nonce: nonce + index }))
      await chain.mine(1, await Promise.all(signed))
    },
    async rewind(blocks) {
      await ask('debug_setHead', `0x${((await chain.head()) - blocks).toString(16)}`)
    },
  }
  return chain
}

const call = (selector: string, account: string, amount: bigint) =>
  `0x${selector}${account.slice(2).padStart(64, '0')}${amount.toString(16).padStart(64, '0')}`
