import type { DatabaseSync } from 'node:sqlite'
import type { ControlEntry, ControlOrder, ControlStore } from '../dispatch/protocol.ts'
import { inTransaction } from './openDatabase.ts'

export const CONTROLS_SCHEMA = `
CREATE TABLE IF NOT EXISTS controls (
  id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, action TEXT NOT NULL, lane TEXT, signal_id TEXT, reason TEXT,
  given_by TEXT NOT NULL, outcome TEXT NOT NULL, code TEXT, sentence TEXT, done_at_ms INTEGER
) STRICT`

/**
 * The operator's commands on one chain, and the pauses that follow from them. Each is on disk before it is
 * carried out.
 */
export function openControls(db: DatabaseSync, now: () => number = Date.now): ControlStore {
  const insert = db.prepare(
    `INSERT INTO controls (at_ms, action, lane, signal_id, reason, given_by, outcome) VALUES (?, ?, ?, ?, ?, ?, 'open')`,
  )
  const update = db.prepare(
    'UPDATE controls SET outcome = ?, code = ?, sentence = ?, done_at_ms = ? WHERE id = ?',
  )
  const select = db.prepare('SELECT * FROM controls WHERE id = ?')
  const selectNewest = db.prepare('SELECT * FROM controls ORDER BY id DESC LIMIT ?')
  // A command whose outcome is not known, since the thread ended over it, counts: a pause that may be none is
  // the safe side.
  // Of several in a row the newest with a reason stands, or else the first.
  const selectPauses = db.prepare(
    `SELECT * FROM controls c WHERE action = 'pause' AND outcome != 'refused' AND id > (
       SELECT ifnull(max(id), 0) FROM controls WHERE action = 'resume' AND outcome != 'refused' AND lane IS c.lane)
     ORDER BY reason IS NULL, iif(reason IS NULL, id, -id)`,
  )

  const read = (id: number) => entryOf(select.get(id) as unknown as Row)
  return {
    begin({ command, reason, by }: ControlOrder) {
      const lane = 'lane' in command ? command.lane : null
      const signalId = 'signalId' in command ? command.signalId : null
      let id = 0
      inTransaction(db, () => {
        id = Number(insert.run(now(), command.action, lane, signalId, reason, by).lastInsertRowid)
      })
      return read(id)
    },
    end(id, { outcome, code, sentence }) {
      inTransaction(db, () => void update.run(outcome, code, sentence, now(), id))
      return read(id)
    },
    newest: (limit) => selectNewest.all(limit).map((row) => entryOf(row as unknown as Row)),
    pauses() {
      const perLane = new Map<ControlEntry['lane'], ControlEntry>()
      for (const row of selectPauses.all()) {
        const entry = entryOf(row as unknown as Row)
        if (!perLane.has(entry.lane)) perLane.set(entry.lane, entry)
      }
      return [...perLane.values()].toSorted((a, b) => a.id - b.id)
    },
  }
}

interface Row {
  readonly id: number
  readonly at_ms: number
  readonly action: ControlEntry['action']
  readonly lane: ControlEntry['lane']
  readonly signal_id: string | null
  readonly reason: string | null
  readonly given_by: string
  readonly outcome: ControlEntry['outcome']
  readonly code: ControlEntry['code']
  readonly sentence: string | null
  readonly done_at_ms: number | null
}

const entryOf = (row: Row): ControlEntry => ({
  id: row.id,
  atMs: row.at_ms,
  action: row.action,
  lane: row.lane,
  signalId: row.signal_id,
  reason: row.reason,
  by: row.given_by,
  outcome: row.outcome,
  code: row.code,
  sentence: row.sentence,
  doneAtMs: row.done_at_ms,
})
