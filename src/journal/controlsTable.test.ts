import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ControlOrder } from '../dispatch/protocol.ts'
import type { Address } from '../domain/signal.ts'
import { openSqliteJournal } from './sqliteJournal.ts'
import { openSqliteLiveJournal } from './sqliteLiveJournal.ts'

const LANE: Address = `0x${'a1'.repeat(20)}`
const OTHER: Address = `0x${'b2'.repeat(20)}`
const order = (command: ControlOrder['command'], reason: string | null = null): ControlOrder => ({
  command,
  reason,
  by: 'anna (127.0.0.1)',
})
const pause = (lane: Address | null) => order({ action: 'pause', lane, reason: null }, 'by hand')
const resume = (lane: Address | null) => order({ action: 'resume', lane, reason: null })
const APPLIED = { outcome: 'applied', code: null, sentence: 'Done.' } as const

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-controls-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test.each([
  ['PAPER', () => openSqliteJournal({ path: join(folder, 'chain.sqlite') })],
  ['LIVE', () => openSqliteLiveJournal({ path: join(folder, 'chain.sqlite'), publish: () => {} })],
])('the %s journal keeps commands over a restart, the newest first', (_mode, open) => {
  const journal = open()
  const { id } = journal.controls.begin(pause(null))
  const done = journal.controls.end(id, APPLIED)
  expect(done).toMatchObject({ id: 1, action: 'pause', lane: null, signalId: null, reason: 'by hand' })
  expect(done).toMatchObject({ by: 'anna (127.0.0.1)', outcome: 'applied', sentence: 'Done.' })
  expect(done.doneAtMs).toBeGreaterThanOrEqual(done.atMs)
  const cancel = order({ action: 'cancel', signalId: 'trade-7' })
  journal.controls.end(journal.controls.begin(cancel).id, {
    outcome: 'refused',
    code: 'TRADE_NOT_FOUND',
    sentence: 'There is none.',
  })
  // The thread ends before it has carried this out.
  journal.controls.begin(pause(LANE))
  journal.close()

  const { controls, close } = open()
  expect(controls.newest(2).map(({ action, outcome }) => [action, outcome])).toEqual([
    ['pause', 'open'],
    ['cancel', 'refused'],
  ])
  expect(controls.newest(10)).toHaveLength(3)
  expect(controls.newest(10)[1]).toMatchObject({ signalId: 'trade-7', code: 'TRADE_NOT_FOUND', lane: null })
  // What was written down and not finished counts as a pause.
  expect(controls.pauses().map(({ lane }) => lane)).toEqual([null, LANE])
  close()
})

test('the newest pause or resume of a lane counts, each lane and the chain by itself', () => {
  const journal = openSqliteJournal({ path: join(folder, 'chain.sqlite') })
  const { controls } = journal
  const give = (given: ControlOrder) => controls.end(controls.begin(given).id, APPLIED)
  const paused = () => controls.pauses().map(({ lane }) => lane)
  give(pause(LANE))
  give(pause(OTHER))
  give(pause(null))
  give(resume(LANE))
  expect(paused()).toEqual([OTHER, null])
  give(resume(null))
  expect(paused()).toEqual([OTHER])
  // A resume that was refused has resumed nothing.
  const refused = controls.begin(resume(OTHER))
  controls.end(refused.id, { outcome: 'refused', code: 'CHAIN_UNAVAILABLE', sentence: 'Not now.' })
  expect(paused()).toEqual([OTHER])
  journal.close()
})
