import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { createBlockTrail } from '../nodes/blockTrail.ts'
import { createFinalBlock } from '../nodes/finalBlock.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createDecider, type Decide, type Watched } from './decider.ts'
import type { NextStep } from './nextStep.ts'

const POLICY = {
  untakenAfterMs: 2_000,
  rebroadcastAfterMs: 15_000,
  patienceMs: 500,
  rebroadcastAfter: 9,
  bumpAfter: 4,
  foreignAfter: 3,
}

let devnet: Devnet
let chain: LiveChain
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
})
afterAll(() => devnet.stop())

let account: PrivateKeyAccount
let lane: Address
let proxy: RpcProxy
let rpc: JsonRpc
let decide: Decide<Watched>
/** The newest block as the decider knows it. */
let head: number
let simulated: string[]
let paysNow: boolean | null
beforeEach(async () => {
  await chain.automine(false)
  account = await newAccount(chain.rpc)
  lane = account.address.toLowerCase() as Address
  proxy = await startRpcProxy({ target: chain.rpc })
  rpc = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 10_000, limits: LIMITS })
  head = await chain.head()
  simulated = []
  paysNow = true
  decide = createDecider<Watched>({
    rpc,
    readers: [rpc],
    trail: createBlockTrail({ rpc }),
    finalBlock: createFinalBlock({ rpc, finality: { depth: 2 }, head: () => head }),
    policy: POLICY,
    head: () => head,
    now: () => 1_733_700_000_000,
    async paysNow({ signalId }) {
      simulated.push(signalId)
      return paysNow
    },
  })
})
afterEach(async () => {
  await rpc.close()
  await proxy.stop()
})

const watched = (nonce: number, hash: Hex, over: Partial<Watched> = {}): Watched => ({
  signalId: `signal-${nonce}`,
  lane,
  nonce,
  hashes: [hash],
  inclusion: null,
  since: head,
  sentAtBlock: head,
  sentAtMs: 1_733_700_000_000,
  signedAtMs: 0,
  signedAtBlock: head,
  taken: true,
  refusal: 'none',
  isCancelling: false,
  ...over,
})
const only = async (execution: Watched) => (await decide([execution]))[0] as NextStep
const transfer = (nonce: number, gwei?: bigint) =>
  signedTransfer({ account, chainId: 1, nonce, ...(gwei !== undefined && { gwei }) })
const send = async ({ raw, hash }: { raw: Hex; hash: Hex }) => {
  await chain.ask('eth_sendRawTransaction', raw)
  await chain.mine()
  head = await chain.head()
  return hash
}

describe('createDecider', () => {
  it('gives one step for each execution, in their order', async () => {
    const sentHash = await send(await transfer(0))
    const unsent = await transfer(1)
    const steps = await decide([
      watched(1, unsent.hash, { taken: false, sentAtBlock: head - 1 }),
      watched(0, sentHash),
      watched(1, unsent.hash),
    ])
    expect(steps.map(({ kind }) => kind)).toEqual(['rebroadcast', 'mined', 'wait'])
  })

  it('follows one transaction from its block over a reorg to finality', async () => {
    const signed = await transfer(0)
    const hash = await send(signed)
    const first = await only(watched(0, hash))
    if (first.kind !== 'mined') throw new Error(`It is not mined but ${first.kind}.`)
    const { inclusion } = first.receipt
    expect(await only(watched(0, hash, { inclusion }))).toEqual({ kind: 'wait' })

    await chain.reorg({ depth: 1, forgets: true })
    expect(await only(watched(0, hash, { inclusion }))).toEqual({ kind: 'reorged', minedCount: 0 })

    await chain.ask('eth_sendRawTransaction', signed.raw)
    await chain.mine()
    const second = await only(watched(0, hash))
    if (second.kind !== 'mined') throw new Error(`It is not mined again but ${second.kind}.`)
    expect(second.final).toBe(false)
    await chain.mine(2)
    head = await chain.head()
    expect(await only(watched(0, hash, { inclusion: second.receipt.inclusion }))).toEqual({ kind: 'final' })
  })

  it('believes that somebody else took the nonce only after so many blocks without a doubt', async () => {
    const ours = await transfer(0, 20n)
    await send(await transfer(0, 50n))
    const execution = watched(0, ours.hash)
    const kinds: string[] = []
    const lookAt = async (blocks: number) => {
      head += blocks
      kinds.push((await only(execution)).kind)
    }
    await lookAt(0)
    await lookAt(2)
    // An unread answer begins the wait anew.
    proxy.interfere = rewriteEach((reply, { method }) =>
      method === 'eth_getTransactionCount'
        ? { jsonrpc: '2.0', id: reply.id, error: { code: 1, message: 'no' } }
        : null,
    )
    await lookAt(9)
    proxy.interfere = null
    await lookAt(1)
    await lookAt(2)
    await lookAt(1)
    expect(kinds).toEqual(['undecided', 'undecided', 'undecided', 'undecided', 'undecided', 'passed'])
    expect(simulated).toEqual([])
  })

  it('simulates what waits, from the block after its signing and a while after it, and never what is being cancelled or mined', async () => {
    const mined = await send(await transfer(0))
    const unsent = await transfer(1)
    const { hash } = unsent
    await decide([
      watched(0, mined, { signalId: 'mined', signedAtBlock: head - 9 }),
      watched(1, hash, { signalId: 'fresh' }),
      watched(1, hash, { signalId: 'young', signedAtBlock: head - 9, signedAtMs: 1_733_700_000_000 - 499 }),
      watched(1, hash, { signalId: 'waits', signedAtBlock: head - 1 }),
      watched(1, hash, { signalId: 'cancelling', signedAtBlock: head - 1, isCancelling: true }),
    ])
    expect(simulated).toEqual(['waits'])
  })

  it.each([
    [true, { kind: 'bump' }],
    [null, { kind: 'bump' }],
    [false, { kind: 'cancel', why: 'unprofitable' }],
  ] as const)('with a simulation that says %s it goes on to %j', async (pays, step) => {
    const { hash } = await transfer(0)
    paysNow = pays
    expect(await only(watched(0, hash, { signedAtBlock: head - 4 }))).toEqual(step)
  })

  it('decides nothing, simulates nothing and does not reject when the node is gone', async () => {
    const { hash } = await transfer(0)
    proxy.interfere = () => ({ kind: 'drop' })
    expect((await only(watched(0, hash, { signedAtBlock: head - 50 }))).kind).toBe('undecided')
    expect(simulated).toEqual([])
  })

  it('asks the chain once for all: one receipt each, one count for the lane', async () => {
    const hashes = await Promise.all([0, 1, 2, 3, 4].map(async (nonce) => (await transfer(nonce)).hash))
    await decide(hashes.map((hash, nonce) => watched(nonce, hash)))
    expect(Object.fromEntries(proxy.methods)).toEqual({
      eth_getTransactionReceipt: 5,
      eth_getTransactionCount: 1,
    })
  })
})
