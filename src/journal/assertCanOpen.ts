import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isHeldByServer } from './heldByServer.ts'
import { assertKnown, inWords } from './openDatabase.ts'

/** Throws what `openDatabase` would throw now. It changes no database, and leaves no file and no folder. */
export function assertCanOpen({ path, version }: { path: string; version: number }): void {
  if (!existsSync(path)) {
    assertCanWrite(dirname(path))
    return
  }
  if (isHeldByServer(path)) throw inWords(new Error('locked'), path)
  const db = new DatabaseSync(path)
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK')
    assertKnown({ db, path, version })
  } catch (error) {
    throw inWords(error, path)
  } finally {
    db.close()
  }
}

function assertCanWrite(folder: string): void {
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 })
  const probe = join(folder, `.probe-${randomUUID()}`)
  try {
    writeFileSync(probe, '')
  } finally {
    rmSync(probe, { force: true })
    removeEmpty(folder, first)
  }
}

/** The folder, and those above it up to `last`, as far as nothing is in them. */
function removeEmpty(folder: string, last: string | undefined): void {
  try {
    for (let each = folder; last !== undefined && each.startsWith(last); each = dirname(each)) rmdirSync(each)
  } catch {
    // A server that starts at the same time works in it.
  }
}
