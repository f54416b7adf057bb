import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isHeldByServer } from './heldByServer.ts'
import { openDatabase } from './openDatabase.ts'

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), "titan's-")), 'journal.sqlite')
})
afterEach(() => rmSync(join(path, '..'), { recursive: true }))

const open = () => openDatabase({ path, schema: 'CREATE TABLE IF NOT EXISTS t (x)', version: 1 })

/** What a script prints in a process of its own. */
const elsewhere = (script: string) =>
  execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...process.env, FILE: path, NODE_NO_WARNINGS: '1' },
  })

describe('openDatabase', () => {
  it('lets others read and back up what is committed while its writer goes on', () => {
    const db = open()
    db.exec("INSERT INTO t VALUES ('before')")
    const said = elsewhere(`
      import { backup, DatabaseSync } from 'node:sqlite'
      const db = new DatabaseSync(process.env.FILE, { readOnly: true })
      await backup(db, process.env.FILE + '.copy')
      console.log(db.prepare('SELECT x FROM t').all().map(({ x }) => x).join())`)
    expect(said).toBe('before\n')
    const reader = new DatabaseSync(path, { readOnly: true })
    reader.exec('BEGIN')
    const rows = () => reader.prepare('SELECT count(*) AS n FROM t').get()?.n
    expect(rows()).toBe(1)
    db.exec("INSERT INTO t VALUES ('meanwhile')")
    expect(rows()).toBe(1)
    reader.close()
    db.close()
    const copy = new DatabaseSync(`${path}.copy`)
    expect(copy.prepare('SELECT x FROM t').all()).toEqual([{ x: 'before' }])
    copy.close()
  })

  it('has one writer, in this process and in all others, and tells others of it', () => {
    const db = open()
    expect(open).toThrow(/journal\.sqlite is in use by another process/)
    expect(
      elsewhere(`
        import { isHeldByServer } from ${JSON.stringify(join(import.meta.dirname, 'heldByServer.ts'))}
        console.log(isHeldByServer(process.env.FILE))`),
    ).toBe('true\n')
    db.close()
    expect(isHeldByServer(path)).toBe(false)
    open().close()
  })

  it('waits a moment for a lock that somebody else has, and no longer', () => {
    const db = open()
    const person = new DatabaseSync(path)
    person.exec('BEGIN IMMEDIATE')
    expect(() => db.exec("INSERT INTO t VALUES ('late')")).toThrow('database is locked')
    person.exec('ROLLBACK')
    person.close()
    db.exec("INSERT INTO t VALUES ('now')")
    db.close()
  })
})
