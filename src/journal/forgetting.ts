import type { DatabaseSync } from 'node:sqlite'

/** Rows that are looked at with a commit, besides two for each row that it writes. */
const ROWS_MIN = 20
/** Freed pages are used again; above this they are given back to the file system. */
const FREE_PAGES_MAX = 2_000
const VACUUM_PAGES = 200

/** Takes rows that nobody needs any more out of a journal, with commits that happen anyway. */
export interface Forgetting {
  /** Rows before this moment may go; it never moves back. */
  before(ms: number): void
  /** Within the caller's transaction, which wrote so many rows. */
  trim(written: number): void
}

/**
 * @param deleteOld deletes at most `limit` rows from before `beforeMs`, the oldest first, at a cost that does
 *   not depend on how many there are
 */
export function createForgetting(
  db: DatabaseSync,
  deleteOld: (beforeMs: number, limit: number) => void,
): Forgetting {
  const free = db.prepare('PRAGMA freelist_count')
  let beforeMs = 0
  return {
    before(ms) {
      beforeMs = Math.max(beforeMs, ms)
      if (!db.isTransaction && Number(free.get()?.freelist_count) > FREE_PAGES_MAX)
        db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`)
    },
    trim(written) {
      if (beforeMs > 0) deleteOld(beforeMs, ROWS_MIN + 2 * written)
    },
  }
}
