import { beforeEach, expect, it } from 'vitest'
import type { StoredEvent } from '../eventlog/eventLog.ts'
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
let bugs: unknown[]
beforeEach(() => {
  log = [5, 6, 7, 8].map((seq) => stored(seq, seq % 2 === 0 ? 10 : 1))
  readable = true
  bugs = []
})

function create() {
  return createSubscribers({
    events: {
      epoch: 'e1',
      lastSeq: () => log.at(-1)?.seq ?? 0,
      oldestSeq: () => 5,
      read({ fromSeq, limit }) {
        if (!readable) throw new Error('disk I/O error')
        return log.filter(({ seq }) => seq >= fromSeq).slice(0, limit)
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
  await turns(5)
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
  expect(client.seqs()).toHaveLength(200)
})

it('closes a client whose missed events cannot be read', () => {
  const client = outlet()
  const subscribers = create()
  readable = false
  subscribers.subscribe(subscribers.add(client), request({ fromSeq: 5 }))
  expect(client.state.closed).toBe(1011)
  expect(bugs).toEqual([new Error('disk I/O error')])
})
