import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { OutboxEvent } from '../dispatch/protocol.ts'
import { type EventStore, openEventStore } from './eventStore.ts'

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'titan-events-')), 'events.sqlite')
})
afterEach(() => rmSync(join(path, '..'), { recursive: true }))

const open = () => openEventStore({ path })
const T0 = 1_733_700_000_000

const event = (outboxId: number, signalId: string, over: Partial<OutboxEvent> = {}): OutboxEvent => ({
  outboxId,
  signalId,
  type: 'paper_execution',
  outcome: 'filled',
  code: null,
  timestampMs: T0 + outboxId,
  json: `{"type":"paper_execution","signal_id":"${signalId}"}`,
  ...over,
})
const of = (chainId: number, ...events: OutboxEvent[]) => events.map((each) => ({ chainId, event: each }))
const read = (store: EventStore, fromSeq: number, chainIds: number[] | null = null, limit = 9) =>
  store.read({ fromSeq, limit, chainIds })
const ids = (rows: readonly { signalId: string }[]) => rows.map(({ signalId }) => signalId)
const ALL = { chainId: null, outcome: null, fromSeq: 0, limit: 9 }

describe('events', () => {
  it('of all chains have one order without holes, over restarts, with seq in the message', () => {
    const first = open()
    const epoch = first.epoch()
    first.append([...of(137, event(1, 'p-1')), ...of(10, event(1, 'o-1'))])
    first.close()
    const store = open()
    expect([store.epoch(), store.lastSeq()]).toEqual([epoch, 2])
    store.append(of(10, event(2, 'o-2')))
    const { events } = read(store, 1)
    expect(events.map(({ seq, chainId, signalId }) => [seq, chainId, signalId])).toEqual([
      [1, 137, 'p-1'],
      [2, 10, 'o-1'],
      [3, 10, 'o-2'],
    ])
    expect(JSON.parse(events[2]?.json ?? '')).toEqual({ seq: 3, type: 'paper_execution', signal_id: 'o-2' })
    expect(store.marks()).toEqual([
      { chainId: 10, journal: '', outboxId: 2 },
      { chainId: 137, journal: '', outboxId: 1 },
    ])
    store.close()
  })

  it('of some chains are read without the others, and a page tells where the next one begins', () => {
    const store = open()
    for (let round = 1; round <= 10; round++)
      store.append([
        ...of(1, event(round, `e-${round}`)),
        ...of(10, event(round, `o-${round}`)),
        ...of(137, event(round, `p-${round}`)),
      ])
    const page = read(store, 4, [137, 1], 3)
    expect(ids(page.events)).toEqual(['e-2', 'p-2', 'e-3'])
    expect(page.nextSeq).toBe(8)
    expect(read(store, 30, [137, 1], 3)).toMatchObject({ events: [{ signalId: 'p-10' }], nextSeq: 31 })
    expect(read(store, 5, [8453], 3)).toEqual({ events: [], fromSeq: 5, nextSeq: 31 })
    expect(read(store, 99, null, 3)).toEqual({ events: [], fromSeq: 99, nextSeq: 99 })
    store.close()
  })

  it('are stored all or none', () => {
    const store = open()
    expect(() => store.append([...of(1, event(1, 'e-1')), ...of(1, event(2, null as never))])).toThrow()
    expect([store.lastSeq(), store.trade('e-1'), store.marks()]).toEqual([0, null, []])
    store.append(of(1, event(1, 'e-1')))
    expect(store.trade('e-1')).toMatchObject({ seq: 1 })
    store.close()
  })
})

