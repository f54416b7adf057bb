import { inspect } from 'node:util'
import { computeAddress, id, verifyMessage } from 'ethers'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { findFreePort } from '../../devnet/findFreePort.ts'
import { locateAnvil } from '../../devnet/locateAnvil.ts'
import { type Anvil, startAnvil } from '../../devnet/startAnvil.ts'
import { type RelayServer, startRelayServer } from '../../test/support/relayServer.ts'
import { startRpcProxy } from '../../test/support/rpcProxy.ts'
import { newAccount, type SignedTransfer, signedTransfer } from '../../test/support/signedTransfer.ts'
import { CHAINS } from '../config/chains.ts'
import { BLOXROUTE_CHAIN_IDS, type RelayKind } from '../config/relays.ts'
import { openTransport } from '../nodes/openTransport.ts'
import { classifySendError } from '../nodes/sendErrors.ts'
import { createBroadcast } from './broadcast.ts'
import { createRelayIdentity } from './relaySignature.ts'
import { createRelays, type Relay } from './relays.ts'
import { createSender } from './sender.ts'
import { createNodeEndpoint } from './sendTransport.ts'

const CHAIN_ID = 1
const AUTH_KEY = `0x${'3f'.repeat(32)}`
const KEEP_BLOCKS = 25
const open = (options: Pick<Parameters<typeof openTransport>[0], 'url' | 'headersFor' | 'secrets'>) =>
  openTransport({ connectionsMax: 1, responseBytesMax: 100_000, ...options })

let anvil: Anvil
let including: RelayServer
let silent: RelayServer
let account: PrivateKeyAccount
const opened: Relay[] = []

beforeAll(async () => {
  anvil = await startAnvil({
    binary: locateAnvil(),
    chainId: CHAIN_ID,
    host: '127.0.0.1',
    port: await findFreePort({ host: '127.0.0.1', port: 0 }),
    args: ['--no-mining'],
    startTimeoutMs: 60_000,
  })
}, 120_000)
afterAll(() => anvil?.stop())
beforeEach(async () => {
  including = await startRelayServer({ target: anvil.rpc, includes: true })
  silent = await startRelayServer({ target: anvil.rpc, includes: false })
  account = await newAccount(anvil.rpc)
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((relay) => relay.close()))
  await Promise.all([including.stop(), silent.stop()])
})

const rpc = (method: string, params: unknown[] = []) =>
  callRpc({ rpc: anvil.rpc, method, params, timeoutMs: 20_000 })
const known = async (hash: string) => (await rpc('eth_getTransactionByHash', [hash])) !== null
const transfer = (nonce: number, gwei = 30n) => signedTransfer({ account, chainId: CHAIN_ID, nonce, gwei })

function relaysOf(
  configs: readonly { kind: RelayKind; url: string; authorization?: string }[],
  { chainId = CHAIN_ID, authKey = AUTH_KEY as string | null } = {},
): readonly Relay[] {
  const relays = createRelays({
    relays: configs.map(({ authorization = null, ...config }) => ({ ...config, authorization })),
    chainId,
    identity: createRelayIdentity({ authKey, laneAddresses: [account.address] }),
    keepBlocks: KEEP_BLOCKS,
    timeoutMs: 20_000,
    openTransport: open,
    classify: classifySendError,
  })
  opened.push(...relays)
  return relays
}
const send = (relays: readonly Relay[], sent: SignedTransfer, targetBlock: number | null = 419) =>
  createBroadcast({ endpoints: relays }).send({ ...sent, targetBlock })

/** Who signed the body, as a relay finds out. */
function signerOf({ headers, body }: { headers: Record<string, unknown>; body: string }) {
  const [claimed, signature] = String(headers['x-flashbots-signature']).split(':') as [string, string]
  return { claimed, recovered: verifyMessage(id(body), signature) }
}

