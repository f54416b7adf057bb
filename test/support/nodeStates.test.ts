import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createJsonSplitter } from '../../src/nodes/jsonSplitter.ts'
import { type FaultProxy, startFaultProxy } from './faultProxy.ts'
import { cut, delay, rateLimit } from './faults.ts'
import { type LiveChain, openLiveChain } from './liveChain.ts'
import {
  dead,
  freeze,
  inflateCounts,
  internalError,
  lagBehind,
  mixedHeights,
  muteAll,
  muteHeads,
  refuseSubscriptions,
  wrongChain,
} from './nodeStates.ts'
import type { Json } from './startTitan.ts'

let devnet: Devnet
let chain: LiveChain
let proxy: FaultProxy
let node: string
const opened: Line[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  node = devnet.chains[0]?.rpc ?? ''
  chain = openLiveChain({ rpc: node })
  proxy = await startFaultProxy({ node })
  await chain.mine(9)
})
afterAll(async () => {
  await proxy?.stop()
  await devnet?.stop()
})
afterEach(async () => {
  proxy.heal()
  await proxy.refuse(false)
  for (const line of opened.splice(0)) line.end()
})

/**
 * A connection of a client; `received` are the messages that came, `ended` says that the other side closed
 * it.
 */
interface Line {
  readonly received: Json[]
  readonly ended: () => boolean
  ask(method: string, ...params: unknown[]): Promise<Json>
  end(): void
}

const TRANSPORTS = ['ws', 'ipc'] as const

async function openLine(transport: (typeof TRANSPORTS)[number]): Promise<Line> {
  const received: Json[] = []
  let ended = false
  let ids = 0
  let write: (text: string) => void
  let end: () => void
  if (transport === 'ws') {
    const socket = new WebSocket(proxy.socketUrl)
    socket.on('message', (data) => received.push(JSON.parse(data.toString())))
    socket.on('close', () => {
      ended = true
    })
    await once(socket, 'open')
    write = (text) => socket.send(text)
    end = () => socket.terminate()
  } else {
    const socket = connect(proxy.ipcPath)
    const splitter = createJsonSplitter({ bytesMax: 1e6, onText: (text) => received.push(JSON.parse(text)) })
    socket.on('data', (chunk) => splitter.push(chunk))
    socket.on('close', () => {
      ended = true
    })
    await once(socket, 'connect')
    write = (text) => socket.write(text)
    end = () => socket.destroy()
  }
  const line: Line = {
    received,
    ended: () => ended,
    async ask(method, ...params) {
      const id = ++ids
      write(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
      return await until(() => received.find((message) => message.id === id) ?? (ended ? 'ended' : null))
    },
    end,
  }
  opened.push(line)
  return line
}

async function until<T>(ask: () => T | null): Promise<T> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    const found = ask()
    if (found !== null) return found
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('It did not come.')
}

const heads = ({ received }: Line) =>
  received
    .filter(({ method }) => method === 'eth_subscription')
    .map(({ params }) => Number(params.result.number))
const ask = (method: string, ...params: unknown[]) =>
  callRpc({ rpc: proxy.url, method, params, timeoutMs: 10_000 })
const headSeen = async () => Number(await ask('eth_blockNumber'))

it.each(TRANSPORTS)('by %s it is the node: answers, batches of one and announcements', async (transport) => {
  const line = await openLine(transport)
  expect((await line.ask('eth_chainId')).result).toBe('0x1')
  await line.ask('eth_subscribe', 'newHeads')
  const before = await chain.head()
  await chain.mine(2)
  await until(() => (heads(line).at(-1) === before + 2 ? true : null))
})

it.each(TRANSPORTS)('by %s heads can be mute while the rest is answered', async (transport) => {
  const line = await openLine(transport)
  await line.ask('eth_subscribe', 'newHeads')
  const mute = proxy.inject(muteHeads())
  const before = await chain.head()
  await chain.mine()
  expect(Number((await line.ask('eth_blockNumber')).result)).toBe(before + 1)
  mute.heal()
  await chain.mine()
  await until(() => (heads(line).length > 0 ? true : null))
  expect(heads(line)).toEqual([before + 2])
})

it.each(TRANSPORTS)(
  'by %s a connection can be lost, and its subscription refused at renewal',
  async (transport) => {
    const first = await openLine(transport)
    await first.ask('eth_subscribe', 'newHeads')
    proxy.inject(refuseSubscriptions())
    proxy.inject(cut('eth_gasPrice'), { times: 1 })
    expect(await first.ask('eth_gasPrice')).toBe('ended')
    const second = await openLine(transport)
    expect((await second.ask('eth_subscribe', 'newHeads')).error.code).toBe(-32601)
    expect((await second.ask('eth_chainId')).result).toBe('0x1')
  },
)

