import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * Whether a server works with this database now: it keeps it locked for as long as it runs (`openDatabase`).
 */
export function isHeldByServer(path: string): boolean {
  if (!existsSync(path)) return false
  const db = new DatabaseSync(path)
  try {
    db.exec('PRAGMA busy_timeout=0; BEGIN IMMEDIATE; ROLLBACK')
    return false
  } catch (error) {
    if (error instanceof Error && /locked/.test(error.message)) return true
    throw error
  } finally {
    db.close()
  }
}
