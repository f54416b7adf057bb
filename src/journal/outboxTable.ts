import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'
import { inTransaction } from './openDatabase.ts'

export const OUTBOX_SCHEMA = `
CREATE TABLE IF NOT EXISTS outbox (
  outbox_id INTEGER PRIMARY KEY AUTOINCREMENT, signal_id TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT,
  timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS journal (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL) STRICT`

/** Events of a chain that the event log has not stored yet. */
export interface OutboxTable {
  /**
   * Up to where events were forgotten, and of which journal. Where the event log has stored more of this very
   * journal than was ever here, the file was put back to an older state: ids go on above what is stored, so
   * that what happens from now on is not taken for what happened then.
   */
  attach(stored: OutboxMark | null): OutboxMark
  /** Within the caller's transaction. */
  insert(event: Omit<OutboxEvent, 'outboxId'>): OutboxEvent
  /** Oldest first. */
  above(outboxId: number, limit: number): readonly OutboxEvent[]
  /** The event log has everything up to this id; it is forgotten at the next `trim`. */
  stored(outboxId: number): void
  /**
   * Called within a transaction that happens anyway: a commit of its own would cost as much as one that
   * journals.
   */
  trim(): void
}

export function openOutbox(db: DatabaseSync): OutboxTable {
  db.prepare('INSERT OR IGNORE INTO journal VALUES (1, ?)').run(randomUUID())
  const epoch = String(db.prepare('SELECT epoch FROM journal').get()?.epoch)
  const insert = db.prepare(
    'INSERT INTO outbox (signal_id, type, outcome, code, timestamp_ms, json) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const select = db.prepare('SELECT * FROM outbox WHERE outbox_id > ? ORDER BY outbox_id LIMIT ?')
  const remove = db.prepare('DELETE FROM outbox WHERE outbox_id <= ?')
  const selectNewest = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'outbox'")
  const selectOldest = db.prepare('SELECT min(outbox_id) AS oldest FROM outbox')
  let storedUpTo = 0
  let trimmedUpTo = 0

  function goOnAbove(outboxId: number): void {
    inTransaction(db, () => {
      db.exec("DELETE FROM sqlite_sequence WHERE name = 'outbox'")
      db.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', ?)").run(outboxId)
    })
  }

  return {
    attach(stored) {
      const newest = () => Number(selectNewest.get()?.seq ?? 0)
      // A log of before did not name the journals: '' may be this one.
      const isThis = stored !== null && (stored.journal === epoch || stored.journal === '')
      if (isThis && stored.outboxId > newest()) goOnAbove(stored.outboxId)
      if (isThis) storedUpTo = stored.outboxId
      const oldest = selectOldest.get()?.oldest
      return { journal: epoch, outboxId: oldest === null ? newest() : Number(oldest) - 1 }
    },
    insert(event) {
      const { signalId, type, outcome, code, timestampMs, json } = event
      const { lastInsertRowid } = insert.run(signalId, type, outcome, code, timestampMs, json)
      return { ...event, outboxId: Number(lastInsertRowid) }
    },
    above: (outboxId, limit) =>
      select.all(outboxId, limit).map((row) => ({
        outboxId: Number(row.outbox_id),
        signalId: String(row.signal_id),
        type: row.type as OutboxEvent['type'],
        outcome: row.outcome as OutboxEvent['outcome'],
        code: row.code === null ? null : String(row.code),
        timestampMs: Number(row.timestamp_ms),
        json: String(row.json),
      })),
    stored(outboxId) {
      storedUpTo = outboxId
    },
    trim() {
      if (storedUpTo === trimmedUpTo) return
      remove.run(storedUpTo)
      trimmedUpTo = storedUpTo
    },
  }
}
