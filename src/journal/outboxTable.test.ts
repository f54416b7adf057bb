import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openDatabase } from './openDatabase.ts'
import { OUTBOX_SCHEMA, openOutbox } from './outboxTable.ts'

let path: string
let close: () => void
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'titan-outbox-')), 'chain-1.sqlite')
})
afterEach(() => {
  close()
  rmSync(join(path, '..'), { recursive: true })
})

function open() {
  const db = openDatabase({ path, schema: OUTBOX_SCHEMA, version: 1 })
  close = () => db.close()
  return openOutbox(db)
}

const add = (outbox: ReturnType<typeof open>) =>
  outbox.insert({
    signalId: 's',
    type: 'paper_execution',
    outcome: 'filled',
    code: null,
    timestampMs: 0,
    json: '{}',
  }).outboxId

it('is known by its epoch, and says up to where it has forgotten', () => {
  const outbox = open()
  const { journal, outboxId } = outbox.attach(null)
  expect([journal, outboxId]).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), 0])
  expect([add(outbox), add(outbox), add(outbox)]).toEqual([1, 2, 3])
  outbox.stored(2)
  outbox.trim()
  expect(outbox.attach({ journal, outboxId: 2 })).toEqual({ journal, outboxId: 2 })
  outbox.stored(3)
  outbox.trim()
  expect(outbox.attach({ journal, outboxId: 3 })).toEqual({ journal, outboxId: 3 })
  close()
  const again = open()
  expect(again.attach({ journal, outboxId: 3 })).toEqual({ journal, outboxId: 3 })
  expect(add(again)).toBe(4)
})

it('goes on above what is stored when it was put back to an older state (1.21)', () => {
  const outbox = open()
  const { journal } = outbox.attach(null)
  add(outbox)
  // The log has taken in 70 events of this journal, of which this copy knows one.
  expect(outbox.attach({ journal, outboxId: 70 })).toEqual({ journal, outboxId: 0 })
  expect(add(outbox)).toBe(71)
  expect(outbox.above(70, 9).map(({ outboxId }) => outboxId)).toEqual([71])
  // What is stored is gone with the next commit, as ever.
  outbox.trim()
  expect(outbox.above(0, 9).map(({ outboxId }) => outboxId)).toEqual([71])
})

it('begins anew when it was made anew: its epoch is another one (1.21)', () => {
  const outbox = open()
  const { journal, outboxId } = outbox.attach({ journal: 'the one of before', outboxId: 70 })
  expect([journal === 'the one of before', outboxId]).toEqual([false, 0])
  expect(add(outbox)).toBe(1)
})

it('takes the place of a log that did not name its journal yet', () => {
  const outbox = open()
  add(outbox)
  outbox.attach({ journal: '', outboxId: 70 })
  expect(add(outbox)).toBe(71)
})
