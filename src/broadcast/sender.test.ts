import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Hex } from '../domain/signal.ts'
import { openTransport } from '../nodes/openTransport.ts'
import { classifySendError } from '../nodes/sendErrors.ts'
import { createSender, type Sender } from './sender.ts'
import { createNodeEndpoint } from './sendTransport.ts'

const HASH: Hex = `0x${'7c'.repeat(32)}`
const attempt = { raw: '0x02f8' as Hex, hash: HASH }
const servers: Server[] = []
let sender: Sender | null = null
/** Methods that each node was asked, by name. */
let asked: string[]

beforeEach(() => {
  asked = []
})
afterEach(async () => {
  await sender?.close()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A node that takes everything and says that it serves `chain`; null: it says nothing of it. */
async function startNode(name: string, chain: () => number | null, port = 0): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      const { id, method } = JSON.parse(body) as { id: number; method: string }
      asked.push(`${name} ${method}`)
      const served = chain()
      const error = { code: -32601, message: 'the method eth_chainId does not exist' }
      const isChain = method === 'eth_chainId'
      const answer =
        isChain && served === null
          ? { error }
          : { result: isChain ? `0x${(served ?? 0).toString(16)}` : HASH }
      response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(
  urls: readonly string[],
  wrong: string[] = [],
  servesOther: (index: number) => boolean = () => false,
): Sender {
  const nodes = urls.map((url) =>
    createNodeEndpoint({
      ...openTransport({ url, connectionsMax: 2, responseBytesMax: 100_000 }),
      timeoutMs: 5_000,
      classify: classifySendError,
    }),
  )
  sender = createSender({
    nodes,
    relays: [],
    chainId: 8453,
    head: () => 17,
    privateBlocksMax: 3,
    servesOther,
    onVerdict: () => {},
    onWrongChain: (host, served) => wrong.push(`${host} serves ${served}`),
  })
  return sender
}
const sends = () => asked.filter((line) => line.endsWith('eth_sendRawTransaction'))

test('signed bytes never go to a node that serves another chain, and it is told of once', async () => {
  const wrong: string[] = []
  const urls = [await startNode('ours', () => 8453), await startNode('other', () => 1)]
  const { broadcast } = open(urls, wrong)
  for (const _ of [1, 2]) expect((await broadcast({ attempt, to: 'nodes' })).status).toBe('accepted')
  expect(sends()).toEqual(['ours eth_sendRawTransaction', 'ours eth_sendRawTransaction'])
  expect(wrong).toEqual([`${new URL(urls[1] as string).host} serves 1`])
})

test('a node that only takes transactions, and tells no chain, is sent to', async () => {
  const { broadcast } = open([await startNode('silent', () => null)])
  expect((await broadcast({ attempt, to: 'nodes' })).status).toBe('accepted')
})

test('where every node serves another chain the bytes stay here, and that is certain', async () => {
  const { broadcast } = open([await startNode('other', () => 1)])
  expect(await broadcast({ attempt, to: 'nodes' })).toMatchObject({
    status: 'refused',
    failure: { code: 'NODE_UNAVAILABLE' },
  })
  expect(sends()).toEqual([])
})

test('none go to a node that the client that reads knows to serve another chain, as long as it does', async () => {
  let other = true
  const urls = [await startNode('first', () => 8453), await startNode('second', () => 8453)]
  const { broadcast } = open(urls, [], (index) => index === 1 && other)
  await broadcast({ attempt, to: 'nodes' })
  expect(sends()).toEqual(['first eth_sendRawTransaction'])
  other = false
  await broadcast({ attempt, to: 'nodes' })
  await expect.poll(() => sends().includes('second eth_sendRawTransaction'), { timeout: 20_000 }).toBe(true)
})

/** Ends the one node there is and waits until a send has met nobody at its address. */
async function fail({ broadcast }: Sender): Promise<void> {
  const [server] = servers.splice(0) as [Server]
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await expect
    .poll(async () => JSON.stringify(await broadcast({ attempt, to: 'nodes' })), { timeout: 20_000 })
    .toContain('unreachable')
}

test('a node that tells no chain is asked for it once after it could not be reached, by all sends at once', async () => {
  const url = await startNode('mute', () => null)
  const mute = open([url])
  await mute.broadcast({ attempt, to: 'nodes' })
  await fail(mute)
  await startNode('back', () => null, Number(new URL(url).port))
  const twice = await Promise.all([1, 2].map(() => mute.broadcast({ attempt, to: 'nodes' })))
  expect(twice.map(({ status }) => status)).toEqual(['accepted', 'accepted'])
  expect((await mute.broadcast({ attempt, to: 'nodes' })).status).toBe('accepted')
  const send = 'back eth_sendRawTransaction'
  expect(asked.filter((line) => line.startsWith('back'))).toEqual(['back eth_chainId', send, send, send])
})

test('a node that could not be reached tells its chain again before the next bytes go to it', async () => {
  const wrong: string[] = []
  const url = await startNode('ours', () => 8453)
  const ours = open([url], wrong)
  const { broadcast } = ours
  expect((await broadcast({ attempt, to: 'nodes' })).status).toBe('accepted')
  await fail(ours)
  await startNode('back', () => 1, Number(new URL(url).port))
  expect(await broadcast({ attempt, to: 'nodes' })).toMatchObject({ status: 'refused' })
  expect(asked.filter((line) => line.startsWith('back'))).toEqual(['back eth_chainId'])
  expect(wrong).toEqual([`${new URL(url).host} serves 1`])
})
