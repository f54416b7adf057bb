import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDevnetAccount } from '../support/devnetAccount.ts'
import { eventually } from '../support/liveTitan.ts'
import {
  endpointSetting,
  type LiveWorld,
  liveSignal,
  startLiveWorld,
  type TradingChain,
} from '../support/liveWorld.ts'
import { startRpcProxy } from '../support/rpcProxy.ts'
import { type Json, startTitan, type Titan } from '../support/startTitan.ts'

let world: LiveWorld
const titans: Titan[] = []

beforeAll(async () => {
  world = await startLiveWorld({ chainIds: [1, 8453], laneCount: 2 })
})
afterAll(async () => {
  for (const titan of titans) await titan.stop()
  await world?.stop()
})

const chain = () => world.chains[0] as TradingChain
const setBalance = (lane: string, wei: bigint) =>
  chain().ask('anvil_setBalance', lane, `0x${wei.toString(16)}`)
const minedCounts = () => Promise.all(world.lanes.map((lane) => chain().count(lane)))

async function start(env: Record<string, string>): Promise<Titan> {
  const titan = await startTitan({ env })
  titans.push(titan)
  return titan
}

/** A server whose chain 1 is settled: ready, or unavailable for good. */
async function startSettled(env: Record<string, string>) {
  const titan = await start(env)
  const status = await eventually(async () => {
    const { json } = await titan.get('/health?verbose')
    if (json.chain_status.some(({ state }: Json) => state === 'starting')) return null
    return json.chain_status.find(({ chainId }: Json) => chainId === 1)
  })
  return { titan, status }
}

describe('LIVE does not start', () => {
  it('without a key', async () => {
    const { PRIVATE_KEYS: _, ...env } = world.env()
    await expect(start(env)).rejects.toThrow(/code 3: [\s\S]*No wallet configured for LIVE execution/)
  })

  it('without an executor', async () => {
    const { EXECUTOR_ADDRESS: _, ...env } = world.env()
    await expect(start(env)).rejects.toThrow(/LIVE on Ethereum has no executor contract/)
  })

  it('with a key that is none, which it does not repeat', async () => {
    const key = `0x${'5'.repeat(63)}`
    const refused = start({ ...world.env(), PRIVATE_KEYS: key })
    await expect(refused).rejects.toThrow(/PRIVATE_KEYS/)
    await expect(refused).rejects.not.toThrow(key.slice(2, 40))
  })
})

describe('a chain on which LIVE cannot work', () => {
  it('another chain behind the endpoint: nothing is sent there', async () => {
    const proxy = await startRpcProxy({ target: (world.chains[1] as TradingChain).rpc })
    const { titan, status } = await startSettled({ ...world.env(), [endpointSetting(1)]: proxy.url })
    expect(status.state).toBe('unavailable')
    expect(status.reason).toContain('8453')
    const { status: http, json } = await titan.post('/execute', liveSignal({ chainId: 1, index: 1 }))
    expect([http, json.code, json.sent]).toEqual([503, 'CHAIN_UNAVAILABLE', 'no'])
    const other = await titan.post('/execute', liveSignal({ chainId: 8453, index: 2 }))
    expect(other.json.status).toBe('included')
    expect(proxy.methods.has('eth_sendRawTransaction')).toBe(false)
    await titan.stop()
    await proxy.stop()
  })

  it('an executor that obeys none of the keys', async () => {
    const owner = await createDevnetAccount({ rpc: chain().rpc })
    const { titan, status } = await startSettled({
      ...world.env(),
      EXECUTOR_ADDRESS_ETHEREUM: await owner.deployExecutor(),
    })
    expect(status).toMatchObject({
      state: 'unavailable',
      reason: expect.stringContaining('obeys none of the configured keys'),
    })
    expect((await titan.post('/execute', liveSignal({ chainId: 1, index: 3 }))).json).toMatchObject({
      code: 'CHAIN_UNAVAILABLE',
      retryable: true,
      sent: 'no',
    })
    expect(await minedCounts()).toEqual([0, 0])
    await titan.stop()
  })
})

it('a chain whose newest block is too old: nothing is simulated, signed or sent, until a young one comes', async () => {
  const before = await minedCounts()
  const { titan } = await startSettled({ ...world.env(), HEAD_AGE_MAX_S: '15' })
  await eventually(async () => {
    const { json } = await titan.post('/simulate', liveSignal({ chainId: 1, index: 900 }))
    return json.code === 'STALE_NODE' || null
  })
  const refused = await titan.post('/execute', liveSignal({ chainId: 1, index: 901 }))
  expect([refused.status, refused.json.code, refused.json.retryable, refused.json.sent]).toEqual([
    ...[503, 'STALE_NODE', true, 'no'],
  ])
  expect(await minedCounts()).toEqual(before)
  await chain().ask('anvil_mine', '0x1')
  await eventually(async () => {
    const { json } = await titan.post('/simulate', liveSignal({ chainId: 1, index: 902 }))
    return json.success || null
  })
  await titan.stop()
})

describe('an account without funds', () => {
  it('sends nothing: the others carry the trades', async () => {
    const [poor, rich] = world.lanes as [string, string]
    await setBalance(poor, 7n)
    const { titan } = await startSettled(world.env())
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        titan.post('/execute', liveSignal({ chainId: 1, index: 10 + index })),
      ),
    )
    expect(answers.map(({ json }) => json.code ?? json.status)).toEqual(
      Array.from({ length: 6 }, () => 'included'),
    )
    expect([await chain().count(poor), await chain().count(rich)]).toEqual([0, 6])
    await titan.stop()
  })

  it('is said when there is no other, and forgotten once it has funds', async () => {
    for (const lane of world.lanes) await setBalance(lane, 7n)
    const before = await minedCounts()
    const { titan } = await startSettled(world.env())
    const refused = await titan.post('/execute', liveSignal({ chainId: 1, index: 20 }))
    expect(refused.json).toMatchObject({ success: false, code: 'INSUFFICIENT_FUNDS', sent: 'no' })
    expect(await minedCounts()).toEqual(before)
    for (const lane of world.lanes) await setBalance(lane, 10n ** 20n)
    await eventually(async () => {
      const { json } = await titan.post(
        '/execute',
        liveSignal({ chainId: 1, index: 21 + Math.floor(Math.random() * 1e6) }),
      )
      return json.status === 'included' ? true : null
    })
    await titan.stop()
  })
})

describe('PAPER', () => {
  it('sends nothing, though it is given keys and an executor', async () => {
    const proxy = await startRpcProxy({ target: chain().rpc })
    const before = await minedCounts()
    const { titan } = await startSettled({ ...world.env(new Map([[1, proxy.url]])), EXECUTION_MODE: 'PAPER' })
    const { json } = await titan.post('/execute', liveSignal({ chainId: 1, index: 30 }))
    expect(json).toMatchObject({ success: true, mode: 'PAPER', status: 'filled' })
    expect([...proxy.methods.keys()].filter((method) => /send|sign/i.test(method))).toEqual([])
    expect(await minedCounts()).toEqual(before)
    await titan.stop()
    await proxy.stop()
  })
})
