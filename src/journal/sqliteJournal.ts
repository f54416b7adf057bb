import type { OutboxEvent, Totals } from '../dispatch/protocol.ts'
import { CONTROLS_SCHEMA, openControls } from './controlsTable.ts'
import { createForgetting } from './forgetting.ts'
import { createGroupCommit } from './groupCommit.ts'
import type { Journal, JournalEntry } from './journal.ts'
import { openDatabase } from './openDatabase.ts'
import { OUTBOX_SCHEMA, openOutbox } from './outboxTable.ts'
import { openTotals, TOTALS_SCHEMA } from './totalsTable.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS executions (
  signal_id TEXT PRIMARY KEY, payload_hash TEXT NOT NULL, settled_at_ms INTEGER NOT NULL, outcome TEXT NOT NULL, code TEXT,
  http_status INTEGER NOT NULL, body TEXT NOT NULL, profit_usd_e8 INTEGER NOT NULL, expected_profit_usd REAL NOT NULL
) STRICT;
${OUTBOX_SCHEMA};
${CONTROLS_SCHEMA};
${TOTALS_SCHEMA}`

function addToTotals(totals: Totals, entry: JournalEntry): Totals {
  const filled = entry.outcome === 'filled'
  return {
    totalSignals: totals.totalSignals + 1,
    executed: totals.executed,
    paperExecuted: totals.paperExecuted + (filled ? 1 : 0),
    failed: totals.failed + (filled ? 0 : 1),
    unpriced: totals.unpriced + (filled && entry.profitUsdE8 === null ? 1 : 0),
    profitUsdE8: totals.profitUsdE8 + (entry.profitUsdE8 ?? 0n),
    expectedProfitUsd: totals.expectedProfitUsd + (filled ? entry.expectedProfitUsd : 0),
  }
}

/**
 * The PAPER journal of one chain in one SQLite file; entries of one event-loop tick share a commit. Throws
 * when the file cannot be opened.
 */
export function openSqliteJournal({ path }: { path: string }): Journal {
  const db = openDatabase({ path, schema: SCHEMA, version: 1 })
  const select = db.prepare(
    'SELECT payload_hash, http_status, body, outcome FROM executions WHERE signal_id = ?',
  )
  const insert = db.prepare('INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
  // Rows come in the order of their moments.
  const deleteOld = db.prepare(
    `DELETE FROM executions WHERE rowid IN (SELECT rowid FROM executions ORDER BY rowid LIMIT ?) AND settled_at_ms < ?`,
  )
  const forgetting = createForgetting(db, (beforeMs, limit) => void deleteOld.run(limit, beforeMs))
  const outbox = openOutbox(db)
  const totalsTable = openTotals(db)
  let totals = totalsTable.read()

  function write(entry: JournalEntry): OutboxEvent {
    const { signalId, outcome, code, settledAtMs, answer, event } = entry
    const { httpStatus, body } = answer
    const { profitUsdE8, expectedProfitUsd } = entry
    insert.run(
      signalId,
      entry.payloadHash,
      settledAtMs,
      outcome,
      code,
      httpStatus,
      body,
      profitUsdE8 ?? 0n,
      expectedProfitUsd,
    )
    return outbox.insert({ signalId, outcome, code, timestampMs: settledAtMs, ...event })
  }

  const commits = createGroupCommit<JournalEntry, OutboxEvent>({
    db,
    write,
    finish(entries) {
      const added = entries.reduce(addToTotals, totals)
      totalsTable.write(added)
      outbox.trim()
      forgetting.trim(entries.length)
      return () => {
        totals = added
      }
    },
  })

  return {
    find(signalId) {
      const row = select.get(signalId)
      if (row === undefined) return null
      const { outcome, http_status, body, payload_hash } = row
      return {
        payloadHash: String(payload_hash),
        answer: {
          success: outcome === 'filled',
          httpStatus: Number(http_status),
          body: String(body),
          replayed: true,
        },
      }
    },
    append: commits.add,
    totals: () => totals,
    outbox,
    forget: forgetting.before,
    controls: openControls(db),
    trouble: commits.trouble,
    close() {
      commits.flush()
      outbox.trim()
      db.close()
    },
  }
}
