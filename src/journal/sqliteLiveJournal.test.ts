import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PAYING_TRADES } from '../../test/support/devnetTrades.ts'
import type { OutboxEvent } from '../dispatch/protocol.ts'
import type { Attempt, FillerRecord, LiveExecution } from '../domain/liveExecution.ts'
import { outcomeCode } from '../domain/liveOutcome.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import type { LiveChange, LiveJournal } from './liveJournal.ts'
import { openSqliteLiveJournal } from './sqliteLiveJournal.ts'

let folder: string
let path: string
let journal: LiveJournal
/** Events as they were handed on, a list per commit. */
let published: (readonly OutboxEvent[])[]
const open = () => openSqliteLiveJournal({ path, publish: (events) => published.push(events) })
beforeEach(() => {
  published = []
  folder = mkdtempSync(join(tmpdir(), 'titan-live-journal-'))
  path = join(folder, 'chain-42161.sqlite')
  journal = open()
})
afterEach(() => {
  journal.close()
  rmSync(folder, { recursive: true, force: true })
})

function reopen(): LiveJournal {
  journal.close()
  journal = open()
  return journal
}

const LANE: Address = `0x${'1a'.repeat(20)}`
const OTHER_LANE: Address = `0x${'2b'.repeat(20)}`
const START_MS = 1_733_700_000_123
const hashOf = (index: number): Hex => `0x${index.toString(16).padStart(64, '0')}`

const executionOf = (signalId: string, over: Partial<LiveExecution> = {}): LiveExecution => ({
  signal: {
    ...(PAYING_TRADES[0]?.signal as Signal),
    signalId,
    minProfit: 9_007_199_254_740_993n,
    expectedProfitUsd: 2.5,
  },
  state: 'signed',
  final: false,
  lane: LANE,
  nonce: 7,
  simulation: null,
  valuation: {
    gasPriceWei: 3n,
    gasCostWei: 71n,
    profitWei: 72n,
    rate: { units: 1n, wei: 1n },
    netProfitUsdE8: -1n,
    pays: true,
  },
  failure: null,
  inclusion: null,
  realised: null,
  acceptedAtMs: START_MS,
  changedAtMs: START_MS + 5,
  ...over,
})
const attemptOf = (index: number, over: Partial<Attempt> = {}): Attempt => ({
  hash: hashOf(index),
  kind: 'first',
  signalId: 'a',
  lane: LANE,
  nonce: 7,
  to: OTHER_LANE,
  raw: `0x02f8${index.toString(16).padStart(2, '0')}`,
  fee: { type: 2, maxFeePerGas: 31_000_000_007n, maxPriorityFeePerGas: 1_000_000_003n },
  gasLimit: 345_678n,
  signedAtBlock: 1_234,
  signedAtMs: START_MS,
  ...over,
})
const fillerOf = (over: Partial<FillerRecord>): FillerRecord => ({
  ...executionOf('filler'),
  signal: null,
  lane: LANE,
  nonce: 7,
  ...over,
})
const change = (record: LiveExecution, attempt: Attempt | null = null): LiveChange => ({
  execution: {
    record,
    payloadHash: `hash of ${record.signal.signalId}`,
    answer: {
      success: outcomeCode(record) === null,
      httpStatus: 202,
      body: `{"status":"${record.state}"}`,
      replayed: false,
    },
    event: { type: 'execution_update', json: `{"status":"${record.state}"}` },
  },
  attempt,
})
const included = (signalId: string, block: number, netProfitUsdE8: bigint | null): LiveExecution =>
  executionOf(signalId, {
    state: 'included',
    inclusion: {
      hash: hashOf(1),
      block,
      blockHash: hashOf(block),
      gasUsed: 300_001n,
      effectiveGasPriceWei: 7n,
      l1FeeWei: 0n,
    },
    realised: { profit: 55n, gasCostWei: 2_100_007n, netProfitUsdE8 },
  })
/** One whose event and transfers do not agree. */
const doubtful = (signalId: string, block: number): LiveExecution => ({
  ...included(signalId, block, null),
  realised: { profit: 0n, gasCostWei: 71n, netProfitUsdE8: -7n, warning: 'They differ.' },
})

