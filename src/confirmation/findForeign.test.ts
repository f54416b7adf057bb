import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createFindForeign, type FindForeign } from './findForeign.ts'

let devnet: Devnet
let chain: LiveChain
let rpc: JsonRpc
let account: PrivateKeyAccount
let address: Address
/** Hash and block of the account's transactions, by nonce. */
const mined: { hash: Hex; block: number }[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
  rpc = createJsonRpc({ endpoints: [chain.rpc], timeoutMs: 10_000, limits: LIMITS })
  account = await newAccount(chain.rpc)
  address = account.address.toLowerCase() as Address
  const other = await newAccount(chain.rpc)
  await chain.automine(false)
  // Blocks of ours with one or two transactions, somebody else's at the same nonces beside them, and empty
  // blocks between.
  for (const nonces of [[0], [1, 2], [3]]) {
    await chain.mine(5)
    for (const nonce of nonces) {
      for (const from of [other, account]) {
        const { raw, hash } = await signedTransfer({ account: from, chainId: 1, nonce })
        await chain.ask('eth_sendRawTransaction', raw)
        if (from === account) mined.push({ hash, block: (await chain.head()) + 1 })
      }
    }
    await chain.mine()
  }
  await chain.mine(9)
})
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

/** What a search says at once; null while it goes on or when there is nothing more to search. */
const first = (search: FindForeign) => async (place: Parameters<FindForeign>[0]) => {
  const found = await search(place)
  return found.kind === 'found' ? found.transaction : null
}
const find = async (
  nonce: number,
  fromBlock: number,
  toBlock?: number,
  through: Pick<JsonRpc, 'call'> = archive.node,
) =>
  await first(createFindForeign({ rpc: through, chainId: 1 }))({
    account: address,
    nonce,
    fromBlock,
    toBlock: toBlock ?? (await chain.head()),
  })

const missing = { code: -32_000, message: 'missing trie node 5a (path ) state is not available' }
const unknownMethod = { code: -32_601, message: 'the method does not exist' }
/**
 * A node that keeps the state of its newest blocks only, as full nodes do, and answers `known` methods
 * besides.
 */
function pruned(
  keeps: number,
  known: Readonly<Record<string, (params: readonly unknown[]) => unknown>> = {},
) {
  const calls: string[] = []
  const node: Pick<JsonRpc, 'call'> = {
    async call(method, params) {
      calls.push(method)
      const asked = params as readonly unknown[]
      const answer = known[method]
      if (answer !== undefined) return { ok: true, result: await answer(asked) }
      if (method === 'eth_getTransactionBySenderAndNonce')
        return { ok: false, kind: 'rpc', error: unknownMethod }
      const isOld = method === 'eth_getTransactionCount' && Number(asked[1]) <= (await chain.head()) - keeps
      return isOld ? { ok: false, kind: 'rpc', error: missing } : await rpc.call(method, params)
    },
  }
  return { node, calls }
}

/** It keeps all state, as an archive node does, without an index by sender and nonce (anvil has one). */
const archive = pruned(Number.POSITIVE_INFINITY)

/** A transaction of somebody with authorisations in it, mined. */
async function authorise(...list: Parameters<PrivateKeyAccount['signTransaction']>[0][]): Promise<Hex> {
  const sponsor = await newAccount(chain.rpc)
  const raw = await sponsor.signTransaction({
    type: 'eip7702',
    chainId: 1,
    nonce: 0,
    to: sponsor.address,
    authorizationList: list as never,
    maxFeePerGas: 30_000_000_000n,
    maxPriorityFeePerGas: 1n,
    gas: 200_000n,
  })
  const hash = await chain.ask<Hex>('eth_sendRawTransaction', raw)
  await chain.mine()
  return hash
}

