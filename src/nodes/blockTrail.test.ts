import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createBlockTree } from '../../test/support/blockTree.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { lagBehind, mixedHeights } from '../../test/support/nodeStates.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Hex } from '../domain/signal.ts'
import { type BlockTrail, createBlockTrail } from './blockTrail.ts'
import { type Block, readBlock } from './heads.ts'
import { createJsonRpc } from './jsonRpc.ts'
import type { JsonRpc } from './rpc.ts'

let devnet: Devnet
let chain: LiveChain
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
})
afterAll(() => devnet.stop())

let account: PrivateKeyAccount
let proxy: RpcProxy
let rpc: JsonRpc
let trail: BlockTrail
beforeEach(async () => {
  await chain.automine(false)
  account = await newAccount(chain.rpc)
  proxy = await startRpcProxy({ target: chain.rpc })
  rpc = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 10_000, limits: LIMITS })
  trail = createBlockTrail({ rpc })
})
afterEach(async () => {
  await rpc.close()
  await proxy.stop()
})

const blockAt = async (at: number | 'latest'): Promise<Block> => {
  const tag = typeof at === 'number' ? `0x${at.toString(16)}` : at
  return readBlock(await chain.ask('eth_getBlockByNumber', tag, false)) as Block
}
/** As a subscription tells of it: without what it holds. */
const announced = async (at: number | 'latest' = 'latest') => ({ ...(await blockAt(at)), transactions: null })
const mined = async (nonce: number): Promise<Hex> => {
  const { raw, hash } = await signedTransfer({ account, chainId: 1, nonce })
  await chain.ask('eth_sendRawTransaction', raw)
  await chain.mine()
  return hash
}
const asked = () => Object.fromEntries(proxy.methods)
const heldOf = (hashes: readonly Hex[], since: number) =>
  trail.held(hashes, since)?.map(({ transaction }) => transaction) ?? null
const UNSENT: Hex = `0x${'17'.repeat(32)}`

