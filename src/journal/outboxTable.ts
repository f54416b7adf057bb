import type { DatabaseSync } from 'node:sqlite'
import type { OutboxEvent } from '../dispatch/protocol.ts'

export const OUTBOX_SCHEMA = `
CREATE TABLE IF NOT EXISTS outbox (
  outbox_id INTEGER PRIMARY KEY AUTOINCREMENT, signal_id TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT,
  timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
) STRICT`

/** Events of a chain that the event log has not stored yet. */
export interface OutboxTable {
  /** Within the caller's transaction. */
  insert(event: Omit<OutboxEvent, 'outboxId'>): OutboxEvent
  /** Oldest first. */
  above(outboxId: number): readonly OutboxEvent[]
  /** The event log has everything up to this id; it is forgotten at the next `trim`. */
  stored(outboxId: number): void
  /**
   * Called within a transaction that happens anyway: a commit of its own would cost as much as one that
   * journals.
   */
  trim(): void
}

export function openOutbox(db: DatabaseSync): OutboxTable {
  const insert = db.prepare(
    'INSERT INTO outbox (signal_id, type, outcome, code, timestamp_ms, json) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const select = db.prepare('SELECT * FROM outbox WHERE outbox_id > ? ORDER BY outbox_id')
  const remove = db.prepare('DELETE FROM outbox WHERE outbox_id <= ?')
  let storedUpTo = 0
  let trimmedUpTo = 0

  return {
    insert(event) {
      const { signalId, type, outcome, code, timestampMs, json } = event
      const { lastInsertRowid } = insert.run(signalId, type, outcome, code, timestampMs, json)
      return { ...event, outboxId: Number(lastInsertRowid) }
    },
    above: (outboxId) =>
      select.all(outboxId).map((row) => ({
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