describe('a relay that includes', () => {
  test('flashbots: a signed private transaction with the last block it is wanted in', async () => {
    const sent = await transfer(0)
    const outcome = await send(relaysOf([{ kind: 'flashbots', url: including.url }]), sent)
    expect(outcome).toEqual({ status: 'accepted', hash: sent.hash })
    expect(await known(sent.hash)).toBe(true)
    expect(including.calls).toMatchObject([
      {
        method: 'eth_sendPrivateTransaction',
        params: [{ tx: sent.raw, maxBlockNumber: `0x${(419 + 24).toString(16)}` }],
      },
    ])
    const address = computeAddress(AUTH_KEY)
    expect(signerOf(including.calls[0] as never)).toEqual({ claimed: address, recovered: address })
  })

  test('plain: the same call unsigned, and without a last block when none is known', async () => {
    const sent = await transfer(0)
    expect((await send(relaysOf([{ kind: 'plain', url: including.url }]), sent, null)).status).toBe(
      'accepted',
    )
    expect(including.calls[0]?.params).toEqual([{ tx: sent.raw }])
    expect(including.calls[0]?.headers).not.toHaveProperty('x-flashbots-signature')
  })

  test('bundle: signed, for one block, and a bundle hash is not held against ours', async () => {
    const sent = await transfer(0)
    expect((await send(relaysOf([{ kind: 'bundle', url: including.url }]), sent)).status).toBe('accepted')
    expect(including.calls).toMatchObject([
      { method: 'eth_sendBundle', params: [{ txs: [sent.raw], blockNumber: '0x1a3' }] },
    ])
    expect(signerOf(including.calls[0] as never).recovered).toBe(computeAddress(AUTH_KEY))
  })

  test('rpc: like a node', async () => {
    const sent = await transfer(0)
    expect((await send(relaysOf([{ kind: 'rpc', url: including.url }]), sent)).status).toBe('accepted')
    expect(including.calls).toMatchObject([{ method: 'eth_sendRawTransaction', params: [sent.raw] }])
  })

  test.each([
    [1, 'blxr_private_tx', {}],
    [56, 'bsc_private_tx', {}],
    [8453, 'blxr_tx', { blockchain_network: 'Base-Mainnet' }],
  ])('bloxroute on chain %i: %s with the Authorization value', async (chainId, method, params) => {
    const sent = await transfer(0)
    const config = { kind: 'bloxroute', url: including.url, authorization: 'QWxhZGRpbg==' } as const
    const outcome = await send(relaysOf([config], { chainId }), sent)
    expect(outcome).toMatchObject({ status: 'accepted', hash: sent.hash })
    expect(including.calls).toMatchObject([
      {
        method,
        params: { transaction: sent.raw.slice(2), ...params },
        headers: { authorization: 'QWxhZGRpbg==' },
      },
    ])
  })

  test('the settings know to which chains bloxroute has a private way', () => {
    const config = { kind: 'bloxroute', url: including.url, authorization: 'x' } as const
    const usable = CHAINS.filter(({ chainId }) => {
      try {
        return relaysOf([config], { chainId }).length === 1
      } catch {
        return false
      }
    })
    expect(usable.map(({ chainId }) => chainId)).toEqual(BLOXROUTE_CHAIN_IDS)
  })

  test('bloxroute where it has no private way is refused at start', () => {
    const config = { kind: 'bloxroute', url: including.url, authorization: 'x' } as const
    expect(() => relaysOf([config], { chainId: 10 })).toThrow('no known private method for chain 10')
  })

  test('its refusal is read like a node’s', async () => {
    const outcome = await send(
      relaysOf([{ kind: 'flashbots', url: including.url }]),
      await signedTransfer({ account: await newAccount(null), chainId: CHAIN_ID, nonce: 0 }),
    )
    expect(outcome).toMatchObject({ status: 'refused', failure: { code: 'INSUFFICIENT_FUNDS' } })
  })
})

