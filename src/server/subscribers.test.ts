import { beforeEach, expect, it } from 'vitest'
import type { EventQuery, StoredEvent } from '../eventlog/eventLog.ts'
import { createSubscribers, type Subscribe } from './subscribers.ts'

const stored = (seq: number, chainId = 1): StoredEvent => ({
  seq,
  chainId,
  outboxId: seq,
  signalId: `s${seq}`,
  type: 'paper_execution',
  outcome: 'filled',
  code: null,
  timestampMs: 0,
  json: `{"seq":${seq},"type":"paper_execution"}`,
})

/** A log that has dropped everything below 5. */
let log: StoredEvent[]
let publish: (events: readonly StoredEvent[]) => void
let readable: boolean
let oldest: number
let slow: Promise<void>
let reads: EventQuery[]
let bugs: unknown[]
let rests: number[]
beforeEach(() => {
  log = [5, 6, 7, 8].map((seq) => stored(seq, seq % 2 === 0 ? 10 : 1))
  readable = true
  oldest = 5
  slow = Promise.resolve()
  reads = []
  bugs = []
  rests = []
})

function create() {
  return createSubscribers({
    events: {
      epoch: () => 'e1',
      lastSeq: () => log.at(-1)?.seq ?? 0,
      oldestSeq: () => oldest,
      async read(query) {
        reads.push(query)
        await slow
        if (!readable) throw new Error('disk I/O error')
        const fromSeq = Math.max(query.fromSeq, oldest)
        const of = log.filter(
          ({ seq, chainId }) => seq >= fromSeq && query.chainIds?.includes(chainId) !== false,
        )
        const events = of.slice(0, query.limit)
        const last = (events.length === query.limit ? events : log).at(-1)?.seq ?? 0
        return { events, fromSeq, nextSeq: Math.max(fromSeq, last + 1) }
      },
      onStored: (listener) => {
        publish = (events) => {
          log.push(...events)
          listener(events)
        }
      },
    },
    onStatus: () => undefined,
    replayBytesMax: 1000,
    onBug: (error) => bugs.push(error),
    rest: async (ms) => rests.push(ms),
  })
}

function outlet() {
  const sent: Record<string, unknown>[] = []
  const state = { buffered: 0, closed: null as number | null }
  return {
    sent,
    state,
    send: (text: string) => void sent.push(JSON.parse(text)),
    bufferedBytes: () => state.buffered,
    close: (code: number) => {
      state.closed = code
    },
    seqs: () => sent.filter(({ type }) => type === 'paper_execution').map(({ seq }) => seq),
  }
}

const request = (fields: Partial<Subscribe>): Subscribe => ({
  type: 'subscribe',
  id: 1,
  channels: ['trades'],
  chainIds: null,
  fromSeq: null,
  ...fields,
})

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}

it('says which events are gone, then gives those that are kept', async () => {
  const client = outlet()
  const subscribers = create()
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 2, chainIds: [1] }))
  await turns(3)
  expect(client.sent).toEqual([
    { type: 'subscribed', id: 1, seq: 8 },
    { type: 'gap', id: 1, oldest: 5, epoch: 'e1' },
    { type: 'paper_execution', seq: 5, prev_seq: 4 },
    { type: 'paper_execution', seq: 7, prev_seq: 5 },
  ])
})

it('leaves others as much time as each page has taken', async () => {
  log = Array.from({ length: 500 }, (_, place) => stored(5 + place))
  slow = new Promise((resolve) => setTimeout(resolve, 30))
  const client = outlet()
  const subscribers = create()
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 5 }))
  await expect.poll(() => client.seqs()).toHaveLength(500)
  expect(rests).toHaveLength(reads.length)
  expect(rests[0]).toBeGreaterThan(25)
  expect(rests[1]).toBeLessThan(25)
})

it('gives whatever there is from 0, without calling that a gap', async () => {
  const client = outlet()
  const subscribers = create()
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 0 }))
  await turns(3)
  expect(client.sent.map(({ type }) => type)).toEqual(['subscribed', ...Array(4).fill('paper_execution')])
})

it('waits with a replay until its reader has read, and misses nothing meanwhile', async () => {
  log = Array.from({ length: 500 }, (_, place) => stored(5 + place))
  const client = outlet()
  const subscribers = create()
  const subscriber = subscribers.add(client)
  subscribers.subscribe(subscriber, request({ fromSeq: 5 }))
  client.state.buffered = 1001
  await turns(5)
  expect(client.seqs()).toHaveLength(200)
  publish([stored(505)])
  subscribers.drained(subscriber)
  await turns(5)
  expect(client.seqs()).toHaveLength(200)
  client.state.buffered = 1000
  subscribers.drained(subscriber)
  await turns(10)
  publish([stored(506)])
  expect(client.seqs()).toEqual(Array.from({ length: 502 }, (_, place) => 5 + place))
})

