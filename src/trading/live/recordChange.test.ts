import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  openLiveRig,
  openTrade,
  START_MS,
} from '../../../test/support/liveContext.ts'
import type { ExecutionEvent } from '../../domain/executionState.ts'
import type { Attempt, Inclusion, LiveExecution } from '../../domain/liveExecution.ts'
import type { Hex } from '../../domain/signal.ts'
import { changedRecord, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'

let folder: string
let rig: LiveRig
/** Holds every change back from the disk until it resolves. */
let gate: Promise<void>
let execution: OpenExecution<LiveExecution>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-record-change-'))
  gate = Promise.resolve()
  rig = await openLiveRig({
    path: join(folder, 'chain-1.sqlite'),
    change: ({ journal, told }) => ({
      journal: {
        async record(change) {
          await gate
          await journal.record(change)
          told.push(`disk ${'record' in change.execution && change.execution.record.state}`)
        },
      },
    }),
  })
  execution = openTrade(liveTrade('a'))
})
afterEach(() => {
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

const attempt = (): Attempt => ({
  hash: `0x${'a7'.repeat(32)}`,
  kind: 'first',
  signalId: 'a',
  lane: rig.key.address,
  nonce: FIRST_NONCE,
  to: rig.context.trade.executor,
  raw: '0x02f8',
  fee: { type: 2, maxFeePerGas: 31n, maxPriorityFeePerGas: 7n },
  gasLimit: 400_001n,
  signedAtBlock: HEAD,
  signedAtMs: START_MS,
})
const inclusion = (block: number): Inclusion => ({
  hash: attempt().hash,
  block,
  blockHash: `0x${block.toString(16).padStart(64, '0')}` as Hex,
  gasUsed: 300_001n,
  effectiveGasPriceWei: 17n,
  l1FeeWei: 0n,
})

const by =
  (event: ExecutionEvent, over: Partial<LiveExecution> = {}) =>
  (before: LiveExecution) => ({
    record: changedRecord(before, event, { changedAtMs: START_MS + 1, ...over }),
  })
const signed = (before: LiveExecution) => ({
  ...by('sign', { lane: rig.key.address, nonce: FIRST_NONCE })(before),
  attempt: attempt(),
})
const realised = { profit: 7_000_001n, gasCostWei: 5_100_017n, netProfitUsdE8: 640_000_007n }
const include = (block: number) => by('include', { inclusion: inclusion(block), realised })
const onDisk = () => rig.journal.open().map(({ record }) => record)

describe('recordChange', () => {
  it('is true in memory and told to subscribers only once it is on disk', async () => {
    let open = () => {}
    gate = new Promise((resolve) => {
      open = resolve
    })
    const changing = recordChange(execution, signed, rig.context)
    await new Promise((resolve) => setImmediate(resolve))
    expect(execution.record.state).toBe('accepted')
    expect(execution.attempts).toEqual([])
    expect(rig.told).toEqual([])

    open()
    expect(await changing).toBe(true)
    expect(rig.told).toEqual(['publish execution_update open', 'disk signed'])
    expect(execution.attempts).toEqual([attempt()])
    expect(rig.journal.openAttempts()).toEqual([attempt()])
    expect(onDisk()).toEqual([execution.record])
  })

  it('changes nothing and tells nobody when the disk refuses, and goes on when it does not', async () => {
    gate = Promise.reject(new Error('The disk is full.'))
    await expect(recordChange(execution, signed, rig.context)).rejects.toThrow('The disk is full.')
    expect(execution.record.state).toBe('accepted')
    expect(execution.attempts).toEqual([])
    expect(rig.told).toEqual([])
    expect(onDisk()).toEqual([])

    gate = Promise.resolve()
    await recordChange(execution, signed, rig.context)
    expect(onDisk().map(({ state }) => state)).toEqual(['signed'])
  })

  it('makes each change from the record the one before has left', async () => {
    await recordChange(execution, signed, rig.context)
    // A block and a late acceptance in the same tick: what a block says stands.
    const changes = await Promise.all([
      recordChange(execution, include(7), rig.context),
      recordChange(
        execution,
        (before) => (before.state === 'signed' ? by('node_accepts')(before) : null),
        rig.context,
      ),
    ])
    expect(changes).toEqual([true, false])
    expect(execution.record).toMatchObject({ state: 'included', inclusion: inclusion(7) })
    expect(onDisk()).toEqual([execution.record])
    expect(rig.journal.totals().executed).toBe(1)
  })

  it('writes nothing that the table of states does not have, and goes on after it', async () => {
    await expect(recordChange(execution, include(7), rig.context)).rejects.toThrow('accepted cannot include')
    expect(onDisk()).toEqual([])
    await recordChange(execution, signed, rig.context)
    expect(execution.record.state).toBe('signed')
  })

  it('tells an outcome once: what comes back, moves to another block or becomes final is an update', async () => {
    const reorged = by('reorg', { inclusion: null, realised: null })
    const final = (before: LiveExecution) => ({ record: { ...before, final: true } })
    const steps = [signed, by('node_accepts'), include(7), include(8), reorged, by('revert'), final]
    for (const step of steps) await recordChange(execution, step, rig.context)
    expect(rig.told.filter((line) => line.startsWith('publish'))).toEqual([
      'publish execution_update open',
      'publish execution_update open',
      'publish live_execution filled',
      'publish execution_update filled',
      'publish execution_update open',
      'publish live_execution failed',
      'publish execution_update failed',
    ])
    expect(rig.outcomes.map(({ state }) => state)).toEqual(['included', 'reverted'])
    expect(onDisk()).toEqual([])
    expect(rig.journal.totals()).toMatchObject({ totalSignals: 1, executed: 0, failed: 1 })
  })

  it('keeps as the answer of the id what is so now', async () => {
    await recordChange(execution, signed, rig.context)
    const answer = () => JSON.parse(rig.journal.find('a')?.answer.body ?? '{}')
    expect(answer()).toMatchObject({ status: 'signed', nonce: FIRST_NONCE })
    await recordChange(execution, include(7), rig.context)
    expect(answer()).toMatchObject({ success: true, status: 'included', signal_id: 'a' })
  })
})