describe('trades', () => {
  it('are found by id and filtered, each by its newest event, by an index of its own', () => {
    const store = open()
    store.append([
      ...of(1, event(1, 'e-1', { outcome: 'open' }), event(2, 'e-2', { outcome: 'failed', code: 'EXPIRED' })),
      ...of(10, event(1, 'o-1')),
      ...of(1, event(3, 'e-1')),
    ])
    expect(store.trade('e-2')).toMatchObject({ seq: 2, code: 'EXPIRED' })
    expect(store.trade('nothing')).toBeNull()
    expect([store.chainOf('o-1'), store.chainOf('nothing')]).toEqual([10, null])
    const trades = (over: object) => ids(store.trades({ ...ALL, ...over }))
    expect(trades({})).toEqual(['e-2', 'o-1', 'e-1'])
    expect(trades({ chainId: 1 })).toEqual(['e-2', 'e-1'])
    expect(trades({ outcome: 'filled' })).toEqual(['o-1', 'e-1'])
    expect(trades({ outcome: 'open' })).toEqual([])
    expect(trades({ chainId: 1, outcome: 'filled' })).toEqual(['e-1'])
    expect(trades({ fromSeq: 3, limit: 1 })).toEqual(['o-1'])
    store.close()
    const db = new DatabaseSync(path)
    const plan = (filter: string) =>
      db
        .prepare(`EXPLAIN QUERY PLAN SELECT seq FROM trades WHERE ${filter} seq >= 5 ORDER BY seq LIMIT 9`)
        .get()?.detail
    expect(plan('')).toMatch(/SEARCH .*PRIMARY KEY \(rowid>\?\)/)
    expect(plan('chain_id = 1 AND')).toMatch(/INDEX trades_by_chain \(chain_id=\? AND rowid>\?\)/)
    expect(plan("outcome = 'open' AND")).toMatch(/INDEX trades_by_outcome \(outcome=\? AND rowid>\?\)/)
    expect(plan("chain_id = 1 AND outcome = 'open' AND")).toMatch(
      /trades_by_chain_and_outcome \(.*rowid>\?\)/,
    )
    db.close()
  })

  it('give their ids in order, for who must know which there are', () => {
    const store = open()
    store.append(of(1, event(1, 'a', { outcome: 'open' }), event(2, 'b'), event(3, 'a'), event(4, 'c')))
    expect(store.ids(0, 2)).toEqual({ ids: ['b', 'a'], lastSeq: 3 })
    expect(store.ids(3, 2)).toEqual({ ids: ['c'], lastSeq: 4 })
    expect(store.ids(4, 2)).toBeNull()
    store.close()
  })
})

describe('the journals of the chains', () => {
  const named = (journal: string, outboxId: number) => ({ journal, outboxId })

  it('are known by their epochs: another file begins its ids anew', () => {
    const store = open()
    expect(store.adopt(1, named('first', 0))).toEqual(named('first', 0))
    store.append(of(1, event(1, 'e-1'), event(2, 'e-2')))
    const epoch = store.epoch()
    expect(store.adopt(1, named('first', 1))).toEqual(named('first', 2))
    expect(store.adopt(1, named('second', 0))).toEqual(named('second', 0))
    expect(store.epoch()).toBe(epoch)
    store.close()
    expect(open().marks()).toEqual([{ chainId: 1, ...named('second', 0) }])
  })

  it('tell a log that was put back to an older state, which gets another epoch', () => {
    const store = open()
    store.adopt(1, named('first', 0))
    store.append(of(1, event(1, 'e-1')))
    const epoch = store.epoch()
    expect(store.adopt(1, named('first', 7))).toEqual(named('first', 7))
    const renewed = store.epoch()
    expect(renewed).not.toBe(epoch)
    store.close()
    const again = open()
    expect(again.epoch()).toBe(renewed)
    again.close()
  })

  it('that a new log does not know have told another log what they have forgotten', () => {
    const store = open()
    const epoch = store.epoch()
    expect(store.adopt(1, named('first', 7))).toEqual(named('first', 7))
    expect(store.epoch()).toBe(epoch)
    store.close()
  })
})