it.each(TRANSPORTS)('by %s a stream can stay open with nothing on it', async (transport) => {
  const line = await openLine(transport)
  await line.ask('eth_subscribe', 'newHeads')
  const mute = proxy.inject(muteAll())
  const unanswered = line.ask('eth_chainId').catch(() => 'nothing')
  await chain.mine()
  await until(() => (mute.strikes > 0 ? true : null))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect([line.ended(), line.received.length]).toEqual([false, 1])
  line.end()
  expect(await unanswered).toBe('ended')
})

it.each(TRANSPORTS)('by %s answers can be changed, slow or limits', async (transport) => {
  const line = await openLine(transport)
  const changed = proxy.inject(wrongChain(5))
  expect((await line.ask('eth_chainId')).result).toBe('0x5')
  changed.heal()
  const limited = proxy.inject(rateLimit(-32005))
  expect((await line.ask('eth_chainId')).error.code).toBe(-32005)
  limited.heal()
  const slow = proxy.inject(delay(120))
  const startedMs = performance.now()
  await line.ask('eth_chainId')
  expect(performance.now() - startedMs).toBeGreaterThan(110)
  slow.heal()
  proxy.inject(rateLimit(429))
  expect(await line.ask('eth_chainId')).toBe('ended')
})

it('frozen, it tells one old height in everything and announces nothing', async () => {
  const line = await openLine('ws')
  await line.ask('eth_subscribe', 'newHeads')
  const at = await chain.head()
  proxy.inject(await freeze(node))
  const account = ((await chain.ask('eth_accounts')) as string[])[6] as string
  const count = await ask('eth_getTransactionCount', account, 'latest')
  const hash = await chain.ask<string>('eth_sendTransaction', { from: account, to: account, value: '0x1' })
  await chain.mine()
  expect(await chain.ask('eth_getTransactionReceipt', hash)).not.toBeNull()
  const later = `0x${(at + 1).toString(16)}`
  expect(await headSeen()).toBe(at)
  expect(await ask('eth_getBlockByNumber', 'latest', false)).toMatchObject({ number: `0x${at.toString(16)}` })
  expect(await ask('eth_getTransactionCount', account, 'latest')).toBe(count)
  for (const [method, ...params] of [
    ['eth_getTransactionReceipt', hash],
    ['eth_getTransactionByHash', hash],
    ['eth_getBlockReceipts', later],
    ['eth_getBlockByNumber', later, false],
  ] as [string, ...unknown[]][])
    expect([method, await ask(method, ...params)]).toEqual([method, null])
  await expect(ask('eth_getBalance', account, later)).rejects.toThrow('header not found')
  expect(heads(line)).toEqual([])
})

it('behind, it follows in everything, announcements too', async () => {
  const line = await openLine('ipc')
  await line.ask('eth_subscribe', 'newHeads')
  proxy.inject(lagBehind(node, 3))
  expect(await headSeen()).toBe((await chain.head()) - 3)
  await chain.mine()
  await until(() => (heads(line).length > 0 ? true : null))
  expect(heads(line)).toEqual([(await chain.head()) - 3])
  expect(await headSeen()).toBe((await chain.head()) - 3)
})

it('as a balancer it answers from two heights in turn, within a batch too', async () => {
  proxy.inject(mixedHeights(node, 4))
  const head = await chain.head()
  expect([await headSeen(), await headSeen(), await headSeen()]).toEqual([head - 4, head, head - 4])
  const body = JSON.stringify(
    [1, 2].map((id) => ({ jsonrpc: '2.0', id, method: 'eth_blockNumber', params: [] })),
  )
  const headers = { 'content-type': 'application/json' }
  const answered = (await (await fetch(proxy.url, { method: 'POST', headers, body })).json()) as Json[]
  expect(answered.map(({ result }) => Number(result)).toSorted()).toEqual([head - 4, head])
})

it('lies about counts, fails inside, or is dead', async () => {
  const account = ((await chain.ask('eth_accounts')) as string[])[8] as string
  const lie = proxy.inject(inflateCounts(1_000_000))
  expect(Number(await ask('eth_getTransactionCount', account, 'latest'))).toBe(1_000_000)
  lie.heal()
  const inside = proxy.inject(internalError())
  const response = await fetch(proxy.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"jsonrpc":"2.0","id":71,"method":"eth_chainId","params":[]}',
  })
  expect([response.status, await response.json()]).toMatchObject([500, { id: 71, error: { code: -32603 } }])
  inside.heal()
  proxy.inject(dead())
  await expect(ask('eth_chainId')).rejects.toThrow()
})

it('refuses connections at its address, and takes them again there', async () => {
  const line = await openLine('ws')
  await proxy.refuse(true)
  await until(() => (line.ended() ? true : null))
  await expect(ask('eth_chainId')).rejects.toThrow()
  await proxy.refuse(false)
  expect(await ask('eth_chainId')).toBe('0x1')
  const again = await openLine('ipc')
  expect((await again.ask('eth_chainId')).result).toBe('0x1')
})
