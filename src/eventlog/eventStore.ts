import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'
import { inTransaction, openDatabase } from '../journal/openDatabase.ts'
import type { ChainMark, EventPage, EventQuery, StoredEvent, TradeQuery } from './eventLog.ts'

/**
 * `trades` has the newest event of each execution by its `seq`, so that every index ends in the order that
 * is asked for, and grows at its end. `events_by_chain` serves subscribers of single chains.
 */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, oldest_seq INTEGER NOT NULL DEFAULT 1) STRICT;
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY, chain_id INTEGER NOT NULL, outbox_id INTEGER NOT NULL, signal_id TEXT NOT NULL, type TEXT NOT NULL,
  outcome TEXT NOT NULL, code TEXT, timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS events_by_chain ON events (chain_id);
CREATE TABLE IF NOT EXISTS trades (
  seq INTEGER PRIMARY KEY, signal_id TEXT NOT NULL UNIQUE, chain_id INTEGER NOT NULL, outcome TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS trades_by_chain ON trades (chain_id);
CREATE INDEX IF NOT EXISTS trades_by_outcome ON trades (outcome);
CREATE INDEX IF NOT EXISTS trades_by_chain_and_outcome ON trades (chain_id, outcome);
CREATE TABLE IF NOT EXISTS chains (chain_id INTEGER PRIMARY KEY, outbox_id INTEGER NOT NULL, journal TEXT NOT NULL DEFAULT '') STRICT`

/** Of the schema above. */
export const EVENT_LOG_VERSION = 2

/** The first version had no table of trades, kept everything, and did not name the journals. */
function migrate(db: DatabaseSync, version: number): void {
  if (version !== 1) return
  db.exec(`
    ALTER TABLE log ADD COLUMN oldest_seq INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE chains ADD COLUMN journal TEXT NOT NULL DEFAULT '';
    INSERT INTO trades SELECT max(seq), signal_id, chain_id, outcome FROM events GROUP BY signal_id;
    DROP INDEX events_by_signal`)
}

/** A journal that a log of the first version knows, which did not keep its name. */
const UNNAMED = ''

/** Freed pages are used again; above this they are given back to the file system. */
const FREE_PAGES_MAX = 2_000

/** The event log in one SQLite file; all of it is synchronous, and belongs in a thread of its own. */
export interface EventStore {
  epoch(): string
  lastSeq(): number
  oldestSeq(): number
  /** When the oldest event that is kept came about; null when there is none. */
  oldestMs(): number | null
  marks(): readonly ChainMark[]
  /**
   * Puts events on disk behind those before, in one commit. Each is new here: the caller has left out what a
   * mark says is stored. Throws when the disk refuses; nothing is kept then.
   */
  append(events: readonly { readonly chainId: number; readonly event: OutboxEvent }[]): void
  /**
   * Takes a chain's journal for the one whose events come next, and gives the mark from which on they are
   * wanted. When it has forgotten events that this log had taken in and has no more, the log was put back to
   * an older state: it gets another epoch.
   */
  adopt(chainId: number, forgotten: OutboxMark): OutboxMark
  read(query: Omit<EventQuery, 'withNewest'>): EventPage
  trade(signalId: string): StoredEvent | null
  trades(query: TradeQuery): StoredEvent[]
  chainOf(signalId: string): number | null
  /** Ids of trades above a `seq`, by their newest events, and the `seq` of the last; null at the end. */
  ids(aboveSeq: number, limit: number): { readonly ids: readonly string[]; readonly lastSeq: number } | null
  /**
   * Deletes up to `limit` of the oldest events that are older than `beforeMs`, or that make the file larger
   * than `bytesMax`; never the newest one, nor one of an open trade. True when there may be more.
   */
  trim(bounds: { readonly beforeMs: number; readonly bytesMax: number; readonly limit: number }): boolean
  close(): void
}

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

/** The text of an event with its place. */
export const withSeq = (json: string, seq: number): string => `{"seq":${seq},${json.slice(1)}`

export function openEventStore({ path }: { path: string }): EventStore {
  const db = openDatabase({ path, schema: SCHEMA, version: EVENT_LOG_VERSION, migrate })
  db.exec('PRAGMA cache_size=-16000; PRAGMA journal_size_limit=67108864')
  db.prepare('INSERT OR IGNORE INTO log (one, epoch) VALUES (1, ?)').run(randomUUID())
  const log = db.prepare('SELECT epoch, oldest_seq FROM log').get()
  let epoch = String(log?.epoch)
  let oldest = Number(log?.oldest_seq)
  // The newest event is never trimmed, so that `seq` goes on from it.
  let newest = Number(db.prepare('SELECT max(seq) AS newest FROM events').get()?.newest ?? 0)
  const marks = new Map<number, OutboxMark>(
    db
      .prepare('SELECT * FROM chains')
      .all()
      .map((row) => [
        Number(row.chain_id),
        { journal: String(row.journal), outboxId: Number(row.outbox_id) },
      ]),
  )

  const insertEvent = db.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const upsertTrade = db.prepare(
    `INSERT INTO trades VALUES (?, ?, ?, ?) ON CONFLICT (signal_id) DO UPDATE
     SET seq = excluded.seq, chain_id = excluded.chain_id, outcome = excluded.outcome`,
  )
  const upsertChain = db.prepare(
    `INSERT INTO chains (chain_id, outbox_id, journal) VALUES (?, ?, ?) ON CONFLICT DO UPDATE
     SET outbox_id = excluded.outbox_id, journal = excluded.journal`,
  )
  const updateEpoch = db.prepare('UPDATE log SET epoch = ?')
  const updateOldest = db.prepare('UPDATE log SET oldest_seq = ?')
  const selectEvents = db.prepare('SELECT * FROM events WHERE seq >= ? ORDER BY seq LIMIT ?')
  const selectChain = db.prepare(
    'SELECT seq FROM events WHERE chain_id = ? AND seq >= ? ORDER BY seq LIMIT ?',
  )
  const selectEvent = db.prepare('SELECT * FROM events WHERE seq = ?')
  const selectSeq = db.prepare('SELECT seq, chain_id FROM trades WHERE signal_id = ?')
  /** By which columns the trades are filtered, each with an index of its own. */
  const selectTrades = new Map(
    ['', 'chain_id = ? AND', 'outcome = ? AND', 'chain_id = ? AND outcome = ? AND'].map((filter) => [
      filter,
      db.prepare(
        `SELECT e.* FROM (SELECT seq FROM trades WHERE ${filter} seq >= ? ORDER BY seq LIMIT ?) t JOIN events e USING (seq) ORDER BY seq`,
      ),
    ]),
  )
  const selectIds = db.prepare('SELECT seq, signal_id FROM trades WHERE seq > ? ORDER BY seq LIMIT ?')
  const selectOld = db.prepare(
    `SELECT e.seq, e.timestamp_ms, t.outcome = 'open' AS open FROM events e LEFT JOIN trades t USING (signal_id)
     WHERE e.seq BETWEEN ? AND ? ORDER BY e.seq LIMIT ?`,
  )
  const selectKept = db.prepare(
    `SELECT e.seq FROM events e LEFT JOIN trades t USING (signal_id)
     WHERE e.seq < ? AND t.outcome IS NOT 'open' ORDER BY e.seq LIMIT ?`,
  )
  const deleteEvent = db.prepare('DELETE FROM events WHERE seq = ?')
  const deleteTrade = db.prepare('DELETE FROM trades WHERE seq = ?')
  const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name])
  const pageBytes = pragma('page_size')
  const usedBytes = () => (pragma('page_count') - pragma('freelist_count')) * pageBytes

  /** The next events of some chains: of each the next ones by its index, of these the lowest. */
  function readChains(chainIds: readonly number[], fromSeq: number, limit: number): StoredEvent[] {
    return chainIds
      .flatMap((chainId) => selectChain.all(chainId, fromSeq, limit).map(({ seq }) => Number(seq)))
      .toSorted((a, b) => a - b)
      .slice(0, limit)
      .map((seq) => toEvent(selectEvent.get(seq) as Record<string, unknown>))
  }

  function remove(seqs: readonly number[]): void {
    for (const seq of seqs) {
      deleteEvent.run(seq)
      deleteTrade.run(seq)
    }
  }

  return {
    epoch: () => epoch,
    lastSeq: () => newest,
    oldestSeq: () => oldest,
    oldestMs() {
      const row = selectEvents.get(oldest, 1)
      return row === undefined ? null : Number(row.timestamp_ms)
    },
    marks: () => [...marks].map(([chainId, mark]) => ({ chainId, ...mark })),
    append(events) {
      const reached = new Map<number, OutboxMark>()
      let seq = newest
      inTransaction(db, () => {
        for (const { chainId, event } of events) {
          const { outboxId, signalId, type, outcome, code, timestampMs, json } = event
          seq++
          insertEvent.run(
            seq,
            chainId,
            outboxId,
            signalId,
            type,
            outcome,
            code,
            timestampMs,
            withSeq(json, seq),
          )
          upsertTrade.run(seq, signalId, chainId, outcome)
          reached.set(chainId, { journal: marks.get(chainId)?.journal ?? UNNAMED, outboxId })
        }
        for (const [chainId, { outboxId, journal }] of reached) upsertChain.run(chainId, outboxId, journal)
      })
      newest = seq
      for (const [chainId, mark] of reached) marks.set(chainId, mark)
    },
    adopt(chainId, forgotten) {
      const known = marks.get(chainId)
      const isSame = known !== undefined && (known.journal === forgotten.journal || known.journal === UNNAMED)
      const lost = isSame && forgotten.outboxId > known.outboxId
      const mark = isSame && !lost ? { ...forgotten, outboxId: known.outboxId } : forgotten
      const nextEpoch = lost ? randomUUID() : epoch
      inTransaction(db, () => {
        upsertChain.run(chainId, mark.outboxId, mark.journal)
        updateEpoch.run(nextEpoch)
      })
      marks.set(chainId, mark)
      epoch = nextEpoch
      return mark
    },
    read({ fromSeq: asked, limit, chainIds }) {
      const fromSeq = Math.max(asked, oldest)
      const events =
        chainIds === null
          ? selectEvents.all(fromSeq, limit).map(toEvent)
          : readChains(chainIds, fromSeq, limit)
      const last = events.at(-1)
      // A page that is not full has reached the end, whatever chain the events up to there are of.
      const nextSeq = last !== undefined && events.length === limit ? last.seq + 1 : newest + 1
      return { events, fromSeq, nextSeq: Math.max(fromSeq, nextSeq) }
    },
    trade(signalId) {
      const seq = selectSeq.get(signalId)?.seq
      const row = seq === undefined ? undefined : selectEvent.get(seq)
      return row === undefined ? null : toEvent(row)
    },
    trades({ chainId, outcome, fromSeq, limit }) {
      const filter = `${chainId === null ? '' : 'chain_id = ? AND'} ${outcome === null ? '' : 'outcome = ? AND'}`
      const values = [chainId, outcome].filter((value) => value !== null)
      const rows = selectTrades.get(filter.trim())?.all(...values, fromSeq, limit) ?? []
      return rows.map(toEvent)
    },
    chainOf(signalId) {
      const row = selectSeq.get(signalId)
      return row === undefined ? null : Number(row.chain_id)
    },
    ids(aboveSeq, limit) {
      const rows = selectIds.all(aboveSeq, limit)
      const last = rows.at(-1)
      return last === undefined
        ? null
        : { ids: rows.map((row) => String(row.signal_id)), lastSeq: Number(last.seq) }
    },
    trim({ beforeMs, bytesMax, limit }) {
      const tooLarge = usedBytes() > bytesMax
      const old = selectOld.all(oldest, newest - 1, limit)
      const young = tooLarge ? -1 : old.findIndex((row) => Number(row.timestamp_ms) >= beforeMs)
      const due = young === -1 ? old : old.slice(0, young)
      const closed = due.filter((row) => row.open !== 1).map((row) => Number(row.seq))
      // Trades that were open when their events were passed over, and are not any more.
      const left = selectKept.all(oldest, limit).map((row) => Number(row.seq))
      if (due.length === 0 && left.length === 0) return false
      const nextOldest = due.length === 0 ? oldest : Number(due.at(-1)?.seq) + 1
      inTransaction(db, () => {
        remove([...left, ...closed])
        updateOldest.run(nextOldest)
      })
      oldest = nextOldest
      if (pragma('freelist_count') > FREE_PAGES_MAX) db.exec(`PRAGMA incremental_vacuum(${limit})`)
      return due.length === limit || left.length === limit
    },
    close: () => db.close(),
  }
}