describe('createBlockTrail', () => {
  it('knows hashes by blocks that follow each other, and the one before the first', async () => {
    await chain.mine(3)
    const head = await chain.head()
    for (const height of [head - 1, head]) trail.see(await announced(height))
    const hashes = await Promise.all([head - 2, head - 1, head].map(async (at) => (await blockAt(at)).hash))
    expect([head - 3, head - 2, head - 1, head, head + 1].map(trail.hashAt)).toEqual([null, ...hashes, null])
  })

  it('finds a transaction in the blocks since it was signed, asked for only when two or more wait', async () => {
    const since = await chain.head()
    const hash = await mined(0)
    trail.see(await announced())
    await trail.learn([since])
    expect(heldOf([hash], since)).toBeNull()
    await trail.learn([since, since])
    expect(heldOf([UNSENT, hash], since)).toEqual([hash])
    expect(heldOf([UNSENT], since)).toEqual([])
    expect(asked()).toEqual({ eth_getBlockByHash: 1 })
    // What was asked once is known.
    await trail.learn([since, since])
    expect(asked()).toEqual({ eth_getBlockByHash: 1 })
  })

  it('asks for nothing when the newest block came with what it holds', async () => {
    const since = await chain.head()
    const hash = await mined(0)
    trail.see(await blockAt('latest'))
    await trail.learn([since, since])
    const { hash: blockHash } = await blockAt('latest')
    expect(trail.held([hash], since)).toEqual([{ transaction: hash, blockHash, blockSize: 1 }])
    expect(asked()).toEqual({})
  })

  it('says nothing of what was signed before the first block it saw', async () => {
    await chain.mine(2)
    trail.see(await blockAt('latest'))
    const head = await chain.head()
    expect(heldOf([UNSENT], head - 2)).toBeNull()
    expect(heldOf([UNSENT], head - 1)).toEqual([])
  })

  it('learns blocks that were missed, by the parent of the newest and by number, and then their hashes too', async () => {
    trail.see(await blockAt('latest'))
    const since = await chain.head()
    const hash = await mined(0)
    await chain.mine(3)
    trail.see(await blockAt('latest'))
    expect(heldOf([hash], since)).toBeNull()
    expect(trail.hashAt(since)).toBeNull()
    await trail.learn([since, since])
    expect(heldOf([hash], since)).toEqual([hash])
    expect(trail.hashAt(since)).toBe((await blockAt(since)).hash)
    expect(asked()).toEqual({ eth_getBlockByHash: 1, eth_getBlockByNumber: 2 })
  })

  it('begins anew at a reorg, and says nothing of what was signed before its end', async () => {
    const since = await chain.head()
    trail.see(await blockAt('latest'))
    await chain.mine(2)
    for (const height of [since + 1, since + 2]) trail.see(await blockAt(height))
    const gone = trail.hashAt(since + 1)
    await chain.reorg({ depth: 2, forgets: true })
    trail.see(await blockAt(since + 1))
    trail.see(await blockAt(since + 2))
    expect(trail.hashAt(since + 1)).toBe((await blockAt(since + 1)).hash)
    expect(trail.hashAt(since + 1)).not.toBe(gone)
    for (const at of [since, since + 1, since + 2]) expect(heldOf([UNSENT], at)).toBeNull()
    await chain.mine(2)
    for (const height of [since + 3, since + 4]) trail.see(await blockAt(height))
    expect(heldOf([UNSENT], since + 2)).toBeNull()
    expect(heldOf([UNSENT], since + 3)).toEqual([])
  })

  it('notices a reorg among blocks that it missed', async () => {
    await chain.mine(2)
    const fork = await chain.head()
    trail.see(await blockAt(fork - 1))
    trail.see(await blockAt(fork))
    await chain.reorg({ depth: 1, forgets: true })
    await chain.mine(2)
    trail.see(await blockAt('latest'))
    await trail.learn([fork, fork])
    expect(trail.hashAt(fork)).toBe((await blockAt(fork)).hash)
    expect(heldOf([UNSENT], fork)).toBeNull()
  })

  it('goes back with a node that does', async () => {
    const head = await chain.head()
    trail.see(await blockAt('latest'))
    await chain.mine(1)
    trail.see(await blockAt('latest'))
    trail.see(await blockAt(head))
    expect(trail.hashAt(head)).toBe((await blockAt(head)).hash)
    expect(trail.hashAt(head + 1)).toBeNull()
  })

  describe('the link over missed blocks', () => {
    it('is found again by one call for one block, for all that is below', async () => {
      const first = await chain.head()
      trail.see(await blockAt('latest'))
      const mark = trail.mark()
      await chain.mine(2)
      trail.see(await blockAt('latest'))
      expect(trail.hashAt(first)).toBeNull()
      expect(trail.confirmedAt(first)).toBe((await blockAt(first)).hash)
      await trail.relink(first)
      expect(trail.hashAt(first)).toBe((await blockAt(first)).hash)
      expect(trail.changedSince(first, mark)).toBe(false)
      expect(asked()).toEqual({ eth_getBlockByHash: 1 })
    })

    it('is found again by one call for a hundred blocks, with all their hashes', async () => {
      const first = await chain.head()
      trail.see(await blockAt('latest'))
      await chain.mine(100)
      trail.see(await blockAt('latest'))
      await trail.relink(first)
      for (const height of [first, first + 1, first + 50, first + 99, first + 100])
        expect(trail.hashAt(height)).toBe((await blockAt(height)).hash)
      expect(asked()).toEqual({ eth_call: 1 })
    })

    it('says how deep a reorg went, after a call for each block it replaced', async () => {
      await chain.mine(3)
      const head = await chain.head()
      for (const height of [head - 2, head - 1, head]) trail.see(await blockAt(height))
      const mark = trail.mark()
      await chain.reorg({ depth: 2, forgets: true })
      await chain.mine(1)
      trail.see(await blockAt('latest'))
      expect(trail.changedSince(head - 2, mark)).toBe(true)
      await trail.relink(head - 2)
      expect([head - 2, head - 1, head].map((height) => trail.changedSince(height, mark))).toEqual([
        false,
        true,
        true,
      ])
      expect(trail.hashAt(head - 1)).toBe((await blockAt(head - 1)).hash)
      expect(asked()).toEqual({ eth_getBlockByHash: 2 })
    })

    it('is not asked for again at once when the node has not got the block', async () => {
      const first = await chain.head()
      trail.see(await blockAt('latest'))
      await chain.mine(2)
      trail.see(await blockAt('latest'))
      proxy.interfere = rewriteEach(({ id }) => ({ id, result: null }))
      await trail.relink(first)
      await trail.relink(first)
      expect(asked()).toEqual({ eth_getBlockByHash: 1 })
      expect(trail.hashAt(first)).toBeNull()
    })

    describe('of a hundred blocks, while something waits for it', () => {
      let first: number
      let nowMs: number
      const relink = async (passedMs: number) => {
        nowMs += passedMs
        await trail.relink(first, { isDue: true })
        return trail.hashAt(first) !== null
      }
      beforeEach(async () => {
        nowMs = 0
        trail = createBlockTrail({ rpc, now: () => nowMs })
        first = await chain.head()
        trail.see(await blockAt('latest'))
        await chain.mine(100)
        trail.see(await blockAt('latest'))
      })

      it('is asked for again at once where a replica that lags has answered', async () => {
        proxy.interfere = mixedHeights(chain.rpc, 2)
        expect(await relink(0)).toBe(true)
        expect(asked()).toEqual({ eth_call: 2 })
      })

      it('is asked for after growing pauses while all that answers lags', async () => {
        proxy.interfere = lagBehind(chain.rpc, 2)
        const calls: number[] = []
        for (const passedMs of [0, 999, 1, 1_999, 1, 4_000, 8_000, 16_000, 29_999, 1]) {
          expect(await relink(passedMs)).toBe(false)
          calls.push(proxy.methods.get('eth_call') ?? 0)
        }
        expect(calls).toEqual([3, 3, 6, 6, 9, 12, 15, 18, 18, 21])
        proxy.interfere = null
        expect(await relink(30_000)).toBe(true)
      })

      it('is asked for once where no node tells hashes, and again a second later', async () => {
        proxy.interfere = rewriteEach(({ id }) => ({ id, result: '0x' }))
        for (const passedMs of [0, 999, 1]) expect(await relink(passedMs)).toBe(false)
        expect(asked()).toEqual({ eth_call: 2 })
      })
    })
  })

  it('tells what blocks hold again, not long after a head that there never was', async () => {
    const tree = createBlockTree()
    let tip = tree.genesis
    const grow = (transactions: readonly Hex[] = []) => {
      tip = tree.grow(tip, transactions)
      trail.see(tip)
    }
    const growBy = (blocks: number) => {
      for (let grown = 0; grown < blocks; grown++) grow()
    }
    growBy(20)
    trail.see({ ...tree.grow(tip), number: 1_000_021 })
    growBy(10)
    const since = tip.number
    grow([UNSENT])
    expect(trail.held([UNSENT], since)).toBeNull()
    growBy(1_100)
    grow([UNSENT])
    expect(heldOf([UNSENT], tip.number - 1)).toEqual([UNSENT])
  })

  it('knows nothing more when the node does not answer', async () => {
    const since = await chain.head()
    await mined(0)
    trail.see(await announced())
    proxy.interfere = () => ({ kind: 'drop' })
    await trail.learn([since, since])
    expect(heldOf([UNSENT], since)).toBeNull()
  })
})
