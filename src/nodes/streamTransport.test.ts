import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { findFreePort } from '../../devnet/findFreePort.ts'
import { locateAnvil } from '../../devnet/locateAnvil.ts'
import { type Anvil, startAnvil } from '../../devnet/startAnvil.ts'
import { createHeadAge } from './headAge.ts'
import { createHeads, type Head } from './heads.ts'
import { createJsonRpc } from './jsonRpc.ts'
import { openTransport } from './openTransport.ts'
import type { JsonRpc } from './rpc.ts'

const LIMITS = { rpcBatchMax: 24, rpcBatchesInFlightMax: 3, rpcResponseBytesMax: 300_000 }
const CHAIN_ID = 8453

let folder: string
let anvil: Anvil
let socketPath: string

const start = (port: number) =>
  startAnvil({
    binary: locateAnvil(),
    chainId: CHAIN_ID,
    host: '127.0.0.1',
    port,
    args: ['--ipc', socketPath],
    startTimeoutMs: 60_000,
  })
const mine = () => callRpc({ rpc: anvil.rpc, method: 'evm_mine', params: [], timeoutMs: 20_000 })
const client = (endpoint: string, timeoutMs = 20_000) =>
  createJsonRpc({ endpoints: [endpoint], timeoutMs, limits: LIMITS, chainId: CHAIN_ID })

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'titan-stream-'))
  socketPath = join(folder, 'node.ipc')
  anvil = await start(await findFreePort({ host: '127.0.0.1', port: 0 }))
}, 120_000)
afterAll(async () => {
  await anvil?.stop()
  await rm(folder, { recursive: true, force: true })
})

const kinds: [string, () => string][] = [
  ['a WebSocket', () => anvil.rpc.replace('http', 'ws')],
  ['an IPC socket', () => socketPath],
]
describe.each(kinds)('%s', (_, endpoint) => {
  test('carries single calls, batches, errors and many at once', async () => {
    const rpc = client(endpoint())
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, at) =>
        rpc.call('eth_getBalance', [
          at === 77 ? 'nonsense' : `0x${at.toString(16).padStart(40, '0')}`,
          'latest',
        ]),
      ),
    )
    expect(outcomes.flatMap((outcome, at) => (outcome.ok ? [] : [at]))).toEqual([77])
    expect(rpc.status()).toMatchObject([{ healthy: true, clientVersion: expect.stringContaining('anvil') }])
    expect(rpc.status()[0]?.host).not.toContain(folder)
    await rpc.close()
  })

  test('announces new blocks, and again after the node restarted', async () => {
    const rpc = client(endpoint())
    const seen: Head[] = []
    const heads = createHeads({
      endpoints: rpc.endpoints,
      headAge: createHeadAge({ maxMs: () => null }),
      blockTimeMs: 1_000,
      onHead: (head) => seen.push(head),
    })
    await expect.poll(() => heads.newest(), { timeout: 20_000 }).not.toBeNull()
    const before = heads.newest()?.number as number
    await mine()
    await expect.poll(() => seen.at(-1)?.number, { timeout: 20_000 }).toBe(before + 1)
    expect(heads.ageMs()).toBeLessThan(60_000)

    await anvil.stop()
    await rm(socketPath, { force: true })
    anvil = await start(Number(new URL(anvil.rpc).port))
    // The connection for announcements is made again by itself, as a call makes its own.
    await expect
      .poll(() => rpc.call('eth_blockNumber', []), { timeout: 20_000 })
      .toEqual({ ok: true, result: '0x0' })
    await expect.poll(() => mine().then(() => seen.at(-1)?.number), { timeout: 20_000 }).toBeGreaterThan(1)
    heads.stop()
    await rpc.close()
  })

  test('that is not there is told, at once', async () => {
    const rpc = client(endpoint().replace(/:\d+$/, ':1').replace('node.ipc', 'none.ipc'))
    expect(await rpc.call('eth_chainId', [])).toMatchObject({
      kind: 'transport',
      failure: { code: 'NODE_UNAVAILABLE', sentence: expect.stringContaining('could not be reached') },
    })
    await rpc.close()
  })
})