it('goes on where it was when a client narrows what it gets', () => {
  const client = outlet()
  const subscribers = create()
  const subscriber = subscribers.add(client)
  // In the log, but not yet published: it belongs to the stream that the client already had.
  log.push(stored(9))
  subscribers.subscribe(subscriber, request({ chainIds: [1, 10] }))
  publish([])
  expect(client.sent).toEqual([{ type: 'subscribed', id: 1, seq: 8 }])
  log.pop()
  publish([stored(9)])
  expect(client.sent[1]).toEqual({ type: 'paper_execution', seq: 9, prev_seq: 8 })
})

it('ends a replay that is no longer wanted', async () => {
  log = Array.from({ length: 500 }, (_, place) => stored(5 + place))
  const client = outlet()
  const subscribers = create()
  const subscriber = subscribers.add(client)
  subscribers.subscribe(subscriber, request({ fromSeq: 5 }))
  subscribers.subscribe(subscriber, request({ channels: ['heads'] }))
  await turns(5)
  publish([stored(505)])
  await turns(5)
  expect(client.seqs()).toHaveLength(0)
})

it('closes a client whose missed events cannot be read', async () => {
  const client = outlet()
  const subscribers = create()
  readable = false
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 5 }))
  await turns(2)
  expect(client.state.closed).toBe(1011)
  expect(bugs).toEqual([new Error('disk I/O error')])
})

it('goes on with one who asked again while a replay waited for it to read (1.5)', async () => {
  log = Array.from({ length: 500 }, (_, place) => stored(5 + place))
  const client = outlet()
  const subscribers = create()
  const subscriber = subscribers.add(client)
  client.state.buffered = 1001
  subscribers.subscribe(subscriber, request({ fromSeq: 5 }))
  await turns(5)
  subscribers.subscribe(subscriber, request({ fromSeq: 300 }))
  client.state.buffered = 0
  subscribers.drained(subscriber)
  await turns(10)
  publish([stored(505)])
  await turns(5)
  expect(client.seqs()).toEqual(Array.from({ length: 206 }, (_, place) => 300 + place))
})

it('goes on with the next new event although the socket never told that it has drained', async () => {
  const client = outlet()
  const subscribers = create()
  const subscriber = subscribers.add(client)
  client.state.buffered = 1001
  subscribers.subscribe(subscriber, request({ fromSeq: 5 }))
  await turns(5)
  client.state.buffered = 0
  publish([stored(9)])
  await turns(5)
  expect(client.seqs()).toEqual([5, 6, 7, 8, 9])
})

it('reads one page at a time, in turn for all who are behind, and of their chains alone (1.18)', async () => {
  log = Array.from({ length: 1_000 }, (_, place) => stored(5 + place, place % 2 === 0 ? 10 : 1))
  const ready = Promise.withResolvers<void>()
  slow = ready.promise
  const clients = Array.from({ length: 50 }, outlet)
  const subscribers = create()
  const all = clients.map((client) => subscribers.add(client))
  for (const subscriber of all) subscribers.subscribe(subscriber, request({ fromSeq: 5, chainIds: [10] }))
  await turns(5)
  expect(reads).toEqual([{ fromSeq: 5, limit: 200, chainIds: [10], withNewest: false }])
  ready.resolve()
  while (clients.some((client) => client.seqs().length < 500)) {
    await turns(1)
    const given = clients.map((client) => client.seqs().length)
    expect(Math.max(...given) - Math.min(...given)).toBeLessThanOrEqual(200)
  }
  // 500 events of the chain in pages of 200.
  expect(reads.length).toBe(50 * 3)
})

it('gives new events at once to whoever has caught up, while others are behind', async () => {
  log = Array.from({ length: 1_000 }, (_, place) => stored(5 + place))
  slow = new Promise(() => undefined)
  const subscribers = create()
  const [late, current] = [outlet(), outlet()]
  subscribers.subscribe(subscribers.add(late), request({ fromSeq: 5 }))
  subscribers.add(current)
  await turns(2)
  publish([stored(1_005)])
  expect(current.seqs()).toEqual([1_005])
  expect(late.seqs()).toEqual([])
})

it('tells of events that retention takes away before their page is read', async () => {
  log = Array.from({ length: 500 }, (_, place) => stored(5 + place))
  const client = outlet()
  const subscribers = create()
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 5 }))
  oldest = 101
  await turns(10)
  expect(client.sent[1]).toEqual({ type: 'gap', id: null, oldest: 101, epoch: 'e1' })
  expect(client.seqs()).toEqual(Array.from({ length: 404 }, (_, place) => 101 + place))
  expect(client.sent[2]).toEqual({ type: 'paper_execution', seq: 101 })
})
