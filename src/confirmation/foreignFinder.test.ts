import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type BlockTrail, createBlockTrail } from '../nodes/blockTrail.ts'
import { type Block, readBlock } from '../nodes/heads.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc, RpcOutcome } from '../nodes/rpc.ts'
import { readExecute } from '../route/readExecute.ts'
import { createForeignFinder } from './foreignFinder.ts'

let devnet: Devnet
let chain: LiveChain
let rpc: JsonRpc
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
  rpc = createJsonRpc({ endpoints: [chain.rpc], timeoutMs: 10_000, limits: LIMITS })
  await chain.automine(false)
})
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const UNSENT: Hex = `0x${'17'.repeat(32)}`
const SENDS = 'which sends 17 wei to 0x0000000000000000000000000000000000000000'
const refused: RpcOutcome = { ok: false, kind: 'rpc', error: { code: -32_000, message: 'missing trie node' } }
/** A node that spoils some answers; undefined leaves one as it is. */
const spoiled = (spoil: (method: string, params: readonly unknown[]) => RpcOutcome | undefined) => ({
  call: async (method: string, params: unknown) =>
    spoil(method, params as readonly unknown[]) ?? (await rpc.call(method, params as readonly unknown[])),
})

let account: PrivateKeyAccount
let lane: Address
let trail: BlockTrail
let head: number
let final: number
beforeEach(async () => {
  account = await newAccount(chain.rpc)
  lane = account.address.toLowerCase() as Address
  trail = createBlockTrail({ rpc })
  await mine()
  final = 0
})

async function mine(blocks = 1): Promise<void> {
  for (let block = 0; block < blocks; block++) {
    await chain.mine()
    trail.see(readBlock(await chain.ask('eth_getBlockByNumber', 'latest', false)) as Block)
  }
  head = await chain.head()
}
async function taken(nonce = 0): Promise<Hex> {
  const { raw, hash } = await signedTransfer({ account, chainId: 1, nonce })
  await chain.ask('eth_sendRawTransaction', raw)
  await mine()
  return hash
}
const finder = ({
  through = rpc,
  readers = [through],
}: {
  through?: Pick<JsonRpc, 'call'>
  readers?: readonly Pick<JsonRpc, 'call'>[]
} = {}) =>
  createForeignFinder({
    rpc: through,
    readers,
    chainId: 1,
    executor: `0x${'e0'.repeat(20)}`,
    head: () => head,
    trail,
    finalBlock: async () => final,
    readExecute,
  })
/**
 * It does not tell who took a nonce: by no index, state is pruned, and blocks come without their
 * transactions.
 */
const forgetful = (more: Parameters<typeof spoiled>[0] = () => undefined) =>
  spoiled((method, params) => {
    if (method === 'eth_getTransactionCount' && params[1] !== 'latest' && Number(params[1]) < head)
      return refused
    if (method === 'eth_getTransactionBySenderAndNonce') return refused
    if (method === 'eth_getBlockByNumber' && params[1] === true)
      return { ok: true, result: { transactions: [] } }
    return more(method, params)
  })

it('names what took a nonce once its block is final', async () => {
  const since = head
  const hash = await taken()
  const { final: find, newest } = finder()
  const place = { lane, nonce: 0, since, hashes: [UNSENT] }
  expect(await newest(place)).toEqual({ hash, what: SENDS })
  expect(await find(place)).toBeNull()
  final = head
  expect(await find(place)).toEqual({ hash, what: SENDS })
  expect(await find({ ...place, nonce: 1 })).toBeNull()
})

it('forgets what a reorg took away before it was final', async () => {
  const since = head
  await taken()
  const { final: find } = finder()
  const place = { lane, nonce: 0, since, hashes: [UNSENT] }
  expect(await find(place)).toBeNull()
  await chain.reorg({ depth: 1, forgets: true })
  await mine()
  const { raw, hash } = await signedTransfer({ account, chainId: 1, nonce: 0, gwei: 44n })
  await chain.ask('eth_sendRawTransaction', raw)
  await mine()
  final = head
  expect(await find(place)).toBeNull()
  expect(await find(place)).toEqual({ hash, what: SENDS })
})

it('recognises our own transaction whose receipt no node keeps', async () => {
  const since = head
  const hash = await taken()
  final = head
  const receiptless = spoiled((method) =>
    method === 'eth_getTransactionReceipt' ? { ok: true, result: null } : undefined,
  )
  const { final: find } = finder({ through: receiptless })
  expect(await find({ lane, nonce: 0, since, hashes: [hash] })).toEqual({ hash, what: SENDS })
})

it('proves without a name that another took it, once the head at which it was seen is final', async () => {
  const since = head
  await taken()
  const { final: find } = finder({ through: forgetful() })
  const place = { lane, nonce: 0, since, hashes: [UNSENT] }
  for (let check = 0; check < 3; check++) {
    expect(await find(place)).toBeNull()
    await mine()
  }
  final = head - 4
  expect(await find(place)).toBeNull()
  final = head
  expect(await find(place)).toEqual({ hash: null })
})

it('proves nothing after a reorg below that head, until the head of a new proof is final', async () => {
  const since = head
  await taken()
  const { final: find } = finder({ through: forgetful() })
  const place = { lane, nonce: 0, since, hashes: [UNSENT] }
  expect(await find(place)).toBeNull()
  await chain.reorg({ depth: 1 })
  await mine(2)
  final = head - 1
  expect(await find(place)).toBeNull()
  final = head
  expect(await find(place)).toEqual({ hash: null })
})

it.each<[string, (hash: Hex) => Parameters<typeof finder>[0]]>([
  [
    'an endpoint has a receipt of ours',
    (hash) => ({
      through: forgetful(),
      readers: [
        forgetful(),
        spoiled((method, [of]) =>
          method.endsWith('Receipt') && of !== hash
            ? { ok: true, result: { blockNumber: '0x1' } }
            : undefined,
        ),
      ],
    }),
  ],
  [
    'an endpoint counts less',
    () => ({
      through: forgetful(),
      readers: [
        forgetful(),
        spoiled((method) => (method === 'eth_getTransactionCount' ? { ok: true, result: '0x0' } : undefined)),
      ],
    }),
  ],
  [
    'most endpoints are silent',
    () => ({ through: forgetful(), readers: [rpc, spoiled(() => refused), spoiled(() => refused)] }),
  ],
  [
    'receipts of then are not kept',
    () => ({
      through: forgetful((method) => (method.endsWith('Receipt') ? { ok: true, result: null } : undefined)),
    }),
  ],
])('proves nothing while %s', async (_, options) => {
  const since = head
  const hash = await taken()
  await mine()
  const { final: find } = finder(options(hash))
  for (let check = 0; check < 3; check++) {
    await mine()
    final = head
    expect(await find({ lane, nonce: 0, since, hashes: [UNSENT] })).toBeNull()
  }
})

it('proves with one endpoint of two that is dead', async () => {
  const since = head
  await taken()
  const { final: find } = finder({ through: forgetful(), readers: [rpc, spoiled(() => refused)] })
  const place = { lane, nonce: 0, since, hashes: [UNSENT] }
  await find(place)
  await mine()
  final = head
  expect(await find(place)).toEqual({ hash: null })
})