describe('records', () => {
  it('come back as they were after a restart, with their amounts', async () => {
    const unsent = executionOf('a', { failure: failure('UNPROFITABLE', 'It does not pay.', { by: '3' }) })
    await journal.record(change(unsent, attemptOf(1)))
    await journal.record(change(included('b', 99, null)))
    await journal.record(change(executionOf('c', { state: 'denied', final: true, lane: null, nonce: null })))
    reopen()
    expect(journal.open()).toEqual([
      { record: unsent, payloadHash: 'hash of a' },
      { record: included('b', 99, null), payloadHash: 'hash of b' },
    ])
    expect(journal.openAttempts()).toEqual([attemptOf(1)])
  })

  it('are open until final, in the order of their acceptance, whatever the clock said', async () => {
    await journal.record(change(executionOf('first', { acceptedAtMs: START_MS + 9_000 })))
    await journal.record(change(executionOf('second', { acceptedAtMs: START_MS })))
    await journal.record(change(executionOf('third')))
    await journal.record(change(executionOf('first', { state: 'pending' })))
    await journal.record(change(executionOf('third', { state: 'reverted', final: true })))
    expect(journal.open().map(({ record }) => [record.signal.signalId, record.state])).toEqual([
      ['first', 'pending'],
      ['second', 'signed'],
    ])
  })

  it('answer a signal with the newest answer, as a replay', async () => {
    await journal.record(change(executionOf('a')))
    await journal.record(change(executionOf('a', { state: 'pending' })))
    const answer = { success: true, httpStatus: 202, body: '{"status":"pending"}', replayed: true }
    expect(journal.find('a')).toEqual({ payloadHash: 'hash of a', answer })
    expect(journal.find('b')).toBeNull()
    reopen()
    expect(journal.find('a')).toEqual({ payloadHash: 'hash of a', answer })
  })
})

describe('attempts', () => {
  it('are on disk with the change that signs them, before it is confirmed', async () => {
    await journal.record(change(executionOf('a'), attemptOf(1)))
    journal.close()
    const db = new DatabaseSync(path)
    const rows = db
      .prepare('SELECT a.hash, a.raw, e.state FROM attempts a JOIN executions e ON e.signal_id = a.signal_id')
      .all()
    db.close()
    journal = open()
    expect(rows.map((row) => ({ ...row }))).toEqual([{ hash: hashOf(1), raw: '0x02f801', state: 'signed' }])
  })

  it('come in the order of signing at each nonce, also when the clock went back or stood still', async () => {
    await journal.record(change(executionOf('a'), attemptOf(9, { signedAtMs: START_MS })))
    await journal.record(
      change(executionOf('a'), attemptOf(4, { kind: 'replacement', signedAtMs: START_MS })),
    )
    await journal.record(
      change(executionOf('a'), attemptOf(6, { kind: 'cancel', signedAtMs: START_MS - 60_000 })),
    )
    await journal.record(change(executionOf('b'), attemptOf(2, { signalId: 'b', nonce: 6 })))
    await journal.record({
      execution: fillerOf({ nonce: 5 }),
      attempt: attemptOf(3, { kind: 'filler', signalId: null, nonce: 5 }),
    })
    reopen()
    expect(journal.openAttempts().map(({ nonce, hash, kind }) => [nonce, Number(hash), kind])).toEqual([
      [5, 3, 'filler'],
      [6, 2, 'first'],
      [7, 9, 'first'],
      [7, 4, 'replacement'],
      [7, 6, 'cancel'],
    ])
  })

  it('are watched until their nonce is settled, lane by lane, and stay known', async () => {
    for (const [index, nonce] of [5, 6, 7].entries())
      await journal.record({ execution: fillerOf({ nonce }), attempt: attemptOf(index, { nonce }) })
    const other = { lane: OTHER_LANE, nonce: 5 }
    await journal.record({ execution: fillerOf(other), attempt: attemptOf(8, other) })
    expect(journal.settledNonce(LANE)).toBeNull()
    journal.settleNonces(LANE, 6)
    journal.settleNonces(LANE, 4)
    for (const at of [() => journal, reopen]) {
      const each = at()
      expect(each.openAttempts().map(({ lane, nonce }) => [lane, nonce])).toEqual([
        [LANE, 7],
        [OTHER_LANE, 5],
      ])
      expect(each.settledNonce(LANE)).toBe(6)
      expect(each.settledNonce(OTHER_LANE)).toBeNull()
    }
    expect(journal.isOurs(hashOf(0))).toBe(true)
    expect(journal.isOurs(hashOf(77))).toBe(false)
  })
})

