import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ControlCommand } from '../domain/control.ts'
import type { Address } from '../domain/signal.ts'
import { fail, failure, succeed } from '../errors/failure.ts'
import type { Journal } from '../journal/journal.ts'
import { openSqliteJournal } from '../journal/sqliteJournal.ts'
import { createChainControl } from './chainControl.ts'
import type { ControlStore } from './protocol.ts'
import type { Trader } from './trader.ts'

const LANE: Address = `0x${'a1'.repeat(20)}`
const PAUSE = { action: 'pause', lane: null, reason: null } as const
const RESUME = { action: 'resume', lane: null, reason: null } as const

let folder: string
let journal: Journal
/** What reached lanes and trades, and whether it was on disk then. */
let carriedOut: { command: ControlCommand; onDisk: boolean }[]
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-control-'))
  journal = openSqliteJournal({ path: join(folder, 'chain.sqlite') })
  carriedOut = []
})
afterEach(() => {
  journal.close()
  rmSync(folder, { recursive: true })
})

const control: NonNullable<Trader['control']> = async (command) => {
  carriedOut.push({ command, onDisk: journal.controls.newest(1)[0]?.outcome === 'open' })
  if ('signalId' in command && command.signalId === 'unknown')
    return fail(failure('TRADE_NOT_FOUND', 'There is no such trade.'))
  if ('signalId' in command && command.signalId === 'bug') throw new Error('a bug')
  return succeed({ sentence: 'Done.' })
}

function create({
  store = journal.controls,
  live = true,
  begun = true,
}: {
  store?: ControlStore
  live?: boolean
  begun?: boolean
} = {}) {
  const trader = (live ? { control } : {}) as Trader
  return createChainControl({
    chainId: 137,
    chainName: 'Polygon',
    mode: live ? 'LIVE' : 'PAPER',
    store,
    trader: () => (begun ? trader : null),
    onChange: () => {},
    log: { warn() {}, error() {} },
  })
}

const order = (command: ControlCommand) => ({ command, reason: 'a fire drill', by: 'anna (127.0.0.1)' })

test('a paused chain refuses with who, when and why, before it has begun too, until it is resumed', async () => {
  const chain = create({ begun: false, live: false })
  expect([chain.paused(), chain.refusal()]).toEqual([null, null])
  expect(await chain.order(order(PAUSE))).toMatchObject({
    ok: true,
    value: { outcome: 'applied', sentence: 'Polygon takes no new signals; what is in flight goes on.' },
  })
  expect(chain.paused()).toMatchObject({ by: 'anna (127.0.0.1)', reason: 'a fire drill' })
  expect(chain.refusal()).toMatchObject({
    code: 'PAUSED',
    sentence: 'Polygon is paused by its operator: a fire drill.',
    facts: { chain_id: 137, by: 'anna (127.0.0.1)', since: chain.paused()?.since },
  })
  await chain.order(order(RESUME))
  expect([chain.paused(), chain.refusal()]).toEqual([null, null])
})

test('a pause is in force again after a restart', async () => {
  const before = create()
  await before.order(order(PAUSE))
  await before.order(order({ action: 'pause', lane: LANE, reason: 'its key' }))
  const { since } = before.paused() as NonNullable<ReturnType<typeof before.paused>>

  const after = create()
  expect(after.paused()).toMatchObject({ since, reason: 'a fire drill' })
})

test('of several pauses the first is told, or the newest that says why, before and after a restart', async () => {
  const chain = create()
  const pause = async (by: string, reason: string | null) => {
    await chain.order({ command: { ...PAUSE, reason }, reason, by })
    expect(create().paused()).toEqual(chain.paused())
    return chain.paused()
  }
  const first = await pause('anna', null)
  expect(await pause('ben', null)).toEqual(first)
  expect(await pause('carla', 'the node lies')).toMatchObject({ by: 'carla', reason: 'the node lies' })
  expect(await pause('dora', null)).toMatchObject({ by: 'carla', reason: 'the node lies' })
  await chain.order(order(RESUME))
  expect(await pause('emil', null)).toMatchObject({ by: 'emil', reason: null })
})

test('a command is on disk before it is carried out, and what came of it after', async () => {
  const chain = create()
  await chain.order(order({ action: 'cancel', signalId: 'trade-1' }))
  await chain.order(order({ action: 'speed_up', signalId: 'unknown' }))
  await chain.order(order({ action: 'abandon', signalId: 'bug' }))
  expect(carriedOut.map(({ onDisk }) => onDisk)).toEqual([true, true, true])
  expect(chain.newest(3).map(({ action, outcome, code }) => [action, outcome, code])).toEqual([
    ['abandon', 'refused', 'INTERNAL'],
    ['speed_up', 'refused', 'TRADE_NOT_FOUND'],
    ['cancel', 'applied', null],
  ])
})

test('what the disk does not take is not carried out', async () => {
  const refusing: ControlStore = {
    ...journal.controls,
    begin() {
      throw new Error('database or disk is full')
    },
  }
  const chain = create({ store: refusing })
  expect(await chain.order(order(PAUSE))).toMatchObject({
    ok: false,
    failure: { code: 'JOURNAL_UNAVAILABLE', sentence: expect.stringContaining('so nothing was done') },
  })
  expect(await chain.order(order({ action: 'cancel', signalId: 'trade-1' }))).toMatchObject({ ok: false })
  expect([chain.paused(), carriedOut]).toEqual([null, []])
})

test('lanes and trades are refused where there are none, or are not known yet', async () => {
  const command = { action: 'cancel', signalId: 'trade-1' } as const
  for (const begun of [true, false])
    expect(await create({ live: false, begun }).order(order(command))).toMatchObject({
      value: { outcome: 'refused', code: 'CONTROL_UNSUPPORTED' },
    })
  expect(await create({ begun: false }).order(order(command))).toMatchObject({
    value: { outcome: 'refused', code: 'CHAIN_UNAVAILABLE' },
  })
})
