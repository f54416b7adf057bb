import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { lockPath } from './openDatabase.ts'

/**
 * Whether a server works with this database now: it keeps its writer's lock for as long as it runs (`openDatabase`).
 */
export function isHeldByServer(path: string): boolean {
  const lock = lockPath(path)
  if (!existsSync(lock)) return false
  const db = new DatabaseSync(lock, { timeout: 0 })
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK')
    return false
  } catch (error) {
    if (error instanceof Error && /locked/.test(error.message)) return true
    throw error
  } finally {
    db.close()
  }
}
