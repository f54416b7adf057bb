import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type FaultProxy, type Injection, startFaultProxy } from '../../test/support/faultProxy.ts'
import { hang, quantity, rateLimit } from '../../test/support/faults.ts'
import {
  dead,
  failCalls,
  freeze,
  inflateHead,
  internalError,
  lagBehind,
  muteAll,
  muteHeads,
  refuseSubscriptions,
  wrongChain,
} from '../../test/support/nodeStates.ts'
import { rewriteEach } from '../../test/support/rpcProxy.ts'
import { LIMITS } from '../config/limits.ts'
import { createHeadAge } from './headAge.ts'
import { createHeads, type Heads } from './heads.ts'
import { createJsonRpc } from './jsonRpc.ts'
import type { JsonRpc } from './rpc.ts'

// Two endpoints of one chain, real servers before a real node.

const CHAIN_ID = 137
/** More than two endpoints that are well may differ by. */
const FAR = 12
const SOON = { timeout: 30_000 }

let devnet: Devnet
let node: string
let a: FaultProxy
let b: FaultProxy
const open: (() => Promise<void> | void)[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [CHAIN_ID] })
  node = devnet.chains[0]?.rpc as string
  await mine(3)
}, 120_000)
afterAll(() => devnet?.stop())
beforeEach(async () => {
  a = await startFaultProxy({ node })
  b = await startFaultProxy({ node })
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  await a.stop()
  await b.stop()
})

const mine = (blocks: number) =>
  callRpc({ rpc: node, method: 'anvil_mine', params: [quantity(blocks)], timeoutMs: 20_000 })
const height = async () =>
  Number(await callRpc({ rpc: node, method: 'eth_blockNumber', params: [], timeoutMs: 20_000 }))

/** Follows those endpoints, with short pauses; `shift` moves the machine's clock. */
function follow(
  endpoints: readonly string[],
  { maxMs = null, isBusy = () => false }: { maxMs?: number | null; isBusy?: () => boolean } = {},
): { rpc: JsonRpc; heads: Heads; shift(ms: number): void; seen: number[] } {
  let shiftMs = 0
  const headAge = createHeadAge({ maxMs: () => maxMs, monotonic: () => performance.now() + shiftMs })
  const rpc = createJsonRpc({
    endpoints,
    timeoutMs: 3_000,
    limits: LIMITS,
    chainId: CHAIN_ID,
    blockTimeMs: 1_000,
    headAge,
  })
  const seen: number[] = []
  const heads = createHeads({
    endpoints: rpc.endpoints,
    headAge,
    blockTimeMs: 1_000,
    paces: { busyMs: 50, idleMs: 150, announcedMs: 400, othersMs: 300 },
    isBusy,
    onHead: ({ number }) => seen.push(number),
  })
  open.push(() => rpc.close(), heads.stop)
  const shift = (ms: number) => {
    shiftMs += ms
  }
  return { rpc, heads, shift, seen }
}
const states = (rpc: JsonRpc) => rpc.endpoints.map((endpoint) => endpoint.state())
const newest = (heads: Heads) => heads.newest()?.number

const lyingHeight: Injection = rewriteEach((reply, { method, params }) =>
  method === 'eth_getBlockByNumber' && params[0] === 'latest'
    ? { ...reply, result: { ...(reply.result as object), number: '0x3d0900', hash: `0x${'7'.repeat(64)}` } }
    : null,
)
const lyingLow: Injection = rewriteEach((reply, { method, params }) =>
  method === 'eth_getBlockByNumber' && params[0] === 'latest'
    ? { ...reply, result: { ...(reply.result as object), number: '0x0', hash: `0x${'7'.repeat(64)}` } }
    : null,
)

const STATES: [string, string, () => Injection | Promise<Injection>][] = [
  ['dead', 'unreachable', dead],
  ['answering HTTP 500', 'unreachable', internalError],
  ['hanging', 'silent', () => hang(null)],
  ['frozen', 'behind', () => freeze(node)],
  ['behind', 'behind', () => lagBehind(node, FAR)],
  ['limited', 'limited', () => rateLimit(429)],
  ['of another chain', 'wrong_chain', () => wrongChain(10)],
  ['lying about its height, upwards', 'wrong_chain', () => lyingHeight],
  ['lying about its height, downwards', 'wrong_chain', () => lyingLow],
]

/** Another chain is noticed when a connection is made. */
async function spoil(proxy: FaultProxy, state: string, injection: Injection): Promise<void> {
  proxy.inject(injection)
  if (state !== 'wrong_chain') return
  await proxy.refuse(true)
  await proxy.refuse(false)
}