describe('totals', () => {
  const NET = 9_007_199_254_740_993n
  const sums = (over: object = {}) => ({
    totalSignals: 1,
    executed: 0,
    paperExecuted: 0,
    failed: 0,
    unpriced: 0,
    profitUsdE8: 0n,
    expectedProfitUsd: 0,
    ...over,
  })

  it('follow a trade over a reorg: counted once, by the block it ended in', async () => {
    const steps: [LiveExecution, object][] = [
      [executionOf('a'), sums()],
      [executionOf('a', { state: 'pending' }), sums()],
      [included('a', 50, NET), sums({ executed: 1, profitUsdE8: NET, expectedProfitUsd: 2.5 })],
      [executionOf('a', { state: 'pending' }), sums()],
      [included('a', 51, NET - 12n), sums({ executed: 1, profitUsdE8: NET - 12n, expectedProfitUsd: 2.5 })],
      [
        { ...included('a', 51, NET - 12n), final: true },
        sums({ executed: 1, profitUsdE8: NET - 12n, expectedProfitUsd: 2.5 }),
      ],
    ]
    for (const [record, expected] of steps) {
      await journal.record(change(record))
      expect(journal.totals()).toEqual(expected)
    }
    expect(reopen().totals()).toEqual(steps.at(-1)?.[1])
  })

  it('count gas that was lost against the profit', async () => {
    await journal.record(change(included('a', 50, NET)))
    const lost = { profit: 0n, gasCostWei: 77n, netProfitUsdE8: -1_234_567n }
    await journal.record(change(executionOf('b', { state: 'reverted', realised: lost })))
    await journal.record(
      change(executionOf('c', { state: 'cancelled', realised: { ...lost, netProfitUsdE8: -5n } })),
    )
    for (const state of ['denied', 'expired', 'displaced'] as const)
      await journal.record(change(executionOf(state, { state })))
    expect(journal.totals()).toEqual(
      sums({
        totalSignals: 6,
        executed: 1,
        failed: 5,
        profitUsdE8: NET - 1_234_572n,
        expectedProfitUsd: 2.5,
      }),
    )
  })

  it('count a trade that landed at a loss as failed, and its loss; one without a price apart', async () => {
    const steps: [LiveExecution, object][] = [
      [included('a', 50, -900n), sums({ failed: 1, profitUsdE8: -900n })],
      [executionOf('a', { state: 'pending' }), sums()],
      [included('a', 51, null), sums({ executed: 1, unpriced: 1, expectedProfitUsd: 2.5 })],
      [
        { ...included('a', 51, null), final: true },
        sums({ executed: 1, unpriced: 1, expectedProfitUsd: 2.5 }),
      ],
      [included('a', 52, 900n), sums({ executed: 1, profitUsdE8: 900n, expectedProfitUsd: 2.5 })],
      [doubtful('a', 53), sums({ failed: 1, profitUsdE8: -7n })],
    ]
    for (const [record, expected] of steps) {
      await journal.record(change(record))
      expect(journal.totals()).toEqual(expected)
    }
    expect(reopen().totals()).toEqual(steps.at(-1)?.[1])
    expect(
      reopen()
        .outbox.above(0, 99)
        .map(({ outcome, code }) => [outcome, code]),
    ).toEqual([
      ['failed', 'NET_LOSS'],
      ['open', null],
      ['filled', null],
      ['filled', null],
      ['filled', null],
      ['failed', 'PROFIT_MISMATCH'],
    ])
  })

  it('go on from a file that was written before there was a price to be unknown', async () => {
    await journal.record(change(included('a', 50, 900n)))
    journal.close()
    const file = new DatabaseSync(path)
    file.exec('DROP TABLE totals_unpriced')
    file.close()
    journal = open()
    const again = journal
    expect(again.totals()).toEqual(sums({ executed: 1, profitUsdE8: 900n, expectedProfitUsd: 2.5 }))
    await again.record(change(included('b', 51, null)))
    expect(again.totals()).toMatchObject({ totalSignals: 2, executed: 2, unpriced: 1 })
  })

  it('are exact where changes of one execution share a commit', async () => {
    await Promise.all([
      journal.record(change(executionOf('a'))),
      journal.record(change(included('a', 50, 41n))),
      journal.record(change(included('b', 50, null))),
      journal.record(change(included('a', 51, 43n))),
    ])
    expect(journal.totals()).toEqual(
      sums({ totalSignals: 2, executed: 2, unpriced: 1, profitUsdE8: 43n, expectedProfitUsd: 5 }),
    )
  })
})

