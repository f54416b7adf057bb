import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { exchange, upgradeThen } from '../support/rawSocket.ts'
import { readJson } from '../support/readJson.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'
import { openWs, type WsMessage } from '../support/wsClient.ts'

type Client = Awaited<ReturnType<typeof openWs>>

let server: TransportServer
const clients: Client[] = []
async function open(options: Parameters<typeof openWs>[1] = {}) {
  const client = await openWs(server.wsUrl, options)
  clients.push(client)
  return client
}
beforeAll(async () => {
  server = await startTransportServer({ heartbeatMs: 200 })
})
afterAll(() => server.stop())
afterEach(async () => {
  const client = await openWs(server.wsUrl)
  expect(await client.settle()).toEqual([])
  await Promise.all([...clients.splice(0), client].map((each) => each.close()))
})

const execute = (id: unknown, fields: object = {}) => ({
  type: 'execute',
  id,
  signal: { ...sampleRequest, ...fields },
})
/** Runs signals over a connection of its own and waits until their events are stored. */
async function trade(...ids: string[]) {
  for (const id of ids) {
    const chainId = id.startsWith('base') ? 8453 : 1
    await fetch(`${server.url}/execute`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...sampleRequest, chainId, signal_id: id }),
    })
  }
  await fetch(`${server.url}/events`)
}
const idsOf = (messages: readonly WsMessage[]) =>
  messages
    .filter(({ type }) => type === 'paper_execution')
    .map(({ signal }) => (signal as { signal_id: string }).signal_id)

describe('messages', () => {
  it('greets with the fields of the documentation and where the stream stands', async () => {
    await trade('greet-1')
    const { connected } = await open()
    expect(connected).toEqual({
      type: 'connected',
      mode: 'PAPER',
      stats: { total_signals: 1, executed: 0, failed: 0, paper_executed: 1 },
      session: expect.stringMatching(/^[0-9a-f-]{36}$/),
      seq: 1,
      epoch: server.events.epoch(),
      heartbeat_ms: 200,
    })
  })

  it('executes and simulates any number of signals in flight, each answer under its id', async () => {
    const client = await open()
    client.send({ type: 'subscribe', channels: [] })
    server.dispatcher.hold()
    for (let place = 0; place < 100; place++) client.send(execute(place, { signal_id: `many-${place}` }))
    client.send({ ...execute('sim', { signal_id: 'seen-before' }), type: 'simulate' })
    client.send(execute(null, { amount: '-3' }))
    const early = await client.settle()
    expect(early).toMatchObject([
      { type: 'subscribed' },
      { type: 'execution_result', id: null, result: { success: false, code: 'INVALID_AMOUNT' } },
    ])
    server.dispatcher.release()
    const results = await client.settle()
    expect(results).toHaveLength(101)
    results.slice(0, 100).forEach((message, place) => {
      expect(message).toMatchObject({
        type: 'execution_result',
        id: place,
        result: { success: true, signal_id: `many-${place}` },
      })
    })
    expect(results[100]).toMatchObject({ id: 'sim', replayed: true, result: { signal_id: 'seen-before' } })
    // Stored and broadcast now, so that the next client's stream begins after them.
    await server.events.read({ fromSeq: 1, limit: 1, chainIds: null, withNewest: true })
  })

  it('answers a bug under the id of its signal', async () => {
    const client = await open()
    client.send(execute('b', { expected_profit: -1 }))
    expect(await client.next()).toMatchObject({
      type: 'execution_result',
      id: 'b',
      result: { code: 'INTERNAL' },
    })
    expect(server.logged).toHaveLength(1)
  })

  it('runs a signal whose sender has left', async () => {
    const client = await open()
    server.dispatcher.hold()
    client.send(execute('x', { signal_id: 'left-behind' }))
    await client.settle()
    client.socket.terminate()
    await client.closed
    server.dispatcher.release()
    expect(await readJson(await fetch(`${server.url}/trades/left-behind`))).toMatchObject({
      type: 'paper_execution',
    })
  })

  it('sends heartbeats that say how far the stream is', async () => {
    const client = await open()
    const beat = await new Promise<string>((resolve) => {
      client.socket.on('message', (data) => {
        const text = data.toString()
        if (text.includes('heartbeat')) resolve(text)
      })
    })
    expect(JSON.parse(beat)).toEqual({ type: 'heartbeat', seq: server.events.lastSeq() })
  })
})

