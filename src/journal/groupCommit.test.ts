import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createGroupCommit } from './groupCommit.ts'
import { openDatabase } from './openDatabase.ts'

let folder: string
let db: DatabaseSync
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-commit-'))
  const schema = 'CREATE TABLE IF NOT EXISTS items (item INTEGER PRIMARY KEY) STRICT'
  db = openDatabase({ path: join(folder, 'items.sqlite'), schema, version: 1 })
})
afterEach(() => {
  db.close()
  rmSync(folder, { recursive: true, force: true })
})

const turn = () => new Promise((resolve) => setImmediate(resolve))
function start() {
  const groups: (readonly number[])[] = []
  const insert = db.prepare('INSERT INTO items VALUES (?)')
  const commits = createGroupCommit<number, number>({
    db,
    write(item) {
      insert.run(item)
      return item * 10
    },
    finish(items) {
      groups.push(items)
      return () => {}
    },
  })
  return { commits, groups }
}

it('a first item does not wait for others', async () => {
  const { commits, groups } = start()
  const written = commits.add(7)
  await turn()
  expect(groups).toEqual([[7]])
  expect(await written).toBe(70)
})

it('what nobody waits for goes with the next commit, or by itself in a moment', async () => {
  const { commits, groups } = start()
  const soon = commits.addSoon(1)
  await turn()
  expect(groups).toEqual([])
  const now = commits.add(2)
  expect(await Promise.all([soon, now])).toEqual([10, 20])
  expect(groups).toEqual([[1, 2]])
  expect(await commits.addSoon(3)).toBe(30)
  expect(groups).toEqual([[1, 2], [3]])
})

it('what nobody waits for goes at once when somebody does', async () => {
  const { commits, groups } = start()
  const soon = commits.addSoon(1)
  commits.hurry()
  await turn()
  expect(groups).toEqual([[1]])
  expect(await soon).toBe(10)
})

it('a flush leaves nothing waiting', async () => {
  const { commits, groups } = start()
  await commits.add(1)
  const second = commits.add(2)
  commits.flush()
  expect(groups).toEqual([[1], [2]])
  expect(await second).toBe(20)
})

it('says why the disk refuses, and that it does not any more as soon as it takes a commit without anything', async () => {
  let full = false
  const commits = createGroupCommit<number, number>({
    db,
    write: (item) => item,
    finish() {
      if (full) throw new Error('database or disk is full')
      return () => {}
    },
  })
  expect(commits.trouble()).toBeNull()
  full = true
  await expect(commits.add(1)).rejects.toThrow('disk is full')
  expect(commits.trouble()).toBe('database or disk is full')
  full = false
  expect(commits.trouble()).toBeNull()
})

it('a group that the disk refuses is refused as a whole, and the next is not', async () => {
  const { commits } = start()
  await commits.add(3)
  const outcomes = await Promise.allSettled([commits.add(4), commits.add(3)])
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await commits.add(4)).toBe(40)
})
