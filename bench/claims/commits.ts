/** Rows on the disk of the checkout per second, with a commit each and with a commit for many. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { inTransaction, openDatabase } from '../../src/journal/openDatabase.ts'
import { journalFileSystem, makeBenchFolder } from '../benchFolder.ts'

const SECONDS = 2
const SHARED = 64
/** As long as the answer to a trade, which is what a journal keeps. */
const BODY = 'x'.repeat(900)

const folder = await makeBenchFolder()
const schema = 'CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, body TEXT)'
const db = openDatabase({ path: join(folder, 'commits.sqlite'), schema, version: 1 })
const insert = db.prepare('INSERT INTO rows (body) VALUES (?)')

function rowsPerSecond(rowsPerCommit: number): number {
  const end = performance.now() + SECONDS * 1_000
  let rows = 0
  while (performance.now() < end) {
    inTransaction(db, () => {
      for (let row = 0; row < rowsPerCommit; row++) insert.run(BODY)
    })
    rows += rowsPerCommit
  }
  return Math.round(rows / SECONDS)
}

const [single, shared] = [rowsPerSecond(1), rowsPerSecond(SHARED)]
console.log(
  `rows committed per second on ${await journalFileSystem()}: ${single} with a commit each, ${shared} with one for ${SHARED}`,
)
db.close()
await rm(folder, { recursive: true })