describe('bad messages are answered, and the connection lives on', () => {
  const cases: [name: string, message: string | Buffer, id: unknown, code: string][] = [
    ['a binary frame', Buffer.from('{"type":"ping"}'), null, 'INVALID_MESSAGE'],
    ['malformed JSON', '{"type":', null, 'INVALID_MESSAGE'],
    ['an empty message', '', null, 'INVALID_MESSAGE'],
    ['JSON that is no object', '[1]', null, 'INVALID_MESSAGE'],
    ['no type', '{"id":5}', 5, 'INVALID_MESSAGE'],
    ['an unknown type', '{"type":"buy","id":"b"}', 'b', 'INVALID_MESSAGE'],
    ['an unknown channel', '{"type":"subscribe","id":7,"channels":["news"]}', 7, 'UNKNOWN_CHANNEL'],
    ['channels of a wrong type', '{"type":"subscribe","channels":"trades"}', null, 'INVALID_MESSAGE'],
    ['a filter of a wrong type', '{"type":"subscribe","filter":{"chain":1}}', null, 'INVALID_MESSAGE'],
    ['a negative from_seq', '{"type":"subscribe","from_seq":-1}', null, 'INVALID_MESSAGE'],
    ['an id that cannot be echoed', '{"type":"ping","id":{}}', null, 'INVALID_MESSAGE'],
    ['deep nesting', '['.repeat(30_000) + ']'.repeat(30_000), null, 'INVALID_MESSAGE'],
  ]
  it.each(cases)('%s', async (_name, message, id, code) => {
    const client = await open()
    client.socket.send(message)
    expect(await client.settle()).toEqual([
      { type: 'error', id, code, error: expect.stringMatching(/\.$/), hint: expect.any(String) },
    ])
  })
})

describe('the connection', () => {
  it.each([
    ['a foreign origin', { origin: 'https://evil.example' }],
    ['a rebound host name', { headers: { Host: 'evil.example' } }],
  ])('is refused for %s', async (_name, options) => {
    await expect(openWs(server.wsUrl, options)).rejects.toThrow('Unexpected server response: 403')
  })

  it('is open to an admitted page', async () => {
    expect((await open({ origin: 'https://brain.example' })).connected.type).toBe('connected')
  })

  it.each([
    ['a message above the limit', () => frame({ first: 0x81, bytes: Buffer.alloc(5 * 1024 * 1024, 0x20) })],
    ['text that is not UTF-8', () => frame({ first: 0x81, bytes: Buffer.from([0xff, 0xfe]) })],
    ['reserved bits', () => frame({ first: 0xf1, bytes: Buffer.from('{}') })],
    ['an unknown opcode', () => frame({ first: 0x83, bytes: Buffer.from('{}') })],
  ])('is cut on %s', async (_name, bytes) => {
    const answer = await exchange({ port: server.port, send: upgradeThen(bytes()) })
    expect(answer).toMatch(/^HTTP\/1.1 101 /)
  })

  it('is not there on other paths', async () => {
    await expect(openWs(`${server.wsUrl}stream`)).rejects.toThrow('Unexpected server response: 404')
  })

  /** A client's frame, masked with zeros. */
  function frame({ first, bytes }: { first: number; bytes: Buffer }): Buffer {
    const long = bytes.length > 125
    const head = Buffer.alloc(long ? 14 : 6)
    head[0] = first
    head[1] = 0x80 | (long ? 127 : bytes.length)
    if (long) head.writeBigUInt64BE(BigInt(bytes.length), 2)
    return Buffer.concat([head, bytes])
  }
})

