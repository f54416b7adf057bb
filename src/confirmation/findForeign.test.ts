import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { findForeign } from './findForeign.ts'

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
  // Blocks of ours with one or two transactions, somebody else's at the same nonces beside them, and empty blocks between.
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

const find = async (
  nonce: number,
  fromBlock: number,
  toBlock?: number,
  through: Pick<JsonRpc, 'call'> = rpc,
) =>
  await findForeign({
    rpc: through,
    account: address,
    nonce,
    fromBlock,
    toBlock: toBlock ?? (await chain.head()),
  })

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

  it('names the transaction with an authorisation, which takes a nonce of an account that sent nothing', async () => {
    const [owner, sponsor] = await Promise.all([newAccount(chain.rpc), newAccount(chain.rpc)])
    const authorization = await owner.signAuthorization({ chainId: 1, nonce: 0, address: sponsor.address })
    const fees = { maxFeePerGas: 30_000_000_000n, maxPriorityFeePerGas: 1n, gas: 100_000n }
    const raw = await sponsor.signTransaction({
      type: 'eip7702',
      chainId: 1,
      nonce: 0,
      to: sponsor.address,
      authorizationList: [authorization],
      ...fees,
    })
    const beside = await signedTransfer({ account: await newAccount(chain.rpc), chainId: 1, nonce: 0 })
    await chain.ask('eth_sendRawTransaction', beside.raw)
    const hash = await chain.ask<Hex>('eth_sendRawTransaction', raw)
    await chain.mine()
    const account = owner.address.toLowerCase() as Address
    const toBlock = await chain.head()
    expect(await findForeign({ rpc, account, nonce: 0, fromBlock: 0, toBlock })).toMatchObject({
      hash,
      block: toBlock,
      isAuthorisation: true,
    })
  })

  it('finds nothing that is not mined in the range', async () => {
    expect(await find(mined.length, 0)).toBeNull()
    const { block } = mined[3] as { block: number }
    expect(await find(3, 0, block - 1)).toBeNull()
  })

  it('names nothing when any answer is missing', async () => {
    let left = 0
    const failing: Pick<JsonRpc, 'call'> = {
      async call(method, params) {
        left -= 1
        if (left >= 0) return await rpc.call(method, params)
        return { ok: false, kind: 'rpc', error: { code: -32000, message: 'missing trie node' } }
      },
    }
    const { hash, block } = mined[1] as { hash: Hex; block: number }
    let calls = 0
    for (;;) {
      left = calls
      const found = await find(1, block - 3, undefined, failing)
      if (left >= 0) {
        expect(found).toMatchObject({ hash, block })
        break
      }
      expect(found).toBeNull()
      calls += 1
    }
    expect(calls).toBeGreaterThan(4)
  })
})
