import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { JournalEntry } from './journal.ts'
import { openSqliteJournal } from './sqliteJournal.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-journal-'))
  path = join(folder, 'chain-137.sqlite')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const entry = (signalId: string, over: Partial<JournalEntry> = {}): JournalEntry => ({
  signalId,
  payloadHash: `hash of ${signalId}`,
  settledAtMs: 1_733_700_000_123,
  outcome: 'filled',
  code: null,
  answer: { success: true, httpStatus: 200, body: `{"id":"${signalId}"}`, replayed: false },
  event: { type: 'paper_execution', json: `{"type":"paper_execution","id":"${signalId}"}` },
  profitUsdE8: 712_345_678n,
  expectedProfitUsd: 50,
  ...over,
})

describe('openSqliteJournal', () => {
  it('gives the first answer again after a restart', async () => {
    const first = openSqliteJournal({ path })
    await first.append(entry('a-1'))
    first.close()

    const second = openSqliteJournal({ path })
    expect(second.find('a-1')).toEqual({
      payloadHash: 'hash of a-1',
      answer: { success: true, httpStatus: 200, body: '{"id":"a-1"}', replayed: true },
    })
    expect(second.find('a-2')).toBeNull()
    second.close()
  })

  it('adds up fills and failures exactly, and keeps the sums over a restart', async () => {
    const journal = openSqliteJournal({ path })
    const failed = entry('b-3', {
      outcome: 'failed',
      code: 'UNPROFITABLE',
      profitUsdE8: 0n,
      expectedProfitUsd: 7,
    })
    await Promise.all([
      journal.append(entry('b-1')),
      journal.append(entry('b-2', { profitUsdE8: 9_007_199_254_740_993n })),
      journal.append(failed),
      journal.append(entry('b-4', { profitUsdE8: null, expectedProfitUsd: 0 })),
    ])
    const sums = {
      totalSignals: 4,
      executed: 0,
      paperExecuted: 3,
      failed: 1,
      unpriced: 1,
      profitUsdE8: 9_007_199_967_086_671n,
      expectedProfitUsd: 100,
    }
    expect(journal.totals()).toEqual(sums)
    journal.close()

    const again = openSqliteJournal({ path })
    expect(again.totals()).toEqual(sums)
    again.close()
  })

  it('keeps an event until the event log has it, and never gives an outbox id twice', async () => {
    const journal = openSqliteJournal({ path })
    await Promise.all([journal.append(entry('c-1')), journal.append(entry('c-2'))])
    expect(journal.outbox.above(0, 99).map((event) => [event.outboxId, event.signalId])).toEqual([
      [1, 'c-1'],
      [2, 'c-2'],
    ])
    journal.outbox.stored(2)
    const third = await journal.append(entry('c-3'))
    expect(third.outboxId).toBe(3)
    expect(journal.outbox.above(0, 99).map((event) => event.signalId)).toEqual(['c-3'])
    journal.outbox.stored(3)
    journal.close()

    const again = openSqliteJournal({ path })
    expect(again.outbox.above(0, 99)).toEqual([])
    expect((await again.append(entry('c-4'))).outboxId).toBe(4)
    again.close()
  })

  it('keeps nothing of a group that the disk refuses', async () => {
    const journal = openSqliteJournal({ path })
    await journal.append(entry('d-1'))
    const group = await Promise.allSettled([journal.append(entry('d-2')), journal.append(entry('d-1'))])
    expect(group.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(journal.find('d-2')).toBeNull()
    expect(journal.totals().totalSignals).toBe(1)
    await journal.append(entry('d-3'))
    expect(journal.totals().totalSignals).toBe(2)
    journal.close()
  })

  it('forgets what is older than the history, some with each commit, and keeps its sums', async () => {
    const journal = openSqliteJournal({ path })
    await Promise.all(
      Array.from({ length: 100 }, (_, place) =>
        journal.append(entry(`old-${place}`, { settledAtMs: 1_000 + place })),
      ),
    )
    await journal.append(entry('young', { settledAtMs: 9_000 }))
    journal.forget(1_090)
    expect(journal.find('old-0')).not.toBeNull()
    await journal.append(entry('next-0', { settledAtMs: 9_001 }))
    expect(journal.find('old-0')).toBeNull()
    expect(journal.find('old-99')).not.toBeNull()
    for (let place = 1; place < 9; place++)
      await journal.append(entry(`next-${place}`, { settledAtMs: 9_001 }))
    expect([
      journal.find('old-89'),
      journal.find('old-90')?.payloadHash,
      journal.find('young')?.payloadHash,
    ]).toEqual([null, 'hash of old-90', 'hash of young'])
    expect(journal.totals().totalSignals).toBe(110)
    journal.close()
  })

  it('refuses a second opener while the first lives, and the file of a newer version', () => {
    const first = openSqliteJournal({ path })
    expect(() => openSqliteJournal({ path })).toThrow(/in use by another process/)
    first.close()
    const db = new DatabaseSync(path)
    db.exec('PRAGMA user_version=99')
    db.close()
    expect(() => openSqliteJournal({ path })).toThrow(/newer version/)
  })
})
