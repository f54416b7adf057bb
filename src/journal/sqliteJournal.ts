import type { OutboxEvent, Totals } from '../dispatch/protocol.ts'
import type { FirstAnswer, Journal, JournalEntry } from './journal.ts'
import { inTransaction, openDatabase } from './openDatabase.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS executions (
  signal_id TEXT PRIMARY KEY, payload_hash TEXT NOT NULL, settled_at_ms INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT,
  http_status INTEGER NOT NULL, body TEXT NOT NULL, profit_usd_e8 INTEGER NOT NULL, expected_profit_usd REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS outbox (
  outbox_id INTEGER PRIMARY KEY AUTOINCREMENT, signal_id TEXT NOT NULL, type TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT,
  timestamp_ms INTEGER NOT NULL, json TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS totals (
  one INTEGER PRIMARY KEY CHECK (one = 1), total_signals INTEGER NOT NULL, executed INTEGER NOT NULL, paper_executed INTEGER NOT NULL,
  failed INTEGER NOT NULL, profit_usd_e8 INTEGER NOT NULL, expected_profit_usd REAL NOT NULL
) STRICT;
INSERT OR IGNORE INTO totals VALUES (1, 0, 0, 0, 0, 0, 0)`

interface Pending {
  readonly entry: JournalEntry
  readonly resolve: (event: OutboxEvent) => void
  readonly reject: (error: unknown) => void
}

function addToTotals(totals: Totals, entry: JournalEntry): Totals {
  const filled = entry.outcome === 'filled'
  const live = entry.event.type === 'live_execution'
  return {
    totalSignals: totals.totalSignals + 1,
    executed: totals.executed + (filled && live ? 1 : 0),
    paperExecuted: totals.paperExecuted + (filled && !live ? 1 : 0),
    failed: totals.failed + (filled ? 0 : 1),
    profitUsdE8: totals.profitUsdE8 + entry.profitUsdE8,
    expectedProfitUsd: totals.expectedProfitUsd + (filled ? entry.expectedProfitUsd : 0),
  }
}

/**
 * The journal of one chain in one SQLite file. Entries of one event-loop tick share a commit: 3,300 single commits a second
 * become tens of thousands of rows. Throws when the file cannot be opened.
 */
export function openSqliteJournal({ path }: { path: string }): Journal {
  const db = openDatabase({ path, schema: SCHEMA, version: 1 })
  const selectExecution = db.prepare(
    'SELECT payload_hash, http_status, body, outcome FROM executions WHERE signal_id = ?',
  )
  const insertExecution = db.prepare('INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const insertOutbox = db.prepare(
    'INSERT INTO outbox (signal_id, type, outcome, code, timestamp_ms, json) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const updateTotals = db.prepare(
    'UPDATE totals SET total_signals = ?, executed = ?, paper_executed = ?, failed = ?, profit_usd_e8 = ?, expected_profit_usd = ?',
  )
  const selectOutbox = db.prepare('SELECT * FROM outbox WHERE outbox_id > ? ORDER BY outbox_id')
  const deleteOutbox = db.prepare('DELETE FROM outbox WHERE outbox_id <= ?')
  const selectTotals = db.prepare('SELECT * FROM totals')
  selectTotals.setReadBigInts(true)

  let totals = readTotals()
  let pending: Pending[] = []
  let storedOutboxId = 0

  function readTotals(): Totals {
    const row = selectTotals.get() as Record<string, bigint | number>
    return {
      totalSignals: Number(row.total_signals),
      executed: Number(row.executed),
      paperExecuted: Number(row.paper_executed),
      failed: Number(row.failed),
      profitUsdE8: BigInt(row.profit_usd_e8 ?? 0),
      expectedProfitUsd: Number(row.expected_profit_usd),
    }
  }

  function write(entry: JournalEntry): OutboxEvent {
    const { signalId, outcome, code, settledAtMs, answer, event } = entry
    insertExecution.run(
      signalId,
      entry.payloadHash,
      settledAtMs,
      outcome,
      code,
      answer.httpStatus,
      answer.body,
      entry.profitUsdE8,
      entry.expectedProfitUsd,
    )
    const { lastInsertRowid } = insertOutbox.run(signalId, event.type, outcome, code, settledAtMs, event.json)
    const outboxId = Number(lastInsertRowid)
    return { outboxId, signalId, type: event.type, outcome, code, timestampMs: settledAtMs, json: event.json }
  }

  function commit(): void {
    const group = pending
    pending = []
    const events: OutboxEvent[] = []
    let added = totals
    try {
      inTransaction(db, () => {
        for (const { entry } of group) {
          events.push(write(entry))
          added = addToTotals(added, entry)
        }
        updateTotals.run(
          added.totalSignals,
          added.executed,
          added.paperExecuted,
          added.failed,
          added.profitUsdE8,
          added.expectedProfitUsd,
        )
        // Deleting here, in a commit that happens anyway, spares a second one.
        if (storedOutboxId > 0) deleteOutbox.run(storedOutboxId)
      })
    } catch (error) {
      for (const { reject } of group) reject(error)
      return
    }
    totals = added
    storedOutboxId = 0
    group.forEach(({ resolve }, index) => {
      resolve(events[index] as OutboxEvent)
    })
  }

  return {
    find(signalId): FirstAnswer | null {
      const row = selectExecution.get(signalId)
      if (row === undefined) return null
      return {
        payloadHash: String(row.payload_hash),
        answer: {
          success: row.outcome === 'filled',
          httpStatus: Number(row.http_status),
          body: String(row.body),
          replayed: true,
        },
      }
    },
    append(entry) {
      return new Promise((resolve, reject) => {
        if (pending.push({ entry, resolve, reject }) === 1) setImmediate(commit)
      })
    },
    totals: () => totals,
    outboxAbove: (outboxId) =>
      selectOutbox.all(outboxId).map((row) => ({
        outboxId: Number(row.outbox_id),
        signalId: String(row.signal_id),
        type: row.type as OutboxEvent['type'],
        outcome: row.outcome as OutboxEvent['outcome'],
        code: row.code === null ? null : String(row.code),
        timestampMs: Number(row.timestamp_ms),
        json: String(row.json),
      })),
    stored(outboxId) {
      storedOutboxId = outboxId
    },
    close() {
      if (pending.length > 0) commit()
      if (storedOutboxId > 0) deleteOutbox.run(storedOutboxId)
      db.close()
    },
  }
}
