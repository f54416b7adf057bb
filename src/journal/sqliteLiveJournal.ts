import type { OutboxEvent, Totals } from '../dispatch/protocol.ts'
import type { ExecutionState } from '../domain/executionState.ts'
import {
  type Attempt,
  type FillerRecord,
  type LiveExecution,
  receiptName,
  spentAtMs,
} from '../domain/liveExecution.ts'
import { outcomeCode } from '../domain/liveOutcome.ts'
import { parse, stringify } from './bigintJson.ts'
import { CONTROLS_SCHEMA, openControls } from './controlsTable.ts'
import { createForgetting } from './forgetting.ts'
import { createGroupCommit } from './groupCommit.ts'
import type { ExecutionChange, LiveChange, LiveJournal } from './liveJournal.ts'
import { openDatabase } from './openDatabase.ts'
import { OUTBOX_SCHEMA, openOutbox } from './outboxTable.ts'
import { openTotals, TOTALS_SCHEMA } from './totalsTable.ts'

const SCHEMA = `
CREATE TABLE IF NOT EXISTS executions (
  signal_id TEXT PRIMARY KEY, payload_hash TEXT NOT NULL, state TEXT NOT NULL, final INTEGER NOT NULL, success INTEGER NOT NULL,
  http_status INTEGER NOT NULL, body TEXT NOT NULL, accepted_at_ms INTEGER NOT NULL, changed_at_ms INTEGER NOT NULL, profit_usd_e8 INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS executions_open ON executions (final) WHERE final = 0;
CREATE INDEX IF NOT EXISTS executions_by_change ON executions (changed_at_ms);
CREATE TABLE IF NOT EXISTS attempts (
  hash TEXT PRIMARY KEY, lane TEXT NOT NULL, nonce INTEGER NOT NULL, kind TEXT NOT NULL, signal_id TEXT, raw TEXT NOT NULL,
  signed_at_ms INTEGER NOT NULL, record TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS attempts_by_nonce ON attempts (lane, nonce);
CREATE INDEX IF NOT EXISTS attempts_by_time ON attempts (signed_at_ms);
CREATE TABLE IF NOT EXISTS fillers (
  lane TEXT NOT NULL, nonce INTEGER NOT NULL, final INTEGER NOT NULL, changed_at_ms INTEGER NOT NULL,
  profit_usd_e8 INTEGER NOT NULL, record TEXT NOT NULL, PRIMARY KEY (lane, nonce)
) STRICT;
CREATE TABLE IF NOT EXISTS lanes (lane TEXT PRIMARY KEY, settled_nonce INTEGER NOT NULL) STRICT;
${OUTBOX_SCHEMA};
${CONTROLS_SCHEMA};
${TOTALS_SCHEMA}`

/** An id is known for so long at least, however little of the history is kept. */
const KEEP_MS_MIN = 86_400_000

interface ShareRow {
  readonly state: ExecutionState
  readonly success: bigint
  readonly profit_usd_e8: bigint
}

/**
 * What an execution in this state adds to the sums; an open one adds only itself. One that landed at a loss,
 * or whose profit is not known, has failed, and its loss is in the profit. A success has a net result above 0
 * or none that is known, so 0 stands for the latter.
 */
function share({
  state,
  success,
  profitUsdE8,
  expectedProfitUsd,
}: {
  state: ExecutionState
  success: boolean
  profitUsdE8: bigint
  expectedProfitUsd: number
}): Omit<Totals, 'paperExecuted' | 'totalSignals'> {
  switch (state) {
    case 'included':
      return success
        ? { executed: 1, failed: 0, unpriced: profitUsdE8 === 0n ? 1 : 0, profitUsdE8, expectedProfitUsd }
        : { executed: 0, failed: 1, unpriced: 0, profitUsdE8, expectedProfitUsd: 0 }
    case 'reverted':
    case 'cancelled':
    case 'displaced':
    case 'denied':
    case 'expired':
      return { executed: 0, failed: 1, unpriced: 0, profitUsdE8, expectedProfitUsd: 0 }
    case 'accepted':
    case 'signed':
    case 'pending':
      return { executed: 0, failed: 0, unpriced: 0, profitUsdE8: 0n, expectedProfitUsd: 0 }
    default:
      return state satisfies never
  }
}

/**
 * The LIVE journal of one chain in one SQLite file; changes of one event-loop tick share a commit. Throws
 * when the file cannot be opened.
 *
 * @param options.publish given the events of each commit, in the order of their ids: whoever stores them
 *   takes a lower id for one it has
 */