describe('a stream that misbehaves', () => {
  async function withServer(
    onData: (socket: Socket, text: string) => void,
    work: (rpc: JsonRpc) => Promise<void>,
  ) {
    const path = join(folder, 'bad.ipc')
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('data', (text) => onData(socket, text.toString())).on('error', () => {})
    }).listen(path)
    await once(server, 'listening')
    const limits = { ...LIMITS, rpcBatchesInFlightMax: 1 }
    const rpc = createJsonRpc({ endpoints: [path], timeoutMs: 1_500, limits })
    try {
      await work(rpc)
    } finally {
      await rpc.close()
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  test('answers cut into pieces and glued together are read', () =>
    withServer(
      (socket, text) => {
        const calls = [JSON.parse(text)].flat() as { id: number }[]
        const reply = JSON.stringify(calls.map(({ id }) => ({ id, result: `{[ \\" ${id}` })))
        const stray =
          '{"jsonrpc":"2.0","method":"eth_subscription","params":{"subscription":"0x9","result":{}}}'
        socket.write(`${stray}${reply.slice(0, 9)}`)
        setTimeout(() => socket.write(`${reply.slice(9)}\n${stray}`), 20)
      },
      async (rpc) => {
        const outcomes = await Promise.all([rpc.call('eth_chainId', []), rpc.call('eth_gasPrice', [])])
        expect(outcomes.every(({ ok }) => ok)).toBe(true)
      },
    ))

  test('an answer beyond the limit ends the connection', () =>
    withServer(
      (socket, text) => socket.write(`{"id":${JSON.parse(text).id},"result":"${'7'.repeat(310_000)}"}`),
      async (rpc) => {
        expect(await rpc.call('eth_chainId', [])).toMatchObject({
          failure: { code: 'NODE_UNAVAILABLE', sentence: expect.stringContaining('more than 300000 bytes') },
        })
      },
    ))

  test('half an answer, after which it goes on, ends the connection, and the next one is whole', () => {
    let connections = new Set<Socket>()
    const answer = (text: string) =>
      [JSON.parse(text)].flat().map(({ id }: { id: number }) => JSON.stringify({ id, result: '0x1' }))
    return withServer(
      (socket, text) => {
        connections = connections.add(socket)
        const isFirst = [...connections][0] === socket
        for (const reply of answer(text)) socket.write(isFirst ? `${reply.slice(0, 9)}\n` : reply)
      },
      async (rpc) => {
        expect(await rpc.call('eth_chainId', [])).toMatchObject({ failure: { code: 'NODE_TIMEOUT' } })
        expect(await rpc.call('eth_chainId', [])).toEqual({ ok: true, result: '0x1' })
        expect(connections.size).toBe(2)
      },
    )
  })

  test('one that is slow with one call and answers another goes on', () => {
    const connections = new Set<Socket>()
    return withServer(
      (socket, text) => {
        connections.add(socket)
        for (const line of text.trim().split('\n')) {
          const { id } = JSON.parse(line)
          if (id !== 1) socket.write(JSON.stringify({ id, result: '0x1' }))
        }
      },
      async () => {
        const { transport } = openTransport({
          url: join(folder, 'bad.ipc'),
          connectionsMax: 1,
          responseBytesMax: 1_000,
        })
        const ask = (id: number, timeoutMs: number) =>
          transport.exchange({ body: JSON.stringify({ id }), ids: [id], timeoutMs })
        const slow = ask(1, 800)
        expect(await ask(2, 20_000)).toMatchObject({ ok: true })
        expect(await slow).toMatchObject({ ok: false, reason: 'timeout' })
        expect(await ask(3, 20_000)).toMatchObject({ ok: true })
        expect(connections.size).toBe(1)
        await transport.close()
      },
    )
  })

  test('silence is a timeout', () =>
    withServer(
      () => {},
      async (rpc) => {
        expect(await rpc.call('eth_chainId', [])).toMatchObject({ failure: { code: 'NODE_TIMEOUT' } })
      },
    ))
})