describe.each(STATES)('one of two endpoints that is %s', (_, state, injection) => {
  test('as the first: reads go to the second, and to it again once it is well', async () => {
    const { rpc, heads } = follow([a.url, b.url])
    await expect
      .poll(() => rpc.endpoints.map((endpoint) => endpoint.head() !== null), SOON)
      .toEqual([true, true])
    await spoil(a, state, await injection())
    await mine(FAR)
    await expect.poll(() => states(rpc), SOON).toEqual([state, 'well'])
    await mine(FAR)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    const asked = a.methods.get('eth_gasPrice') ?? 0
    for (let calls = 0; calls < 3; calls++)
      expect(await rpc.call('eth_gasPrice', [])).toMatchObject({ ok: true })
    expect(a.methods.get('eth_gasPrice') ?? 0).toBe(asked)
    expect(states(rpc)).toEqual([state, 'well'])

    a.heal()
    await mine(1)
    await expect.poll(() => rpc.endpoints[0]?.head()?.number, { timeout: 45_000 }).toBe(await height())
    await expect.poll(() => states(rpc), { timeout: 45_000 }).toEqual(['well', 'well'])
    await rpc.call('eth_gasPrice', [])
    expect(a.methods.get('eth_gasPrice')).toBe(asked + 1)
  })

  test('as the second: it changes nothing but its own state', async () => {
    const { rpc, heads } = follow([a.url, b.url])
    await expect.poll(() => states(rpc), SOON).toEqual(['well', 'well'])
    await spoil(b, state, await injection())
    await mine(FAR)
    await expect.poll(() => rpc.endpoints[1]?.state(), SOON).toBe(state)
    await mine(2)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    expect(rpc.endpoints[0]?.state()).toBe('well')
    expect(await rpc.call('eth_blockNumber', [])).toEqual({ ok: true, result: quantity(await height()) })
  })
})

test.each(STATES.slice(0, 7))(
  'a first endpoint that is %s from the start: %s, and the second is read',
  async (_, state, injection) => {
    a.inject(await injection())
    await mine(FAR)
    const { rpc, heads } = follow([a.url, b.url])
    await expect.poll(() => states(rpc), SOON).toEqual([state, 'well'])
    await expect.poll(() => newest(heads), SOON).toBe(await height())
  },
)

test.each([
  [50, 0],
  [5_000, 0],
  [50, 1],
  [5_000, 1],
])(
  'a head told %i too high from the start, by endpoint %i: the other one is followed',
  async (blocks, liar) => {
    const lying = [a, b][liar] as FaultProxy
    lying.inject(inflateHead(blocks))
    const { rpc, heads } = follow([a.url, b.url], { maxMs: 86_400_000 })
    const told = liar === 0 ? ['wrong_chain', 'well'] : ['well', 'wrong_chain']
    await expect.poll(() => states(rpc), SOON).toEqual(told)
    for (let mined = 0; mined < 4; mined++) {
      await mine(1)
      await expect.poll(() => newest(heads), SOON).toBe(await height())
      expect(heads.oldestUsable()).toBeLessThanOrEqual(await height())
      expect(states(rpc)).toEqual(told)
    }
    lying.heal()
    await expect.poll(() => states(rpc), SOON).toEqual(['well', 'well'])
  },
)

test.each([0, 1])(
  'a head told a million too high by endpoint %i, whose calls all fail: the other one is followed',
  async (liar) => {
    const lying = [a, b][liar] as FaultProxy
    lying.inject(failCalls())
    lying.inject(inflateHead(1_000_000))
    const { rpc, heads } = follow([a.url, b.url], { maxMs: 86_400_000 })
    await expect
      .poll(() => states(rpc), SOON)
      .toEqual(liar === 0 ? ['wrong_chain', 'well'] : ['well', 'wrong_chain'])
    for (let mined = 0; mined < 3; mined++) {
      await mine(1)
      await expect.poll(() => newest(heads), SOON).toBe(await height())
    }
  },
)

test.each([0, 1])(
  'a head told a million too high by endpoint %i, seen alone at first, which then dies: the other one is followed',
  async (liar) => {
    const [lying, honest] = (liar === 0 ? [a, b] : [b, a]) as [FaultProxy, FaultProxy]
    await honest.refuse(true)
    lying.inject(inflateHead(1_000_000))
    const { rpc, heads } = follow([a.url, b.url], { maxMs: 86_400_000 })
    await expect.poll(() => newest(heads), SOON).toBeGreaterThan(1_000_000)
    lying.inject(dead())
    await expect.poll(() => rpc.endpoints[liar]?.state(), SOON).toBe('unreachable')
    await honest.refuse(false)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    expect(await rpc.call('eth_blockNumber', [])).toEqual({ ok: true, result: quantity(await height()) })
    expect(rpc.endpoints[1 - liar]?.state()).toBe('well')
    await mine(1)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
  },
)

test('an endpoint that is behind is used when none is well, and says how far', async () => {
  a.inject(lagBehind(node, FAR))
  await mine(FAR)
  const { rpc } = follow([a.url, b.url])
  await expect.poll(() => states(rpc), SOON).toEqual(['behind', 'well'])
  expect(rpc.status()[0]).toMatchObject({
    state: 'behind',
    healthy: true,
    head: (await height()) - FAR,
    behind: { blocks: FAR },
  })
  await b.refuse(true)
  await expect.poll(() => states(rpc), SOON).toEqual(['behind', 'unreachable'])
  expect(await rpc.call('eth_blockNumber', [])).toEqual({
    ok: true,
    result: quantity((await height()) - FAR),
  })
})