describe('the event stream', () => {
  it('gives every execution to a client that has said nothing', async () => {
    const client = await open()
    await trade('e1', 'base-e2')
    const events = await client.settle()
    expect(idsOf(events)).toEqual(['e1', 'base-e2'])
    const first = Number(client.connected.seq) + 1
    expect(events).toMatchObject([{ seq: first }, { seq: first + 1 }])
    expect(events[0]).not.toHaveProperty('prev_seq')
  })

  it('filters by chain and chains what is left by prev_seq', async () => {
    const client = await open()
    client.send({ type: 'subscribe', id: 1, filter: { chain: [8453] } })
    const [subscribed] = await client.settle()
    const start = Number(client.connected.seq)
    expect(subscribed).toEqual({ type: 'subscribed', id: 1, seq: start })
    await trade('f1', 'base-f2', 'f3', 'f4', 'base-f5')
    const events = await client.settle()
    expect(events).toMatchObject([
      { prev_seq: start, seq: start + 2, signal: { signal_id: 'base-f2' } },
      { prev_seq: start + 2, seq: start + 5, signal: { signal_id: 'base-f5' } },
    ])
  })

  it('gives changes that settle nothing only to those who ask, and chains what is left by prev_seq', async () => {
    const silent = await open()
    const curious = await open()
    curious.send({ type: 'subscribe', id: 1, channels: ['trades', 'updates'] })
    const only = await open()
    only.send({ type: 'subscribe', id: 1, channels: ['updates'] })
    await Promise.all([curious.settle(), only.settle()])
    const start = server.events.lastSeq()
    const change = (type: 'execution_update' | 'live_execution') =>
      server.dispatcher.publish({ chainId: 1, signalId: 'u1', type, outcome: 'open' })
    await trade('u0')
    for (const type of [
      'execution_update',
      'execution_update',
      'live_execution',
      'execution_update',
    ] as const)
      change(type)
    await trade('u2')
    const places = (messages: readonly WsMessage[]) =>
      messages.map(({ type, seq, prev_seq }) => [
        type,
        Number(seq) - start,
        ...(prev_seq === undefined ? [] : [Number(prev_seq) - start]),
      ])
    expect(places(await silent.settle())).toEqual([
      ['paper_execution', 1],
      ['live_execution', 4, 1],
      ['paper_execution', 6, 4],
    ])
    expect(places(await curious.settle())).toEqual([
      ['paper_execution', 1],
      ['execution_update', 2],
      ['execution_update', 3],
      ['live_execution', 4],
      ['execution_update', 5],
      ['paper_execution', 6],
    ])
    const updates = [
      ['execution_update', 2, 0],
      ['execution_update', 3],
      ['execution_update', 5, 3],
    ]
    expect(places(await only.settle())).toEqual(updates)
    const late = await open()
    late.send({ type: 'subscribe', id: 1, channels: ['updates'], from_seq: start + 1 })
    let replayed: WsMessage[] = []
    while (replayed.length < 4) replayed = [...replayed, ...(await late.settle())]
    expect(places(replayed.slice(1))).toEqual(updates)
  })

  it('replays from a sequence number and goes on live, without a gap or a repetition', async () => {
    await trade(...Array.from({ length: 450 }, (_, place) => `r${place}`))
    const fromSeq = server.events.lastSeq() - 430
    const client = await open()
    client.send({ type: 'subscribe', id: 2, from_seq: fromSeq })
    // Stored while the replay runs.
    await trade('r-live-1', 'r-live-2')
    await fetch(`${server.url}/livez`)
    let messages: WsMessage[] = []
    while (idsOf(messages).at(-1) !== 'r-live-2') messages = [...messages, ...(await client.settle())]
    const seqs = messages.filter(({ type }) => type === 'paper_execution').map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.map((_, place) => fromSeq + place))
    expect(seqs.at(-1)).toBe(server.events.lastSeq())
    expect(messages.filter(({ type }) => type === 'gap')).toEqual([])
  })

  it('replays only what passes the filter', async () => {
    await trade('g1', 'base-g2', 'g3')
    const last = server.events.lastSeq()
    const client = await open()
    client.send({ type: 'subscribe', filter: { chain: [8453] }, from_seq: last - 2 })
    let messages: WsMessage[] = []
    while (idsOf(messages).length === 0) messages = [...messages, ...(await client.settle())]
    expect(messages.slice(1)).toMatchObject([
      { seq: last - 1, prev_seq: last - 3, signal: { signal_id: 'base-g2' } },
    ])
  })

  it('says that there is a gap when it is asked for another log', async () => {
    const client = await open()
    client.send({ type: 'subscribe', id: 'ahead', from_seq: server.events.lastSeq() + 100 })
    expect((await client.settle())[1]).toEqual({
      type: 'gap',
      id: 'ahead',
      oldest: 1,
      epoch: server.events.epoch(),
    })
    await trade('after-gap')
    expect(idsOf(await client.settle())).toEqual(['after-gap'])
  })

  it('tells of heads and of chains that change, to those who asked', async () => {
    const client = await open()
    client.send({ type: 'subscribe', channels: ['heads', 'control'], filter: { chain: [8453] } })
    await client.settle()
    server.dispatcher.announce({ chainId: 1, head: 70 })
    server.dispatcher.announce({ chainId: 8453, head: 71 })
    server.dispatcher.announce({ chainId: 8453, head: 71 })
    server.dispatcher.announce({ chainId: 8453, head: 72, state: 'unavailable', reason: 'The node is gone.' })
    const paused = { since: '2026-01-01T00:00:00.000Z', by: 'anna', reason: null }
    server.dispatcher.announce({ chainId: 8453, head: 72, paused })
    server.dispatcher.announce({ chainId: 8453, head: 72, paused })
    await trade('not-asked-for')
    expect(await client.settle()).toEqual([
      { type: 'head', chainId: 8453, block: 71, age_ms: 1250 },
      { type: 'chain_state', chainId: 8453, name: 'Chain 8453', state: 'ready', reason: null, paused: null },
      { type: 'head', chainId: 8453, block: 72, age_ms: 1250 },
      {
        type: 'chain_state',
        chainId: 8453,
        name: 'Chain 8453',
        state: 'unavailable',
        reason: 'The node is gone.',
        paused: null,
      },
      {
        type: 'chain_state',
        chainId: 8453,
        name: 'Chain 8453',
        state: 'ready',
        reason: null,
        paused: { since: '2026-01-01T00:00:00.000Z', by: 'anna', reason: null },
      },
    ])
  })
})
