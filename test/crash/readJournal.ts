import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface JournaledAttempt {
  readonly chainId: number
  readonly hash: string
  readonly lane: string
  readonly nonce: number
}

/** The attempts that the journals of a server hold; it must not be running, for it locks them. */
export function readAttempts({ dataDir }: { dataDir: string }): JournaledAttempt[] {
  if (!existsSync(dataDir)) return []
  return globSync('**/chain-*.sqlite', { cwd: dataDir }).flatMap((file) => {
    const chainId = Number(/chain-(\d+)\.sqlite$/.exec(file)?.[1])
    // Not read-only: a journal whose owner was killed has a log that must be taken in first.
    const db = new DatabaseSync(join(dataDir, file))
    try {
      const rows = db.prepare('SELECT hash, lane, nonce FROM attempts').all()
      return rows.map((row) => ({
        chainId,
        hash: String(row.hash),
        lane: String(row.lane),
        nonce: Number(row.nonce),
      }))
    } finally {
      db.close()
    }
  })
}