describe('retention', () => {
  const fill = (
    store: EventStore,
    count: number,
    over: (place: number) => Partial<OutboxEvent> = () => ({}),
  ) =>
    store.append(
      of(
        1,
        ...Array.from({ length: count }, (_, place) => event(place + 1, `e-${place + 1}`, over(place + 1))),
      ),
    )
  const byAge = (beforeMs: number, limit = 100) => ({ beforeMs, bytesMax: Number.POSITIVE_INFINITY, limit })

  it('takes the oldest by age, some at a time, and says from where on everything is kept', () => {
    const store = open()
    fill(store, 10)
    expect(store.trim(byAge(T0 + 6, 3))).toBe(true)
    expect(store.oldestSeq()).toBe(4)
    expect(store.trim(byAge(T0 + 6, 3))).toBe(false)
    expect(store.oldestSeq()).toBe(6)
    expect(read(store, 2)).toMatchObject({ fromSeq: 6, nextSeq: 11 })
    expect(read(store, 0).events[0]?.seq).toBe(6)
    expect(ids(store.trades(ALL))).toEqual(['e-6', 'e-7', 'e-8', 'e-9', 'e-10'])
    expect([store.trade('e-5'), store.chainOf('e-5')]).toEqual([null, null])
    store.close()
    const again = open()
    expect(again.oldestSeq()).toBe(6)
    again.close()
  })

  it('keeps the newest event, so that seq goes on', () => {
    const store = open()
    fill(store, 5)
    store.trim(byAge(Number.POSITIVE_INFINITY))
    expect([store.oldestSeq(), store.lastSeq()]).toEqual([5, 5])
    store.close()
    const again = open()
    again.append(of(1, event(6, 'e-6')))
    expect(again.lastSeq()).toBe(6)
    again.close()
  })

  it('keeps every event of a trade that is open, and takes them once it is not', () => {
    const store = open()
    fill(store, 10, (place) => (place === 2 || place === 4 ? { outcome: 'open', signalId: 'slow' } : {}))
    store.trim(byAge(T0 + 8))
    expect(store.oldestSeq()).toBe(8)
    expect(store.trade('slow')).toMatchObject({ seq: 4, outcome: 'open' })
    expect(ids(store.trades({ ...ALL, outcome: 'open' }))).toEqual(['slow'])
    const count = () => {
      const db = new DatabaseSync(path, { readOnly: true })
      const rows = db.prepare("SELECT count(*) AS n FROM events WHERE signal_id = 'slow'").get()?.n
      db.close()
      return rows
    }
    expect(count()).toBe(2)
    store.append(of(1, event(11, 'slow')))
    store.trim(byAge(T0 + 8))
    expect(count()).toBe(1)
    expect(store.trade('slow')).toMatchObject({ seq: 11, outcome: 'filled' })
    store.close()
  })

  it('takes the oldest by size, and gives the room back', () => {
    const store = open()
    fill(store, 20_000, () => ({ json: JSON.stringify({ text: 'x'.repeat(1_000) }) }))
    const bytes = () => {
      const db = new DatabaseSync(path, { readOnly: true })
      const pages = Number(db.prepare('PRAGMA page_count').get()?.page_count) * 4_096
      db.close()
      return pages
    }
    const full = bytes()
    while (store.trim({ beforeMs: 0, bytesMax: full / 4, limit: 500 }));
    expect(store.oldestSeq()).toBeGreaterThan(14_000)
    expect(store.oldestSeq()).toBeLessThan(18_000)
    expect(bytes()).toBeLessThan(full * 0.6)
    store.close()
  })
})

it('takes over the file of the first version', () => {
  const db = new DatabaseSync(path)
  db.exec(`
    CREATE TABLE log (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL) STRICT;
    INSERT INTO log VALUES (1, 'of-before');
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL, outbox_id INTEGER NOT NULL, signal_id TEXT NOT NULL, type TEXT NOT NULL,
      outcome TEXT NOT NULL, code TEXT, timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_by_signal ON events (signal_id);
    CREATE TABLE chains (chain_id INTEGER PRIMARY KEY, outbox_id INTEGER NOT NULL) STRICT;
    INSERT INTO events VALUES (1, 1, 1, 'a', 'execution_update', 'open', NULL, 5, '{}'), (2, 1, 2, 'b', 'live_execution', 'filled', NULL, 6, '{}'),
      (3, 1, 3, 'a', 'live_execution', 'failed', 'EXPIRED', 7, '{}');
    INSERT INTO chains VALUES (1, 3);
    PRAGMA user_version = 1`)
  db.close()
  const store = open()
  expect([store.epoch(), store.lastSeq(), store.oldestSeq()]).toEqual(['of-before', 3, 1])
  expect(ids(store.trades({ ...ALL, chainId: 1 }))).toEqual(['b', 'a'])
  expect(store.trade('a')).toMatchObject({ seq: 3, code: 'EXPIRED' })
  // It did not name the journals: the first one that comes is taken for the one that it knows.
  expect(store.adopt(1, { journal: 'j', outboxId: 3 })).toEqual({ journal: 'j', outboxId: 3 })
  expect(store.epoch()).toBe('of-before')
  store.append(of(1, event(4, 'c')))
  store.close()
})
