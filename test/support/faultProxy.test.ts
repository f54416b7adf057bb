import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type FaultProxy, startFaultProxy } from './faultProxy.ts'
import {
  cut,
  delay,
  dropReply,
  failMethod,
  hang,
  hideReceipts,
  hold,
  rateLimit,
  refuse,
  staleCounts,
  swallow,
  takeAndFail,
  takeAndForget,
  takeAndRefuse,
  wrongHash,
} from './faults.ts'
import { consumedIdOf, type LiveChain, openLiveChain } from './liveChain.ts'
import { standStill } from './nodeStates.ts'
import { newAccount, type SignedTransfer, signedTransfer } from './signedTransfer.ts'

let devnet: Devnet
let chain: LiveChain
let proxy: FaultProxy
let account: PrivateKeyAccount
let node: string

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  node = devnet.chains[0]?.rpc ?? ''
  chain = openLiveChain({ rpc: node })
  proxy = await startFaultProxy({ node })
})
afterAll(async () => {
  await proxy?.stop()
  await devnet?.stop()
})
beforeEach(async () => {
  account = await newAccount(node)
  await chain.automine(false)
})
afterEach(() => proxy.heal())

const ask = (method: string, params: unknown[], timeoutMs = 20_000) =>
  callRpc({ rpc: proxy.url, method, params, timeoutMs })
const send = ({ raw }: SignedTransfer, timeoutMs?: number) => ask('eth_sendRawTransaction', [raw], timeoutMs)
const transfer = (over: { nonce?: number; gwei?: bigint } = {}) =>
  signedTransfer({ account, chainId: 1, nonce: 0, ...over })
const minedOfAccount = () => chain.transactionsOf(account.address.toLowerCase() as `0x${string}`)