describe('findForeign', () => {
  it('names the transaction at each nonce, wherever in the range its block is', async () => {
    for (const [nonce, { hash, block }] of mined.entries()) {
      expect(await find(nonce, 0)).toMatchObject({ hash, block })
      expect(await find(nonce, block)).toMatchObject({ hash, block })
      expect(await find(nonce, block - 1, block)).toMatchObject({ hash, block })
    }
  })

  it('looks further back when the nonce was taken before it was expected', async () => {
    for (const [nonce, { hash, block }] of mined.entries())
      for (const late of [1, 2, 3, 8]) expect(await find(nonce, block + late)).toMatchObject({ hash, block })
    expect(await find(0, (await chain.head()) + 7)).toMatchObject(mined[0] as object)
  })

  describe('an authorisation takes a nonce too', () => {
    const delegate = `0x${'de'.repeat(20)}` as const
    const takenBy = async (owner: PrivateKeyAccount, nonce: number, through?: Pick<JsonRpc, 'call'>) => {
      const account = owner.address.toLowerCase() as Address
      const search = createFindForeign({ rpc: through ?? archive.node, chainId: 1 })
      const toBlock = await chain.head()
      return await first(search)({ account, nonce, fromBlock: toBlock - 2, toBlock })
    }

    it.each([1, 0])('of an account that sent nothing, for chain %i', async (chainId) => {
      const owner = await newAccount(chain.rpc)
      const beside = await signedTransfer({ account: await newAccount(chain.rpc), chainId: 1, nonce: 0 })
      await chain.ask('eth_sendRawTransaction', beside.raw)
      const hash = await authorise(
        (await owner.signAuthorization({ chainId, nonce: 0, address: delegate })) as never,
      )
      const block = await chain.head()
      expect(await takenBy(owner, 0)).toMatchObject({ hash, block, isAuthorisation: true })
      // Where state is pruned it is found by reading blocks.
      expect(await takenBy(owner, 0, pruned(1).node)).toMatchObject({ hash, block, isAuthorisation: true })
    })

    it('and one of another account, or for another chain, does not', async () => {
      const [owner, other] = await Promise.all([newAccount(chain.rpc), newAccount(chain.rpc)])
      const list = [
        await other.signAuthorization({ chainId: 1, nonce: 0, address: delegate }),
        await owner.signAuthorization({ chainId: 7, nonce: 0, address: delegate }),
      ]
      await authorise(...(list as never[]))
      const { raw, hash } = await signedTransfer({ account: owner, chainId: 1, nonce: 0 })
      await chain.ask('eth_sendRawTransaction', raw)
      await chain.mine()
      const block = await chain.head()
      expect(await takenBy(owner, 0)).toMatchObject({ hash, block, isAuthorisation: false })
      expect(await takenBy(owner, 0, pruned(1).node)).toMatchObject({ hash, block, isAuthorisation: false })
      await authorise((await other.signAuthorization({ chainId: 1, nonce: 1, address: delegate })) as never)
      expect(await takenBy(owner, 1)).toBeNull()
    })
  })

  it('asks a node that finds transactions by sender and nonce, which needs no state and no blocks', async () => {
    const { hash, block } = mined[1] as { hash: Hex; block: number }
    const transaction = await chain.ask<object>('eth_getTransactionByHash', hash)
    for (const answer of [transaction, hash]) {
      const { node, calls } = pruned(0, { eth_getTransactionBySenderAndNonce: () => answer })
      expect(await find(1, 0, undefined, node)).toMatchObject({ hash, block })
      expect(calls).not.toContain('eth_getBlockByNumber')
    }
    const pending = { ...transaction, blockNumber: null }
    const { node } = pruned(1_000, { eth_getTransactionBySenderAndNonce: () => pending })
    expect(await find(1, 0, undefined, node)).toMatchObject({ hash, block })
  })

  describe('where the state of then is pruned', () => {
    it('reads the blocks from where it is expected on, some at each check', async () => {
      const since = await chain.head()
      await chain.mine(70)
      const { raw, hash } = await signedTransfer({ account, chainId: 1, nonce: mined.length })
      await chain.ask('eth_sendRawTransaction', raw)
      await chain.mine(1)
      const block = await chain.head()
      await chain.mine(40)
      const { node, calls } = pruned(5)
      const search = createFindForeign({ rpc: node, chainId: 1 })
      const place = { account: address, nonce: mined.length, fromBlock: since, toBlock: await chain.head() }
      const kinds: string[] = []
      for (;;) {
        const before = calls.length
        const found = await search(place)
        kinds.push(found.kind)
        expect(calls.length - before).toBeLessThanOrEqual(24)
        if (found.kind !== 'found') continue
        expect(found.transaction).toMatchObject({ hash, block })
        break
      }
      expect(kinds).toEqual([...Array(4).fill('searching'), 'found'])
      // The node is asked for what it does not know once.
      expect(calls.filter((method) => method === 'eth_getTransactionBySenderAndNonce')).toHaveLength(1)
      mined.push({ hash, block })
    })

    it('says so when the blocks do not hold it, and goes on where a block could not be read', async () => {
      const { block } = mined[2] as { block: number }
      let fails = true
      const { node } = pruned(3, {
        eth_getBlockByNumber: (params) => (fails ? null : chain.ask('eth_getBlockByNumber', ...params)),
      })
      const search = createFindForeign({ rpc: node, chainId: 1 })
      const place = { account: address, nonce: 2, fromBlock: block + 1, toBlock: await chain.head() }
      expect(await search(place)).toEqual({ kind: 'searching' })
      fails = false
      let found = await search(place)
      while (found.kind === 'searching') found = await search(place)
      expect(found).toEqual({ kind: 'exhausted' })
      // It stays so while the chain grows.
      await chain.mine(2)
      expect(await search({ ...place, toBlock: await chain.head() })).toEqual({ kind: 'exhausted' })
    })
  })

  it('finds nothing that is not mined in the range', async () => {
    expect(await find(mined.length, 0)).toBeNull()
    const { block } = mined[3] as { block: number }
    expect(await find(3, 0, block - 1)).toBeNull()
  })

  it('names nothing when an answer is missing on the way', async () => {
    const { hash, block } = mined[1] as { hash: Hex; block: number }
    for (let calls = 0; ; calls++) {
      let left = calls
      const failing: Pick<JsonRpc, 'call'> = {
        async call(method, params) {
          left -= 1
          if (left >= 0) return await archive.node.call(method, params)
          return { ok: false, kind: 'rpc', error: missing }
        },
      }
      const found = await find(1, block - 3, undefined, failing)
      if (found !== null) {
        expect(found).toMatchObject({ hash, block })
        expect(calls).toBeGreaterThan(4)
        break
      }
    }
  })
})
