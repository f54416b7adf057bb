import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { startDevnet } from '../../devnet/startDevnet.ts'
import { startRpcProxy } from '../../test/support/rpcProxy.ts'
import { LIMITS } from '../config/limits.ts'
import { succeed } from '../errors/failure.ts'
import { createHeadAge } from './headAge.ts'
import { createHeads, type Head, readHead } from './heads.ts'
import { createJsonRpc } from './jsonRpc.ts'
import type { EndpointReader } from './rpc.ts'

test('over http the newest block is asked for, until stopped', async () => {
  const devnet = await startDevnet({ chainIds: [56] })
  const node = devnet.chains[0]?.rpc as string
  const proxy = await startRpcProxy({ target: node })
  const rpc = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 20_000, limits: LIMITS })
  const seen: Head[] = []
  const heads = createHeads({
    endpoints: rpc.endpoints,
    headAge: createHeadAge({ maxMs: () => null }),
    blockTimeMs: 1_000,
    onHead: (head) => seen.push(head),
  })
  try {
    expect([heads.newest(), heads.ageMs()]).toEqual([null, null])
    await expect.poll(() => heads.newest()?.number, { timeout: 20_000 }).toBe(0)
    await callRpc({ rpc: node, method: 'anvil_mine', params: ['0x3'], timeoutMs: 20_000 })
    await expect.poll(() => heads.newest()?.number, { timeout: 20_000 }).toBe(3)
    expect(seen.map(({ number }) => number)).toEqual([0, 3])
    expect(heads.ageMs()).toBeLessThan(60_000)

    heads.stop()
    const asked = proxy.methods.get('eth_getBlockByNumber')
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(proxy.methods.get('eth_getBlockByNumber')).toBe(asked)
  } finally {
    heads.stop()
    await rpc.close()
    await proxy.stop()
    await devnet.stop()
  }
})

test('over http, in a hurry, a block that comes a moment after the first look is noticed long before the next poll', async () => {
  const devnet = await startDevnet({ chainIds: [56] })
  const node = devnet.chains[0]?.rpc as string
  const rpc = createJsonRpc({ endpoints: [node], timeoutMs: 20_000, limits: LIMITS })
  const looked = Promise.withResolvers<void>()
  const heads = createHeads({
    endpoints: rpc.endpoints,
    headAge: createHeadAge({ maxMs: () => null }),
    blockTimeMs: 12_000,
    onHead: () => looked.resolve(),
  })
  try {
    await looked.promise
    heads.hurry()
    await sleep(60)
    await callRpc({ rpc: node, method: 'anvil_mine', params: ['0x1'], timeoutMs: 20_000 })
    await expect.poll(() => heads.newest()?.number, { timeout: 20_000 }).toBe(1)
  } finally {
    heads.stop()
    await rpc.close()
    await devnet.stop()
  }
})

test.each([
  ['lags', (height: number) => height - 20, true],
  ['is not believed', (height: number) => height + 1_000_000, false],
])(
  'what an endpoint announces that %s is nothing announced: the next is subscribed to',
  async (_, tell, isBelieved) => {
    let height = 1_000
    const hash = (number: number) => `0x${number.toString(16).padStart(64, '0')}`
    const header = (number: number) => ({
      number: `0x${number.toString(16)}`,
      timestamp: '0x6553f100',
      hash: hash(number),
      parentHash: hash(number - 1),
    })
    const subscribed: string[] = []
    let announcing: NodeJS.Timeout | undefined
    const endpoint = (host: string, own: Partial<EndpointReader>) => ({
      host,
      state: () => 'well',
      isBelieved: () => true,
      saw: () => {},
      verifyHead: async () => false,
      askHead: async () => ({ ok: true, result: header(++height) }),
      ...own,
    })
    const readers = [
      endpoint('spoilt', {
        state: () => 'behind',
        isBelieved: () => isBelieved,
        async subscribeHeads(listener) {
          subscribed.push('spoilt')
          announcing = setInterval(() => listener.onHead(header(tell(height))), 2)
          return succeed(() => clearInterval(announcing))
        },
      }),
      endpoint('well', {
        async subscribeHeads() {
          subscribed.push('well')
          return succeed(() => {})
        },
      }),
    ]
    const heads = createHeads({
      endpoints: readers as unknown as readonly EndpointReader[],
      headAge: createHeadAge({ maxMs: () => null }),
      blockTimeMs: 1_000,
      paces: { busyMs: 30, idleMs: 30, announcedMs: 60, othersMs: 60_000 },
    })
    try {
      await expect.poll(() => subscribed, { timeout: 5_000 }).toContain('well')
    } finally {
      clearInterval(announcing)
      heads.stop()
    }
  },
)

test('a header is read, anything else is none', () => {
  expect(readHead({ number: '0x1b4', timestamp: '0x6553f100' })).toEqual({
    number: 436,
    timestamp: 1_700_000_000,
  })
  const others = [
    null,
    undefined,
    {},
    'x',
    { number: null, timestamp: '0x1' },
    { number: '0xzz', timestamp: '0x1' },
  ]
  expect(others.map(readHead)).toEqual(Array(6).fill(null))
})