export function openSqliteLiveJournal({
  path,
  publish,
}: {
  path: string
  publish: (events: readonly OutboxEvent[]) => void
}): LiveJournal {
  const db = openDatabase({ path, schema: SCHEMA, version: 1 })
  const select = db.prepare(
    'SELECT payload_hash, success, http_status, body FROM executions WHERE signal_id = ?',
  )
  const selectShare = db.prepare('SELECT state, success, profit_usd_e8 FROM executions WHERE signal_id = ?')
  selectShare.setReadBigInts(true)
  const upsert = db.prepare(
    `INSERT INTO executions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, final = excluded.final,
     success = excluded.success, http_status = excluded.http_status, body = excluded.body, changed_at_ms = excluded.changed_at_ms,
     profit_usd_e8 = excluded.profit_usd_e8, record = excluded.record`,
  )
  const insertAttempt = db.prepare('INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const selectOpen = db.prepare('SELECT record, payload_hash FROM executions WHERE final = 0 ORDER BY rowid')
  const selectAttempts = db.prepare(
    `SELECT a.record FROM attempts a LEFT JOIN lanes l ON l.lane = a.lane
     WHERE a.nonce > ifnull(l.settled_nonce, -1) ORDER BY a.lane, a.nonce, a.rowid`,
  )
  const selectSince = db.prepare(
    `SELECT record FROM executions WHERE changed_at_ms >= ? UNION ALL SELECT record FROM fillers WHERE changed_at_ms >= ?`,
  )
  const selectFillerShare = db.prepare('SELECT profit_usd_e8 FROM fillers WHERE lane = ? AND nonce = ?')
  selectFillerShare.setReadBigInts(true)
  const upsertFiller = db.prepare(
    `INSERT INTO fillers VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET final = excluded.final,
     changed_at_ms = excluded.changed_at_ms, profit_usd_e8 = excluded.profit_usd_e8, record = excluded.record`,
  )
  const selectFillers = db.prepare('SELECT record FROM fillers WHERE final = 0 ORDER BY lane, nonce')
  const upsertLane = db.prepare(
    'INSERT INTO lanes VALUES (?, ?) ON CONFLICT DO UPDATE SET settled_nonce = max(settled_nonce, excluded.settled_nonce)',
  )
  const selectLane = db.prepare('SELECT settled_nonce FROM lanes WHERE lane = ?')
  const selectAttempt = db.prepare('SELECT 1 FROM attempts WHERE hash = ?')
  const deleteOld = [
    `DELETE FROM executions WHERE rowid IN (
       SELECT rowid FROM executions WHERE changed_at_ms < ? AND final = 1 ORDER BY changed_at_ms LIMIT ?)`,
    `DELETE FROM attempts WHERE rowid IN (
       SELECT a.rowid FROM attempts a JOIN lanes l USING (lane)
       WHERE a.signed_at_ms < ? AND a.nonce <= l.settled_nonce ORDER BY a.signed_at_ms LIMIT ?)`,
    `DELETE FROM fillers WHERE rowid IN (
       SELECT rowid FROM fillers WHERE changed_at_ms < ? AND final = 1 ORDER BY rowid LIMIT ?)`,
  ].map((sql) => db.prepare(sql))
  const forgetting = createForgetting(db, (beforeMs, limit) => {
    for (const each of deleteOld) each.run(beforeMs, limit)
  })
  const outbox = openOutbox(db)
  const totalsTable = openTotals(db)
  let totals = totalsTable.read()
  /** The sums as the group that is being written leaves them. */
  let adding = totals

  /** Of the group that is being written. */
  let events: OutboxEvent[] = []

  /** A filler is no trade: it adds what its gas has cost, and is counted nowhere. */
  function writeFiller(record: FillerRecord): void {
    const { lane, nonce, final, changedAtMs, realised } = record
    const before = selectFillerShare.get(lane, nonce) as { profit_usd_e8: bigint } | undefined
    const profitUsdE8 = realised?.netProfitUsdE8 ?? 0n
    adding = { ...adding, profitUsdE8: adding.profitUsdE8 + profitUsdE8 - (before?.profit_usd_e8 ?? 0n) }
    upsertFiller.run(lane, nonce, final ? 1 : 0, changedAtMs, profitUsdE8, stringify(record))
  }

  function writeExecution({ record, payloadHash, answer, event }: ExecutionChange): void {
    const { signal, state, final, changedAtMs } = record
    const { signalId, expectedProfitUsd } = signal
    const row = selectShare.get(signalId) as ShareRow | undefined
    const before =
      row &&
      share({
        state: row.state,
        success: row.success === 1n,
        profitUsdE8: row.profit_usd_e8,
        expectedProfitUsd,
      })
    const profitUsdE8 = record.realised?.netProfitUsdE8 ?? 0n
    const code = outcomeCode(record)
    const after = share({ state, success: code === null, profitUsdE8, expectedProfitUsd })
    adding = {
      totalSignals: adding.totalSignals + (before === undefined ? 1 : 0),
      executed: adding.executed + after.executed - (before?.executed ?? 0),
      paperExecuted: 0,
      failed: adding.failed + after.failed - (before?.failed ?? 0),
      unpriced: adding.unpriced + after.unpriced - (before?.unpriced ?? 0),
      profitUsdE8: adding.profitUsdE8 + after.profitUsdE8 - (before?.profitUsdE8 ?? 0n),
      expectedProfitUsd:
        adding.expectedProfitUsd + after.expectedProfitUsd - (before?.expectedProfitUsd ?? 0),
    }
    upsert.run(
      signalId,
      payloadHash,
      state,
      final ? 1 : 0,
      answer.success ? 1 : 0,
      answer.httpStatus,
      answer.body,
      record.acceptedAtMs,
      changedAtMs,
      after.profitUsdE8,
      stringify(record),
    )
    if (event === null) return
    const outcome = after.executed === 1 ? 'filled' : after.failed === 1 ? 'failed' : 'open'
    events.push(outbox.insert({ signalId, outcome, code, timestampMs: changedAtMs, ...event }))
  }

  /**
   * Floors that wait for a commit that happens anyway: a lost one only means that final nonces are read
   * again.
   */
  const floors = new Map<string, number>()
  function writeFloors(): void {
    for (const [lane, nonce] of floors) upsertLane.run(lane, nonce)
    floors.clear()
  }

  const commits = createGroupCommit<LiveChange, void>({
    db,
    write({ execution, attempt }) {
      if (attempt !== null) {
        const { hash, lane, nonce, kind, signalId, raw, signedAtMs } = attempt
        insertAttempt.run(hash, lane, nonce, kind, signalId, raw, signedAtMs, stringify(attempt))
      }
      if ('record' in execution) writeExecution(execution)
      else writeFiller(execution)
    },
    begin() {
      writeFloors()
      adding = totals
      events = []
    },
    finish(changes) {
      totalsTable.write(adding)
      outbox.trim()
      forgetting.trim(changes.length)
      return () => {
        totals = adding
        if (events.length > 0) publish(events)
      }
    },
  })

  return {
    find(signalId) {
      const row = select.get(signalId)
      if (row === undefined) return null
      const answer = {
        success: row.success === 1,
        httpStatus: Number(row.http_status),
        body: String(row.body),
        replayed: true,
      }
      return { payloadHash: String(row.payload_hash), answer }
    },
    record: commits.add,
    recordSoon: commits.addSoon,
    hurry: commits.hurry,
    open: () =>
      selectOpen.all().map((row) => ({
        record: parse(String(row.record)) as LiveExecution,
        payloadHash: String(row.payload_hash),
      })),
    openFillers: () => selectFillers.all().map((row) => parse(String(row.record)) as FillerRecord),
    openAttempts() {
      writeFloors()
      return selectAttempts.all().map((row) => parse(String(row.record)) as Attempt)
    },
    gasSpentSince: (sinceMs) =>
      selectSince.all(sinceMs, sinceMs).flatMap((row) => {
        const record = parse(String(row.record)) as LiveExecution | FillerRecord
        const { realised, inclusion } = record
        const atMs = spentAtMs(record)
        // Its last change may be the finality of a block from long before.
        if (realised === null || inclusion === null || atMs < sinceMs) return []
        const receipt = receiptName(inclusion)
        const kind = record.signal === null ? 'repair' : 'trade'
        return [{ kind, wei: realised.gasCostWei, atMs, receipt }]
      }),
    settleNonces: (lane, nonce) => void floors.set(lane, Math.max(floors.get(lane) ?? -1, nonce)),
    settledNonce(lane) {
      writeFloors()
      const row = selectLane.get(lane)
      return row === undefined ? null : Number(row.settled_nonce)
    },
    isOurs: (hash) => selectAttempt.get(hash) !== undefined,
    totals: () => totals,
    outbox,
    // The hour of spending, and what other parties may have sent, are read from what is younger.
    forget: (beforeMs) => forgetting.before(Math.min(beforeMs, Date.now() - KEEP_MS_MIN)),
    controls: openControls(db),
    trouble: commits.trouble,
    close() {
      commits.flush()
      writeFloors()
      outbox.trim()
      db.close()
    },
  }
}
