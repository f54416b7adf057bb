import { randomUUID } from 'node:crypto'
import type { OutboxEvent } from '../dispatch/protocol.ts'
import { inTransaction, openDatabase } from '../journal/openDatabase.ts'
import type { EventLog, StoredEvent } from './eventLog.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL, outbox_id INTEGER NOT NULL, signal_id TEXT NOT NULL, type TEXT NOT NULL,
  outcome TEXT NOT NULL, code TEXT, timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_signal ON events (signal_id);
CREATE TABLE IF NOT EXISTS chains (chain_id INTEGER PRIMARY KEY, outbox_id INTEGER NOT NULL) STRICT`

/** Of the schema above. */
export const EVENT_LOG_VERSION = 1

/** Subscribers wait at most this long; collecting keeps one commit and one socket write for many events. */
const FLUSH_MS = 20
/** Between attempts to write while the disk refuses. */
const RETRY_MS = 1_000

const toEvent = (row: Record<string, unknown>): StoredEvent => ({
  seq: Number(row.seq),
  chainId: Number(row.chain_id),
  outboxId: Number(row.outbox_id),
  signalId: String(row.signal_id),
  type: row.type as StoredEvent['type'],
  outcome: row.outcome as StoredEvent['outcome'],
  code: row.code === null ? null : String(row.code),
  timestampMs: Number(row.timestamp_ms),
  json: String(row.json),
})

/**
 * The event log in one SQLite file of the main thread. A failed flush keeps its events and tries again;
 * `onFlushError` hears of it.
 */
export function openSqliteEventLog({
  path,
  onFlushError,
}: {
  path: string
  onFlushError: (error: unknown) => void
}): EventLog {
  const db = openDatabase({ path, schema: SCHEMA, version: EVENT_LOG_VERSION })
  db.prepare('INSERT OR IGNORE INTO log VALUES (1, ?)').run(randomUUID())
  const epoch = String(db.prepare('SELECT epoch FROM log').get()?.epoch)
  const insert = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const upsertChain = db.prepare(
    'INSERT INTO chains VALUES (?, ?) ON CONFLICT DO UPDATE SET outbox_id = excluded.outbox_id',
  )
  const selectRange = db.prepare('SELECT * FROM events WHERE seq >= ? ORDER BY seq LIMIT ?')
  const selectTrade = db.prepare('SELECT * FROM events WHERE signal_id = ? ORDER BY seq DESC LIMIT 1')
  const selectTrades = db.prepare(
    `SELECT * FROM events e WHERE seq >= ? AND (? IS NULL OR chain_id = ?) AND (? IS NULL OR outcome = ?)
     AND NOT EXISTS (SELECT 1 FROM events newer WHERE newer.signal_id = e.signal_id AND newer.seq > e.seq) ORDER BY seq LIMIT ?`,
  )
  const bounds = db.prepare('SELECT min(seq) AS oldest, max(seq) AS newest FROM events').get()
  const stored = new Map(
    db
      .prepare('SELECT chain_id, outbox_id FROM chains')
      .all()
      .map((row) => [Number(row.chain_id), Number(row.outbox_id)]),
  )
  const received = new Map(stored)
  let newest = Number(bounds?.newest ?? 0)
  const oldest = Number(bounds?.oldest ?? 1)
  let pending: { chainId: number; event: OutboxEvent }[] = []
  /** Ids of `pending`, so that an id is known from the moment its answer left the chain thread. */
  const pendingChains = new Map<string, number>()
  let timer: NodeJS.Timeout | null = null
  let problem: string | null = null
  const listeners: ((events: readonly StoredEvent[]) => void)[] = []

  function flush(): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (pending.length === 0) return
    const group = pending
    const events = group.map(({ chainId, event }, index): StoredEvent => {
      const seq = newest + 1 + index
      return { ...event, seq, chainId, json: `{"seq":${seq},${event.json.slice(1)}` }
    })
    try {
      inTransaction(db, () => {
        for (const { seq, chainId, outboxId, signalId, type, outcome, code, timestampMs, json } of events) {
          insert.run(seq, chainId, outboxId, signalId, type, outcome, code, timestampMs, json)
        }
        for (const [chainId, outboxId] of received) upsertChain.run(chainId, outboxId)
      })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      problem = `The event log cannot be written: ${why}. What was executed is kept and will be in it.`
      timer = setTimeout(flush, RETRY_MS)
      onFlushError(error)
      return
    }
    problem = null
    pending = []
    pendingChains.clear()
    newest += events.length
    for (const [chainId, outboxId] of received) stored.set(chainId, outboxId)
    for (const listener of listeners) listener(events)
  }

  /** Before a read; a log that is failing is left to its timer, or every reader would try the disk. */
  function flushWaiting(): void {
    if (problem === null) flush()
  }

  return {
    epoch,
    lastSeq: () => newest,
    oldestSeq: () => oldest,
    read({ fromSeq, limit }) {
      flushWaiting()
      return selectRange.all(fromSeq, limit).map(toEvent)
    },
    trade(signalId) {
      flushWaiting()
      const row = selectTrade.get(signalId)
      return row === undefined ? null : toEvent(row)
    },
    trades({ chainId = null, outcome = null, fromSeq = 0, limit }: TradeFilter) {
      flushWaiting()
      return selectTrades.all(fromSeq, chainId, chainId, outcome, outcome, limit).map(toEvent)
    },
    onStored: (listener) => void listeners.push(listener),
    append(chainId, events) {
      let last = received.get(chainId) ?? 0
      for (const event of events) {
        if (event.outboxId <= last) continue
        last = event.outboxId
        pending.push({ chainId, event })
        pendingChains.set(event.signalId, chainId)
      }
      received.set(chainId, last)
      if (pending.length > 0) timer ??= setTimeout(flush, FLUSH_MS)
    },
    storedOutboxId: (chainId) => stored.get(chainId) ?? 0,
    chainOf(signalId) {
      const waiting = pendingChains.get(signalId)
      if (waiting !== undefined) return waiting
      const row = selectTrade.get(signalId)
      return row === undefined ? null : Number(row.chain_id)
    },
    failing: () => problem,
    close() {
      flush()
      if (timer !== null) clearTimeout(timer)
      db.close()
    },
  }
}

type TradeFilter = { chainId?: number | null; outcome?: string | null; fromSeq?: number; limit: number }