describe('blocks that are announced', () => {
  test.each<[string, () => Injection]>([
    ['by one that goes mute with its connection open', muteHeads],
    ['by one that then refuses to be subscribed to', refuseSubscriptions],
    ['by one on which nothing comes any more', muteAll],
  ])('%s: the next endpoint announces them', async (_, injection) => {
    const { heads } = follow([a.socketUrl, b.socketUrl])
    await expect.poll(() => a.methods.get('eth_subscribe'), SOON).toBe(1)
    await mine(1)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    a.inject(injection())
    await a.refuse(true)
    await a.refuse(false)
    await expect
      .poll(async () => {
        await mine(1)
        await sleep(200)
        return b.methods.get('eth_subscribe') ?? 0
      }, SOON)
      .toBeGreaterThan(0)
    await mine(1)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
  })

  test.each<[string, () => Injection]>([
    ['goes mute', muteHeads],
    ['cannot be subscribed to again', refuseSubscriptions],
  ])('by a lone endpoint that %s: they are asked for at the usual pace', async (_, injection) => {
    const { heads, seen } = follow([a.socketUrl])
    await expect.poll(() => a.methods.get('eth_subscribe'), SOON).toBe(1)
    a.inject(injection())
    await a.refuse(true)
    await a.refuse(false)
    for (let blocks = 0; blocks < 6; blocks++) {
      await mine(1)
      await expect.poll(() => newest(heads), { timeout: 10_000 }).toBe(await height())
    }
    expect(seen.slice(-6)).toEqual([5, 4, 3, 2, 1, 0].map((back) => (newest(heads) ?? 0) - back))
  })

  test('a dead socket before a well http endpoint: blocks are followed by http', async () => {
    await a.refuse(true)
    const { heads, rpc } = follow([a.socketUrl, b.url])
    await mine(1)
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    expect(states(rpc)).toEqual(['unreachable', 'well'])
  })

  test('in a hurry, and while something is out, blocks are asked for though they are announced', async () => {
    let busy = false
    const { heads } = follow([a.socketUrl], { isBusy: () => busy })
    await expect.poll(() => a.methods.get('eth_subscribe'), SOON).toBe(1)
    const polls = () => a.methods.get('eth_getBlockByNumber') ?? 0
    const before = polls()
    heads.hurry()
    await expect.poll(polls, { timeout: 5_000 }).toBeGreaterThanOrEqual(before + 3)
    busy = true
    heads.hurry()
    const busyBefore = polls()
    await sleep(1_000)
    // Every 400 ms were 2 or 3.
    expect(polls() - busyBefore).toBeGreaterThan(5)
  })
})

describe('a connection that lets requests time out', () => {
  test.each(['socketUrl', 'ipcPath'] as const)('(%s) is given up, and a new one made', async (by) => {
    const rpc = createJsonRpc({ endpoints: [a[by]], timeoutMs: 400, limits: LIMITS, chainId: CHAIN_ID })
    open.push(() => rpc.close())
    expect(await rpc.call('eth_chainId', [])).toMatchObject({ ok: true })
    // Whatever is open now never says anything again; a new connection would.
    const stuck = a.inject(muteAll())
    expect(await rpc.call('eth_gasPrice', [])).toMatchObject({ ok: false, failure: { code: 'NODE_TIMEOUT' } })
    const introductions = a.methods.get('web3_clientVersion') ?? 0
    stuck.heal()
    await expect.poll(() => rpc.call('eth_gasPrice', []), SOON).toMatchObject({ ok: true })
    // It was introduced anew, as each new connection is.
    expect(a.methods.get('web3_clientVersion')).toBeGreaterThan(introductions)
  })
})

describe('a head that is too old', () => {
  test('is STALE_NODE, until a young one comes', async () => {
    const frozen = [a.inject(await freeze(node)), b.inject(await freeze(node))]
    const { heads, rpc, shift } = follow([a.url, b.url], { maxMs: 600_000 })
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    expect([heads.staleness(), heads.oldestUsable()]).toEqual([null, (await height()) - 6])
    // One of 2 s before would be too old.
    shift(598_500)
    expect(heads.oldestUsable()).toBeGreaterThanOrEqual((await height()) - 1)
    shift(700_000)
    expect(heads.staleness()).toMatchObject({ code: 'STALE_NODE', facts: { max_age_s: 600 } })
    expect(heads.staleness()?.sentence).toMatch(
      /^The newest block of all RPC endpoints, \d+, is \d+ s old; at most 600 s are allowed\.$/,
    )
    await expect.poll(() => states(rpc), SOON).toEqual(['behind', 'behind'])
    expect(await rpc.call('eth_gasPrice', [])).toMatchObject({ ok: true })
    for (const each of frozen) each.heal()
    await mine(1)
    await expect.poll(() => heads.staleness(), SOON).toBeNull()
    await expect.poll(() => states(rpc), SOON).toEqual(['well', 'well'])
  })

  test('is none where blocks are made on demand', async () => {
    const { heads, shift } = follow([a.url])
    await expect.poll(() => newest(heads), SOON).toBe(await height())
    shift(86_400_000)
    expect([heads.staleness(), heads.oldestUsable()]).toEqual([null, null])
  })
})