describe('the fault proxy', () => {
  it('is the node as long as nothing is injected, and remembers what it was offered', async () => {
    const sent = await transfer()
    expect(await send(sent)).toBe(sent.hash)
    expect(await chain.pooled()).toEqual([sent.hash])
    expect(proxy.offered.at(-1)).toMatchObject({ hash: sent.hash, nonce: 0, maxFeePerGas: 30_000_000_000n })
    await chain.mine()
    expect(await minedOfAccount()).toMatchObject([{ hash: sent.hash, nonce: 0, succeeded: true }])
  })

  it('loses the answer but not the transaction, and cuts before the node', async () => {
    const taken = await transfer()
    proxy.inject(dropReply(), { times: 1 })
    await expect(send(taken)).rejects.toThrow()
    expect(await chain.pooled()).toEqual([taken.hash])
    const lost = await transfer({ nonce: 1 })
    proxy.inject(cut(), { times: 1 })
    await expect(send(lost)).rejects.toThrow()
    expect(await chain.pooled()).toEqual([taken.hash])
    await chain.mine()
  })

  it('strikes as often as told and counts', async () => {
    const once = proxy.inject(refuse({ code: -32000, message: 'nonce too high' }), { times: 1 })
    const sent = await transfer()
    await expect(send(sent)).rejects.toThrow('nonce too high')
    expect(await send(sent)).toBe(sent.hash)
    expect(once.strikes).toBe(1)
    await chain.mine()
  })

  it('answers for a node that takes and forgets, or swallows', async () => {
    const swallowed = await transfer()
    proxy.inject(swallow(), { times: 1 })
    expect(await send(swallowed)).toBe(swallowed.hash)
    proxy.inject(takeAndForget(node), { times: 1 })
    expect(await send(swallowed)).toBe(swallowed.hash)
    proxy.inject(wrongHash(), { times: 1 })
    expect(await send(swallowed)).toBe(`0x${'5a'.repeat(32)}`)
    expect(await chain.pooled()).toEqual([])
    proxy.inject(takeAndFail(node), { times: 1 })
    await expect(send(swallowed)).rejects.toThrow()
    expect(await chain.pooled()).toEqual([swallowed.hash])
    await chain.mine()
  })

  it('refuses in words while the node takes it', async () => {
    const sent = await transfer()
    proxy.inject(takeAndRefuse({ code: -32000, message: 'already known' }), { times: 1 })
    await expect(send(sent)).rejects.toThrow('already known')
    expect(await chain.pooled()).toEqual([sent.hash])
    await chain.mine()
  })

  it('holds a replacement to a tenth more on both fees, and only while the first is pending', async () => {
    await send(await transfer({ gwei: 30n }))
    const tooLittle = await transfer({ gwei: 32n })
    await expect(send(tooLittle)).rejects.toThrow('replacement transaction underpriced')
    const sameTip = await transfer({ gwei: 40n })
    await expect(send(sameTip)).rejects.toThrow('replacement transaction underpriced')
    await chain.mine()
    await expect(send(sameTip)).rejects.toThrow(/nonce too low/)
  })

  it('stands still while the chain goes on', async () => {
    const at = await chain.head()
    proxy.inject(standStill(at))
    const sent = await transfer()
    expect(await send(sent)).toBe(sent.hash)
    await chain.mine(2)
    expect(await ask('eth_blockNumber', [])).toBe(`0x${at.toString(16)}`)
    expect(await ask('eth_getTransactionCount', [account.address, 'latest'])).toBe('0x0')
    expect(await ask('eth_getTransactionReceipt', [sent.hash])).toBeNull()
    expect(await ask('eth_getBlockByNumber', ['latest', false])).toMatchObject({
      number: `0x${at.toString(16)}`,
    })
    expect(await ask('eth_getBlockByNumber', [`0x${(at + 1).toString(16)}`, false])).toBeNull()
    proxy.heal()
    expect(await ask('eth_getTransactionCount', [account.address, 'latest'])).toBe('0x1')
  })

  it('shows old counts, hides receipts, fails one method, limits rates', async () => {
    const sent = await transfer()
    await send(sent)
    await chain.mine()
    proxy.inject(staleCounts(7))
    expect(await ask('eth_getTransactionCount', [account.address, 'latest'])).toBe('0x7')
    proxy.inject(hideReceipts())
    expect(await ask('eth_getTransactionReceipt', [sent.hash])).toBeNull()
    proxy.inject(failMethod('eth_chainId'))
    await expect(ask('eth_chainId', [])).rejects.toThrow('internal error')
    proxy.inject(rateLimit(-32005))
    await expect(ask('eth_blockNumber', [])).rejects.toThrow('rate limited')
    proxy.inject(rateLimit(429))
    await expect(ask('eth_blockNumber', [])).rejects.toThrow()
  })

  it('is silent, slow, or waits for a word', async () => {
    const sent = await transfer()
    proxy.inject(hang(), { times: 1 })
    await expect(send(sent, 200)).rejects.toThrow()
    expect(await chain.pooled()).toEqual([])
    proxy.inject(delay(60, 'eth_chainId'), { times: 1 })
    const startedAtMs = performance.now()
    await ask('eth_chainId', [])
    expect(performance.now() - startedAtMs).toBeGreaterThan(50)
    let letGo = () => {}
    const until = new Promise<void>((resolve) => {
      letGo = resolve
    })
    proxy.inject(hold(until), { times: 1 })
    const answer = send(sent)
    expect(await chain.pooled()).toEqual([])
    letGo()
    expect(await answer).toBe(sent.hash)
  })
})

describe('a reorg of the devnet', () => {
  it('puts what was in the blocks back into the pool, as geth does', async () => {
    const sent = await transfer()
    await send(sent)
    await chain.mine(2)
    const before = await chain.head()
    await chain.reorg({ depth: 2 })
    expect(await chain.head()).toBe(before)
    expect(await minedOfAccount()).toEqual([])
    expect(await chain.pooled()).toContain(sent.hash)
    await chain.mine()
    expect(await minedOfAccount()).toMatchObject([{ hash: sent.hash }])
  })

  it('or forgets it', async () => {
    await send(await transfer())
    await chain.mine()
    await chain.reorg({ depth: 1, forgets: true })
    expect(await chain.pooled()).toEqual([])
    expect(await chain.count(account.address)).toBe(0)
  })
})

it('knows a signal by the digest that the executor consumes', () => {
  expect(consumedIdOf('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
