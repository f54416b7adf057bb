import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CommitUnknown } from '../errors/commitUnknown.ts'

/**
 * How long a write waits for somebody else's lock: a person with `sqlite3` holds one for moments, and who
 * holds it longer must not stop the thread.
 */
const BUSY_MS = 250

/**
 * The file whose lock its writer keeps for as long as the database is open. It is another than the database,
 * so that everybody may read that, and copy it by `sqlite3 FILE .backup`, while the server runs.
 */
export const lockPath = (path: string): string => `${path}-lock`

/**
 * Opens a SQLite file for its one writer: WAL, `synchronous=FULL` (a commit that returned is on disk), space
 * that can be given back, and the lock of its writer, so that a second process on the same data directory is
 * refused at start. Throws when another writer has it, when it is unwritable, or of a newer schema.
 */
export function openDatabase({
  path,
  schema,
  version,
  migrate = () => {},
}: {
  path: string
  schema: string
  version: number
  /** Makes of a file of an older version what a new one of this `schema` is. */
  migrate?: (db: DatabaseSync, from: number) => void
}): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const db = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    // In exclusive mode a lock that was taken once stays; it ends with the connection, or with the process.
    // Of auto_vacuum only a new file takes notice, before its first transaction.
    db.exec(
      `PRAGMA auto_vacuum=INCREMENTAL; ATTACH '${lockPath(path).replaceAll("'", "''")}' AS writer;
       PRAGMA writer.locking_mode=EXCLUSIVE; PRAGMA writer.journal_mode=MEMORY; BEGIN EXCLUSIVE; COMMIT`,
    )
    db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY')
    const found = assertKnown({ db, path, version })
    inTransaction(db, () => {
      db.exec(schema)
      if (found > 0 && found < version) migrate(db, found)
      db.exec(`PRAGMA user_version=${version}`)
    })
  } catch (error) {
    db.close()
    throw inWords(error, path)
  }
  return db
}

/** The version of the schema that a database has, 0 when it is new. Throws when it is a newer one. */
export function assertKnown({
  db,
  path,
  version,
}: {
  db: DatabaseSync
  path: string
  version: number
}): number {
  const found = Number(db.prepare('PRAGMA user_version').get()?.user_version ?? 0)
  if (found > version)
    throw new Error(`${path} was written by a newer version (schema ${found}, this one knows ${version})`)
  return found
}

/** The error of a database in use says so. */
export const inWords = (error: unknown, path: string): unknown =>
  error instanceof Error && /locked/.test(error.message)
    ? new Error(`${path} is in use by another process; one data directory serves one server`, {
        cause: error,
      })
    : error

/** https://www.sqlite.org/rescode.html#ioerr; the low byte of an extended code. */
const SQLITE_IOERR = 10

/**
 * Runs `work` in one transaction; a throw rolls everything back and is passed on. Throws `CommitUnknown` when
 * COMMIT itself failed by an I/O error: its frames can be in the write-ahead log, and are recovered then (an
 * fsync that failed, for one).
 */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  let isCommitting = false
  try {
    work()
    isCommitting = true
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    const { errcode = 0, message = '' } = error as { errcode?: number; message?: string }
    if (isCommitting && (errcode & 0xff) === SQLITE_IOERR) throw new CommitUnknown(message, { cause: error })
    throw error
  }
}