describe('the outbox', () => {
  it('has an event of each change, with what it comes to, until the event log has stored it', async () => {
    await journal.record(change(executionOf('a')))
    await journal.record(change(included('a', 50, 1n)))
    const reason = failure('REVERTED', 'It reverted.')
    await journal.record(change(executionOf('b', { state: 'reverted', failure: reason })))
    const silent = change(executionOf('c'))
    await journal.record({
      ...silent,
      execution: silent.execution && { ...silent.execution, event: null },
    })
    const told = reopen().outbox.above(0, 99)
    expect(told.map(({ outboxId, signalId, outcome, code }) => [outboxId, signalId, outcome, code])).toEqual([
      [1, 'a', 'open', null],
      [2, 'a', 'filled', null],
      [3, 'b', 'failed', 'REVERTED'],
    ])
    expect(published).toEqual(told.map((event) => [event]))
    expect(told[2]).toEqual({
      outboxId: 3,
      signalId: 'b',
      type: 'execution_update',
      outcome: 'failed',
      code: 'REVERTED',
      timestampMs: START_MS + 5,
      json: '{"status":"reverted"}',
    })

    journal.outbox.stored(2)
    await journal.record(change(executionOf('d')))
    expect(
      reopen()
        .outbox.above(0, 99)
        .map(({ outboxId }) => outboxId),
    ).toEqual([3, 4])
    expect(journal.outbox.above(3, 99).map(({ outboxId }) => outboxId)).toEqual([4])
  })
})

it('events are handed on in the order of their ids, however long their changes waited for a commit', async () => {
  const pending = journal.recordSoon(change(executionOf('a')))
  const signed = journal.record(change(executionOf('b')))
  await Promise.all([pending, signed])
  await journal.recordSoon(change(executionOf('c')))
  expect(published.map((events) => events.map(({ outboxId, signalId }) => [outboxId, signalId]))).toEqual([
    [
      [1, 'a'],
      [2, 'b'],
    ],
    [[3, 'c']],
  ])
})

