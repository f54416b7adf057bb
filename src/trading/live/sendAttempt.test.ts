import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  openExecution,
  openLiveRig,
  START_MS,
} from '../../../test/support/liveContext.ts'
import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { VerdictClass } from '../../broadcast/verdict.ts'
import { failure } from '../../errors/failure.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'
import { replaceLatest } from './replaceLatest.ts'
import { sendAttempt } from './sendAttempt.ts'
import { submitTrade } from './submitTrade.ts'

let folder: string
let rig: LiveRig
let execution: OpenExecution
let outcome: () => Promise<BroadcastOutcome>
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-send-'))
  rig = await openLiveRig({
    path: join(folder, 'chain-1.sqlite'),
    change: () => ({ broadcast: () => outcome() }),
  })
  execution = openExecution(liveTrade('a'))
  const acquired = await rig.lanes.acquire({ deadlineMs: START_MS + 50 })
  if (!acquired.ok) throw new Error(acquired.failure.sentence)
  await submitTrade(execution, acquired.value, rig.context)
  rig.told.length = 0
})
afterEach(() => {
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

const accepted = async (): Promise<BroadcastOutcome> => ({
  status: 'accepted',
  hash: execution.attempts[0]?.hash ?? '0x',
  by: 'node',
})
const without =
  (
    status: 'refused' | 'contested' | 'unknown',
    classes: readonly VerdictClass[],
    code: 'SEND_REFUSED' | 'INSUFFICIENT_FUNDS' = 'SEND_REFUSED',
  ) =>
  async (): Promise<BroadcastOutcome> => ({
    status,
    failure: failure(code, 'No node took it.'),
    verdicts: classes.map((verdict, index) => ({ host: `node-${index}`, class: verdict, message: verdict })),
  })
const send = () => sendAttempt(execution, execution.attempts.at(-1), rig.context)
const stateOnDisk = () => rig.journal.open()[0]?.record.state

describe('sendAttempt', () => {
  it('is pending, on disk and for subscribers, once a node has taken it; and only once', async () => {
    outcome = accepted
    rig.head = HEAD + 3
    rig.nowMs = START_MS + 777
    await send()
    expect(execution).toMatchObject({ taken: true, sentAtBlock: HEAD + 3, sentAtMs: START_MS + 777 })
    await expect.poll(() => execution.record.state).toBe('pending')
    expect(stateOnDisk()).toBe('pending')
    await send()
    await execution.lastChange
    expect(rig.told).toEqual(['publish execution_update open'])
  })

  it.each([
    ['unknown', ['no_answer']],
    ['contested', ['nonce_too_low']],
    ['refused', ['txpool_full']],
  ] as const)('keeps its nonce and its state when the outcome is %s', async (status, classes) => {
    outcome = without(status, classes)
    await send()
    expect(execution).toMatchObject({ taken: false, refusal: 'none' })
    expect(stateOnDisk()).toBe('signed')
    expect(rig.lanes.status()[0]?.inFlight).toBe(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it.each<[string, 'refused' | 'contested' | 'unknown', VerdictClass[], string]>([
    ['all say that it pays too little', 'refused', ['underpriced', 'underpriced'], 'price'],
    ['one says something else', 'refused', ['underpriced', 'txpool_full'], 'none'],
    ['one did not answer', 'unknown', ['underpriced', 'no_answer'], 'none'],
    ['nothing will ever make it valid', 'refused', ['intrinsic_gas', 'gas_limit'], 'permanent'],
    ['it is too dear for the nodes', 'refused', ['fee_cap_exceeded'], 'too_much'],
    ["somebody else's holds the nonce", 'contested', ['replacement_underpriced'], 'none'],
  ])('%s: %s by %j is %s', async (_, status, classes, refusal) => {
    outcome = without(status, classes)
    await send()
    expect(execution.refusal).toBe(refusal)
  })

  it('takes "replacement underpriced" for a matter of price where an attempt of ours holds the nonce', async () => {
    outcome = without('contested', ['replacement_underpriced'])
    expect(await replaceLatest(execution, { kind: 'replacement' }, rig.context)).toBe(true)
    expect(execution.attempts.map(({ kind }) => kind)).toEqual(['first', 'replacement'])
    expect(execution.refusal).toBe('price')
  })

  it('takes what is said of an older attempt for nothing about the newest', async () => {
    const late = Promise.withResolvers<BroadcastOutcome>()
    outcome = () => late.promise
    const first = send()
    outcome = accepted
    await replaceLatest(execution, { kind: 'replacement' }, rig.context)
    late.resolve(await without('refused', ['underpriced'])())
    await first
    expect(execution).toMatchObject({ taken: true, refusal: 'none' })
  })

  it('tells of an account that cannot pay for what it has signed, and what that may cost', async () => {
    outcome = without('refused', ['insufficient_funds'], 'INSUFFICIENT_FUNDS')
    await send()
    expect(execution.refusal).toBe('too_much')
    expect(rig.told).toEqual([`poor ${615_398n * 31_000_000_007n}`])
    expect(rig.lanes.status()[0]?.inFlight).toBe(1)
  })

  it('does not undo what a block said while the node was slow to answer', async () => {
    const late = Promise.withResolvers<BroadcastOutcome>()
    outcome = () => late.promise
    const sending = send()
    execution.record = { ...execution.record, state: 'included' }
    late.resolve(await accepted())
    await sending
    await execution.lastChange
    expect(execution.record.state).toBe('included')
    expect(rig.told).toEqual([])
  })

  it('does not fail when the acceptance cannot be journaled', async () => {
    outcome = accepted
    const journal = { ...rig.journal, recordSoon: () => Promise.reject(new Error('disk I/O error')) }
    await sendAttempt(execution, execution.attempts[0], { ...rig.context, journal })
    await execution.lastChange
    expect([execution.record.state, stateOnDisk()]).toEqual(['signed', 'signed'])
  })
})

describe('replaceLatest', () => {
  it('signs nothing for what was settled while the market was read', async () => {
    const freshMarket = async () => {
      execution.record = { ...execution.record, state: 'included' }
      return await rig.context.freshMarket()
    }
    expect(await replaceLatest(execution, { kind: 'replacement' }, { ...rig.context, freshMarket })).toBe(
      true,
    )
    expect(rig.journal.openAttempts()).toHaveLength(1)
    expect(rig.told.filter((line) => line.startsWith('send'))).toEqual([])
  })

  it('forgets what a replacement could have cost that came too late to be put down', async () => {
    const bumpFee: LiveContext['bumpFee'] = async (request) => {
      execution.lastChange = new Promise((resolve) => {
        setImmediate(() => {
          execution.record = { ...execution.record, state: 'included' }
          resolve()
        })
      })
      return await rig.context.bumpFee(request)
    }
    expect(await replaceLatest(execution, { kind: 'replacement' }, { ...rig.context, bumpFee })).toBe(true)
    expect(rig.journal.openAttempts()).toHaveLength(1)
    expect(rig.told.at(-1)).toBe(`settled ${FIRST_NONCE}`)
  })

  it('has the replacement on disk, at the same nonce and for more, before it leaves', async () => {
    const onDisk: number[] = []
    outcome = async () => {
      onDisk.push(rig.journal.openAttempts().length)
      return await accepted()
    }
    rig.head = HEAD + 4
    await replaceLatest(execution, { kind: 'replacement' }, rig.context)
    expect(onDisk).toEqual([2])
    const [first, second] = rig.journal.openAttempts()
    expect(second).toMatchObject({ kind: 'replacement', nonce: first?.nonce, signedAtBlock: HEAD + 4 })
    expect(second?.fee).toEqual({
      type: 2,
      maxFeePerGas: 62_000_000_014n,
      maxPriorityFeePerGas: 2_000_000_006n,
    })
    expect(second?.hash).not.toBe(first?.hash)
    expect(rig.lanes.status()[0]).toMatchObject({ inFlight: 1, gaps: [] })
  })

  it('sends nothing that the disk has refused', async () => {
    outcome = () => Promise.reject(new Error('It was sent.'))
    const journal = { ...rig.journal, record: () => Promise.reject(new Error('disk I/O error')) }
    expect(
      await replaceLatest(execution, { kind: 'cancel', reason: null }, { ...rig.context, journal }),
    ).toBe(false)
    expect(execution.attempts).toHaveLength(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('signs nothing when no limit leaves room, or the market cannot be read', async () => {
    outcome = () => Promise.reject(new Error('It was sent.'))
    expect(
      await replaceLatest(execution, { kind: 'replacement' }, { ...rig.context, bumpFee: async () => null }),
    ).toBe(false)
    const down = { ok: false, failure: failure('NODE_UNAVAILABLE', 'No endpoint answers.') } as const
    const context = { ...rig.context, market: async () => down, freshMarket: async () => down }
    expect(await replaceLatest(execution, { kind: 'replacement' }, context)).toBe(false)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })
})