test('a relay that quotes the key of its URL or its authorization is told without them', async () => {
  const KEY = 'K3y-aB91zQ77mmXw'
  const TOKEN = 'dG9rZW46c2VjcmV0MTIz'
  const proxy = await startRpcProxy({ target: anvil.rpc })
  proxy.interfere = () => ({ kind: 'answer', status: 401, body: `no key ${KEY}, no token ${TOKEN}` })
  const authorization = `Basic ${TOKEN}`
  const outcome = await send(
    relaysOf([{ kind: 'plain', url: `${proxy.url}/${KEY}`, authorization }]),
    await transfer(0),
  )
  await proxy.stop()
  expect(JSON.stringify(outcome)).toContain('no key …, no token …')
  expect(JSON.stringify(outcome)).not.toMatch(/aB91zQ|ZW46c2/)
})

test('silence in private, then the public way at the same nonce with higher fees, and only that one lands', async () => {
  const relays = relaysOf([
    { kind: 'flashbots', url: silent.url },
    { kind: 'bundle', url: silent.url },
  ])
  const nodes = createNodeEndpoint({
    ...open({ url: anvil.rpc }),
    timeoutMs: 20_000,
    classify: classifySendError,
  })
  let head = 899
  const sender = createSender({
    nodes: [nodes],
    relays,
    chainId: CHAIN_ID,
    head: () => head,
    privateBlocksMax: 3,
    onVerdict: () => {},
  })
  const first = await transfer(0)
  const replacement = await transfer(0, 60n)
  const phases: string[] = []
  for (let blocksWaited = 0; blocksWaited < 4; blocksWaited++) {
    const phase = sender.phase({ policy: 'private_then_public', blocksWaited })
    phases.push(phase)
    const isPrivate = phase === 'private'
    const outcome = await sender.broadcast({
      attempt: isPrivate ? first : replacement,
      to: isPrivate ? 'relays' : 'nodes',
    })
    expect(outcome.status).toBe('accepted')
    await rpc('evm_mine')
    head++
    if (blocksWaited < 3) expect(await known(first.hash)).toBe(false)
  }
  expect(phases).toEqual(['private', 'private', 'private', 'publish'])
  // The relay that keeps a transaction was shown it once, and the bundle went out for each block.
  await expect.poll(() => silent.calls.length, { timeout: 20_000 }).toBe(4)
  const targets = silent.calls.flatMap(({ method, params }) =>
    method === 'eth_sendBundle' ? [Number((params as [{ blockNumber: string }])[0].blockNumber)] : [],
  )
  expect(targets).toEqual([900, 901, 902])
  expect(await rpc('eth_getTransactionReceipt', [replacement.hash])).toMatchObject({ status: '0x1' })
  expect(await rpc('eth_getTransactionReceipt', [first.hash])).toBeNull()
  await nodes.close()
})

describe('who we are to relays', () => {
  test('is random in each process unless a key is given', () => {
    const addressOf = (authKey: string | null) => createRelayIdentity({ authKey, laneAddresses: [] }).address
    expect(addressOf(null)).not.toBe(addressOf(null))
    expect(addressOf(AUTH_KEY)).toBe(computeAddress(AUTH_KEY))
    expect(addressOf(AUTH_KEY.slice(2))).toBe(computeAddress(AUTH_KEY))
  })

  test('is never a sending account', () => {
    const lane = computeAddress(AUTH_KEY)
    for (const address of [lane, lane.toLowerCase()]) {
      expect(() => createRelayIdentity({ authKey: AUTH_KEY, laneAddresses: [address] })).toThrow(
        'another key',
      )
    }
  })

  test.each(['', '0x', '3f', `0x${'0'.repeat(64)}`, `0x${'f'.repeat(64)}`, `${AUTH_KEY}00`, 'z'.repeat(64)])(
    'refuses %j and repeats nothing of it',
    (authKey) => {
      const build = () => createRelayIdentity({ authKey, laneAddresses: [] })
      expect(build).toThrow(/^RELAY_AUTH_KEY (must be 32 bytes in hexadecimal|is not a valid key)\.$/)
    },
  )

  test('shows no key', () => {
    const identity = createRelayIdentity({ authKey: AUTH_KEY, laneAddresses: [] })
    const shown = inspect(identity, { depth: 9, showHidden: true }) + JSON.stringify(identity)
    expect(shown.toLowerCase()).not.toContain('3f3f')
  })
})