describe('a commit that the disk refuses', () => {
  it('keeps nothing of its group, rejects all of it, and the next one stands', async () => {
    await journal.record(change(executionOf('a'), attemptOf(1)))
    const before = { totals: journal.totals(), outbox: journal.outbox.above(0, 99) }
    const outcomes = await Promise.allSettled([
      journal.record(change(included('a', 50, 9n))),
      journal.record(change(executionOf('b'), attemptOf(2, { signalId: 'b', nonce: 8 }))),
      // A hash can be signed only once.
      journal.record(change(executionOf('c'), attemptOf(1, { signalId: 'c' }))),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    for (const at of [() => journal, reopen]) {
      const each = at()
      expect(each.totals()).toEqual(before.totals)
      expect(each.outbox.above(0, 99)).toEqual(before.outbox)
      expect(each.open().map(({ record }) => record.state)).toEqual(['signed'])
      expect(each.openAttempts()).toEqual([attemptOf(1)])
      expect(each.find('b')).toBeNull()
    }
    await journal.record(change(executionOf('b'), attemptOf(2, { signalId: 'b', nonce: 8 })))
    expect(journal.totals().totalSignals).toBe(2)
    expect(journal.openAttempts()).toHaveLength(2)
  })

  it('rejects what comes after the end', async () => {
    journal.close()
    await expect(journal.record(change(executionOf('a')))).rejects.toThrow()
    journal = open()
    expect(journal.find('a')).toBeNull()
  })
})

describe('gasSpentSince', () => {
  it('tells what gas cost since then, by when it was spent and not by when the signal came', async () => {
    const spentAt = (signalId: string, changedAtMs: number, gasCostWei: bigint) =>
      journal.record(
        change(
          executionOf(signalId, {
            state: 'reverted',
            changedAtMs,
            inclusion: included(signalId, 99, null).inclusion,
            realised: { profit: 0n, gasCostWei, netProfitUsdE8: null },
          }),
        ),
      )
    await spentAt('long ago', START_MS + 99, 11n)
    await spentAt('long in coming', START_MS + 100, 9_007_199_254_740_993n)
    await spentAt('now', START_MS + 200, 31n)
    await journal.record(change(executionOf('pending', { changedAtMs: START_MS + 300 })))
    const finalLater = { ...included('final later', 99, 5n), final: true, changedAtMs: START_MS + 400 }
    await journal.record(change({ ...finalLater, includedAtMs: START_MS + 99 }))
    const receipt = `${hashOf(1)}/${hashOf(99)}`
    expect(reopen().gasSpentSince(START_MS + 100)).toEqual([
      { kind: 'trade', wei: 9_007_199_254_740_993n, atMs: START_MS + 100, receipt },
      { kind: 'trade', wei: 31n, atMs: START_MS + 200, receipt },
    ])
  })
})

describe('a filler', () => {
  const filler = fillerOf({ nonce: 12, state: 'signed' })
  const mined = fillerOf({
    nonce: 12,
    state: 'cancelled',
    inclusion: included('a', 99, null).inclusion,
    realised: { profit: 0n, gasCostWei: 71n, netProfitUsdE8: -13n },
  })

  it('is open until it is final, as what it is, and tells nobody anything', async () => {
    await journal.record({ execution: filler, attempt: attemptOf(1, { signalId: null, nonce: 12 }) })
    expect(reopen().openFillers()).toEqual([filler])
    expect(journal.open()).toEqual([])
    await journal.record({ execution: { ...mined, final: true }, attempt: null })
    expect(reopen().openFillers()).toEqual([])
    expect(published.flat()).toEqual([])
  })

  it('adds what its gas has cost to the profit, once, and is counted as no trade', async () => {
    await journal.record({ execution: filler, attempt: null })
    for (const _ of [1, 2]) await journal.record({ execution: mined, attempt: null })
    expect(reopen().totals()).toMatchObject({ totalSignals: 0, executed: 0, failed: 0, profitUsdE8: -13n })
    expect(journal.gasSpentSince(0)).toMatchObject([{ kind: 'repair', wei: 71n }])
    await journal.record({ execution: filler, attempt: null })
    expect(journal.totals().profitUsdE8).toBe(0n)
  })
})

it('forgets what was final before the history begins, and before a day: never what is open, nor its attempts', async () => {
  const settled = (signalId: string, nonce: number, ms: number) =>
    change(
      executionOf(signalId, { state: 'reverted', final: true, nonce, acceptedAtMs: ms, changedAtMs: ms }),
      attemptOf(nonce, { signalId, nonce, signedAtMs: ms }),
    )
  const now = Date.now()
  await journal.record(settled('old', 1, now - 3 * 86_400_000))
  await journal.record({ execution: fillerOf({ nonce: 2, final: true, changedAtMs: 5 }), attempt: null })
  await journal.record(
    change(
      executionOf('open', { nonce: 3, changedAtMs: now - 3 * 86_400_000 }),
      attemptOf(3, { signalId: 'open', nonce: 3, signedAtMs: now - 3 * 86_400_000 }),
    ),
  )
  await journal.record(settled('of-yesterday', 4, now - 80_000_000))
  journal.settleNonces(LANE, 2)
  const totals = journal.totals()
  journal.forget(now)
  await journal.record(change(executionOf('next', { nonce: 5 })))
  expect(['old', 'open', 'of-yesterday', 'next'].map((id) => journal.find(id) !== null)).toEqual([
    false,
    true,
    true,
    true,
  ])
  expect([1, 3, 4].map((nonce) => journal.isOurs(hashOf(nonce)))).toEqual([false, true, true])
  expect(journal.totals()).toEqual({ ...totals, totalSignals: totals.totalSignals + 1 })
  const db = new DatabaseSync(path)
  expect(db.prepare('SELECT count(*) AS n FROM fillers').get()?.n).toBe(0)
  db.close()
})
