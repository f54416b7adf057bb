import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  NODE_DOWN,
  openLiveRig,
  START_MS,
} from '../../../test/support/liveContext.ts'
import type { NextStep } from '../../confirmation/nextStep.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import type { Attempt } from '../../domain/liveExecution.ts'
import type { Hex, Signal } from '../../domain/signal.ts'
import type { LiveJournal } from '../../journal/liveJournal.ts'
import type { LiveContext } from './liveContext.ts'
import { createLiveEngine, type LiveEngine } from './liveEngine.ts'

let folder: string
let rig: LiveRig
let engine: LiveEngine
/** What the chain demands of each signal's execution; of any other nothing. */
const steps = new Map<string, NextStep>()
const sent: Attempt[] = []
let change: (journal: LiveJournal) => Partial<LiveContext>

/** A process on the same journal. */
async function start(): Promise<void> {
  rig = await openLiveRig({
    path: join(folder, 'chain-1.sqlite'),
    change: ({ journal }) => ({
      async broadcast({ attempt }) {
        // Whatever happens: on disk before it leaves.
        if (!journal.isOurs(attempt.hash)) throw new Error('It was sent before it was on disk.')
        sent.push(attempt)
        return { status: 'accepted', hash: attempt.hash, by: 'node' }
      },
      decide: async (executions) => executions.map(({ signalId }) => steps.get(signalId) ?? { kind: 'wait' }),
      ...change(journal),
    }),
  })
  engine = createLiveEngine(rig.context)
}
/** Ends it as a crash does: what is not on disk is lost. */
async function restart(): Promise<void> {
  await engine.stop()
  rig.journal.close()
  sent.length = 0
  steps.clear()
  await start()
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-engine-'))
  steps.clear()
  sent.length = 0
  change = () => ({})
  await start()
})
afterEach(async () => {
  await engine.stop()
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

const told = ({ body }: Answer) => JSON.parse(body) as Record<string, unknown>
const execute = (signalId: string, over: Partial<Signal> = {}) => engine.execute(liveTrade(signalId, over))
const onDisk = (signalId: string) =>
  rig.journal.open().find(({ record }) => record.signal.signalId === signalId)?.record
const lane = () => rig.lanes.status()[0]
const sentHashes = () => sent.map(({ hash }) => hash)

async function look(...next: readonly (readonly [signalId: string, step: NextStep])[]): Promise<void> {
  for (const [signalId, step] of next) steps.set(signalId, step)
  await engine.watch.look()
  steps.clear()
}
const mined = (
  hash: Hex | undefined,
  { success = true, final = false, block = HEAD + 1 } = {},
): NextStep => ({
  kind: 'mined',
  final,
  receipt: {
    inclusion: {
      hash: hash ?? '0x',
      block,
      blockHash: `0x${block.toString(16).padStart(64, '0')}`,
      gasUsed: 300_001n,
      effectiveGasPriceWei: 17n,
      l1FeeWei: 0n,
    },
    success,
    logs: [],
  },
})

describe('execute', () => {
  it('answers a sender who waits for a node once one has it', async () => {
    const answer = await execute('a')
    expect(answer).toMatchObject({ success: true, httpStatus: 202, replayed: false })
    expect(told(answer)).toMatchObject({ status: 'pending', signal_id: 'a', nonce: FIRST_NONCE })
    expect(sentHashes()).toEqual([rig.journal.openAttempts()[0]?.hash])
  })

  it('answers a sender who does not wait with a promise that is on disk', async () => {
    const answer = await execute('a', { wait: 'none' })
    expect(told(answer)).toMatchObject({ success: true, status: 'accepted' })
    expect(onDisk('a')).toMatchObject({ signal: { signalId: 'a' } })
    await expect.poll(() => sentHashes()).toHaveLength(1)
    expect(rig.journal.totals().totalSignals).toBe(1)
  })

  it('answers a sender who waits for a block with what the block did', async () => {
    const answering = execute('a', { wait: 'included' })
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    await look(['a', mined(sent[0]?.hash)])
    expect(told(await answering)).toMatchObject({
      success: true,
      status: 'included',
      txHash: sent[0]?.hash,
    })
  })

  it('answers whoever still waits when it stops, and keeps what is out', async () => {
    const answering = execute('a', { wait: 'included' })
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    await engine.stop()
    expect(told(await answering)).toMatchObject({ success: false, status: 'pending', code: 'NOT_SETTLED' })
    expect(onDisk('a')?.state).toBe('pending')
  })

  it('answers whoever comes to wait after the stop', async () => {
    const simulated = Promise.withResolvers<void>()
    const { simulate } = rig.context
    change = () => ({
      async simulate(request) {
        await simulated.promise
        return await simulate(request)
      },
    })
    await restart()
    const answering = execute('a', { wait: 'included' })
    await engine.stop()
    simulated.resolve()
    expect(told(await answering)).toMatchObject({ success: false, code: 'NOT_SETTLED' })
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('gives an id one nonce, however often and however fast it comes', async () => {
    const [first, second, other] = await Promise.all([
      execute('a'),
      execute('a'),
      execute('a', { loanAmount: 12_345n }),
    ])
    expect(told(first as Answer).status).toBe('pending')
    expect(told(second as Answer).code).toBe('IN_FLIGHT')
    expect(told(other as Answer).code).toBe('SIGNAL_ID_CONFLICT')
    const again = await execute('a')
    expect([again.replayed, told(again).status]).toEqual([true, 'pending'])
    expect(sent).toHaveLength(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('keeps nothing of a signal that the node failed, so that it may come again', async () => {
    const { simulate } = rig.context
    change = () => ({ simulate: async () => NODE_DOWN })
    await restart()
    expect(told(await execute('a'))).toMatchObject({ success: false, code: 'NODE_UNAVAILABLE' })
    change = () => ({ simulate })
    await restart()
    expect(told(await execute('a')).status).toBe('pending')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE)
  })

  it.each(['none', 'broadcast'] as const)('promises nothing without a disk (wait: %s)', async (wait) => {
    change = (journal) => ({
      journal: { ...journal, record: () => Promise.reject(new Error('disk I/O error')) },
    })
    await restart()
    for (const _ of [1, 2])
      expect(told(await execute('a', { wait }))).toMatchObject({
        success: false,
        code: 'JOURNAL_UNAVAILABLE',
      })
    expect(sent).toEqual([])
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
  })

  it('answers a bug, and frees the id and the lane', async () => {
    change = () => ({
      sign() {
        throw new Error('The signer is gone.')
      },
    })
    await restart()
    for (const _ of [1, 2]) expect(told(await execute('a')).code).toBe('INTERNAL')
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
  })
})

describe('the watch', () => {
  it('follows a trade from block to block, and tells its outcome exactly', async () => {
    await execute('a')
    const [first] = sent
    await look(['a', mined(first?.hash)])
    expect(onDisk('a')).toMatchObject({
      state: 'included',
      realised: { profit: 7_000_001n, gasCostWei: 5_100_017n },
    })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 1 })
    expect(rig.journal.totals()).toMatchObject({ executed: 1, profitUsdE8: 640_000_007n })

    await look(['a', { kind: 'reorged', minedCount: FIRST_NONCE }])
    expect(onDisk('a')).toMatchObject({ state: 'pending', inclusion: null, realised: null, failure: null })
    expect(sentHashes()).toEqual([first?.hash, first?.hash])
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 1 })
    expect(rig.journal.totals()).toMatchObject({ executed: 0, failed: 0, profitUsdE8: 0n })

    await look(['a', mined(first?.hash, { success: false, block: HEAD + 2 })])
    expect(onDisk('a')).toMatchObject({ state: 'reverted', inclusion: { block: HEAD + 2 } })
    await look(['a', { kind: 'final' }])
    expect(rig.journal.open()).toEqual([])
    expect(rig.journal.openAttempts()).toEqual([])
    expect(rig.journal.totals()).toMatchObject({ totalSignals: 1, executed: 0, failed: 1 })
    const again = await execute('a')
    expect([again.replayed, told(again).status, told(again).code]).toEqual([true, 'reverted', 'REVERTED'])
    expect(rig.told.filter((line) => line.startsWith('publish live_execution'))).toEqual([
      'publish live_execution filled',
      'publish live_execution failed',
    ])
  })

  it.each<NextStep>([{ kind: 'undecided', reason: 'no answer' }, { kind: 'wait' }])(
    'does nothing on $kind',
    async (step) => {
      await execute('a')
      const before = onDisk('a')
      await look(['a', step])
      expect(onDisk('a')).toEqual(before)
      expect(sent).toHaveLength(1)
    },
  )

  it('sends the same bytes again, or others at the same nonce for more', async () => {
    await execute('a')
    await look(['a', { kind: 'rebroadcast' }])
    await look(['a', { kind: 'bump' }])
    await look(['a', { kind: 'cancel', why: 'unprofitable' }])
    await look(['a', { kind: 'bump' }])
    expect(sent.map(({ kind, nonce }) => `${kind} ${nonce}`)).toEqual(
      ['first', 'first', 'replacement', 'cancel', 'cancel'].map((kind) => `${kind} ${FIRST_NONCE}`),
    )
    const caps = rig.journal.openAttempts().map(({ fee }) => (fee.type === 2 ? fee.maxFeePerGas : 0n))
    expect(caps).toEqual([31_000_000_007n, 62_000_000_014n, 124_000_000_028n, 248_000_000_056n])
    expect(sentHashes()[1]).toBe(sentHashes()[0])

    // Whatever is mined settles it: here the trade, though it was being cancelled.
    await look(['a', mined(sent[2]?.hash, { final: true })])
    expect(rig.journal.totals()).toMatchObject({ executed: 1, failed: 0 })
    expect(told(await execute('a'))).toMatchObject({ status: 'included', txHash: sent[2]?.hash })
  })

  it('tells a cancel that was mined as no trade, whose gas was lost', async () => {
    await execute('a')
    await look(['a', { kind: 'cancel', why: 'unprofitable' }])
    await look(['a', mined(sent[1]?.hash)])
    expect(onDisk('a')).toMatchObject({ state: 'cancelled', failure: { code: 'CANCELLED' } })
    expect(rig.journal.totals()).toMatchObject({ executed: 0, failed: 1 })
  })

  it('keeps the same bytes out where no replacement is possible', async () => {
    await execute('a')
    change = () => ({ bumpFee: async () => null })
    await restart()
    await engine.recover()
    await look(['a', { kind: 'bump' }])
    await look(['a', { kind: 'cancel', why: 'refused' }])
    expect(new Set(sentHashes()).size).toBe(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
  })

  it('names who took the nonce before it gives a trade up, and stops the lane for a stranger', async () => {
    const stranger: Hex = `0x${'5a'.repeat(32)}`
    let by: Hex | null = null
    change = () => ({ findForeign: async () => by && { hash: by, what: 'which sends 1 wei to 0x5a' } })
    await restart()
    await execute('a')
    for (const unclear of [null, sent[0]?.hash as Hex]) {
      by = unclear
      await look(['a', { kind: 'passed' }])
      await expect.poll(() => onDisk('a')?.state).toBe('pending')
    }
    by = stranger
    await look(['a', { kind: 'passed' }])
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()?.paused).toContain(stranger)
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 1 })
    expect(told(await execute('b')).code).toBe('LANES_BUSY')
  })

  it('goes on with the others when one step fails', async () => {
    let broken = ''
    change = () => ({
      async realise({ signal }) {
        if (signal.signalId === broken) throw new Error('No price.')
        return { profit: 3n, gasCostWei: 5n, netProfitUsdE8: null }
      },
    })
    await restart()
    await execute('a')
    await execute('b')
    broken = 'a'
    await look(['a', mined(sent[0]?.hash)], ['b', mined(sent[1]?.hash)])
    expect([onDisk('a')?.state, onDisk('b')?.state]).toEqual(['pending', 'included'])
    broken = ''
    await look(['a', mined(sent[0]?.hash)])
    expect(onDisk('a')?.state).toBe('included')
  })

  it('keeps the attempts of a nonce while a lower one of its lane can still change', async () => {
    await execute('a')
    await execute('b')
    await look(['b', mined(sent[1]?.hash, { final: true })])
    expect(rig.journal.openAttempts().map(({ nonce }) => nonce)).toEqual([FIRST_NONCE, FIRST_NONCE + 1])
    await look(['a', mined(sent[0]?.hash, { final: true })])
    expect(rig.journal.openAttempts()).toEqual([])
    expect(rig.journal.settledNonce(rig.key.address)).toBe(FIRST_NONCE + 1)
  })
})

describe('recover', () => {
  it('sends the same bytes in the order of nonces, signs nothing, and goes on behind them', async () => {
    for (const id of ['a', 'b', 'c']) await execute(id)
    await look(['b', { kind: 'bump' }])
    await look(['a', mined(sent[0]?.hash)])
    const newest = [sent.at(-1)?.raw, sent[2]?.raw]
    const attempts = rig.journal.openAttempts()
    await restart()
    await engine.recover()
    expect(sent.map(({ raw }) => raw)).toEqual(newest)
    expect(rig.journal.openAttempts()).toEqual(attempts)
    expect(lane()).toMatchObject({ inFlight: 2, nonce: FIRST_NONCE + 3 })
    await execute('d')
    expect(sent.at(-1)?.nonce).toBe(FIRST_NONCE + 3)
    expect((await execute('b')).replayed).toBe(true)
  })

  it('keeps a promise that was made before the end', async () => {
    change = () => ({ simulate: () => new Promise(() => {}) })
    await restart()
    await execute('a', { wait: 'none' })
    expect(onDisk('a')?.state).toBe('accepted')
    change = () => ({})
    await restart()
    await engine.recover()
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    expect(sent.map(({ nonce }) => nonce)).toEqual([FIRST_NONCE])
  })

  it('tells a promise whose time has passed as expired, and signs nothing', async () => {
    change = () => ({ simulate: () => new Promise(() => {}) })
    await restart()
    await execute('a', { wait: 'none', validUntilMs: START_MS + 1_000 })
    change = () => ({ now: () => START_MS + 1_001 })
    await restart()
    await engine.recover()
    await expect.poll(() => told(rig.journal.find('a')?.answer as Answer).code).toMatch(/EXPIRED|LANES_BUSY/)
    expect(rig.journal.openAttempts()).toEqual([])
  })

  it('holds no place for a trade that was final before the end', async () => {
    await execute('a')
    await execute('b')
    await look(['b', mined(sent[1]?.hash, { final: true })])
    await restart()
    await engine.recover()
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 2 })
  })

  it('watches a trade whose key is not configured any more, and fails at nothing', async () => {
    await execute('a')
    const record = onDisk('a')
    const [attempt] = rig.journal.openAttempts()
    if (record === undefined || attempt === undefined) throw new Error('There is no trade.')
    const stranger: Hex = `0x${'9e'.repeat(20)}`
    const moved = { ...record, lane: stranger, signal: { ...record.signal, signalId: 'gone' } }
    await rig.journal.record({
      execution: { record: moved, payloadHash: 'gone', answer: await execute('a'), event: null },
      attempt: { ...attempt, lane: stranger, hash: `0x${'9f'.repeat(32)}`, signalId: 'gone' },
    })
    await restart()
    await engine.recover()
    rig.told.length = 0
    await look(['gone', { kind: 'bump' }])
    await look(['gone', mined(`0x${'9f'.repeat(32)}`)])
    expect(onDisk('gone')?.state).toBe('included')
    await look(['gone', { kind: 'reorged', minedCount: FIRST_NONCE }])
    expect(onDisk('gone')?.state).toBe('pending')
    await look(['gone', mined(`0x${'9f'.repeat(32)}`, { final: true })])
    expect(onDisk('gone')).toBeUndefined()
    expect(rig.told.filter((line) => line.startsWith('error'))).toEqual([])
  })
})

describe('gaps', () => {
  let count: number
  /** Leaves nonce 41 unused below a trade at 42. */
  async function makeGap(): Promise<void> {
    const refused = Promise.withResolvers<never>()
    let first = true
    count = FIRST_NONCE
    change = (journal) => ({
      minedCount: async () => count,
      journal: {
        ...journal,
        record(change) {
          if (!first || change.attempt === null) return journal.record(change)
          first = false
          return refused.promise
        },
      },
    })
    await restart()
    const failing = execute('a')
    await expect.poll(() => first).toBe(false)
    await execute('b')
    refused.reject(new Error('disk I/O error'))
    expect(told(await failing).code).toBe('JOURNAL_UNAVAILABLE')
    expect(lane()?.gaps).toEqual([FIRST_NONCE])
  }
  const sentNow = () => sent.splice(0).map(({ kind, nonce }) => `${kind} ${nonce}`)

  it('are filled with a no-op of ours that is on disk first, so that what is above moves on', async () => {
    await makeGap()
    await look()
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
    const filler = sent[1]?.raw
    expect(sentNow()).toEqual([`first ${FIRST_NONCE + 1}`, `filler ${FIRST_NONCE}`])

    // It survives a restart as what it is.
    await restart()
    await engine.recover()
    expect(sent.map(({ raw }) => raw)).toContain(filler)
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
  })

  it('go to a trade that comes before a filler', async () => {
    await makeGap()
    await execute('c')
    await look()
    expect(sentNow()).toEqual([`first ${FIRST_NONCE + 1}`, `first ${FIRST_NONCE}`])
  })

  it('have fillers that are sent again at each block, and bumped like a trade', async () => {
    await makeGap()
    await look()
    sentNow()
    await look()
    expect(sentNow()).toEqual([])
    rig.head += 1
    await look()
    expect(sentNow()).toEqual([`filler ${FIRST_NONCE}`])
    rig.head += 2
    await look()
    expect(sentNow()).toEqual([`filler ${FIRST_NONCE}`])
    const fillers = rig.journal.openAttempts().filter(({ kind }) => kind === 'filler')
    expect(fillers.map(({ nonce }) => nonce)).toEqual([FIRST_NONCE, FIRST_NONCE])
    count = FIRST_NONCE + 1
    await look()
    expect(lane()).toMatchObject({ inFlight: 1, gaps: [] })
    expect(sentNow()).toEqual([])
  })

  it('takes one low count for no reorg', async () => {
    await makeGap()
    await look()
    const trade = sent[0]?.hash
    count = FIRST_NONCE + 2
    await look(['b', mined(trade, { final: true })])
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 2 })
    sentNow()
    count = FIRST_NONCE
    rig.head += 1
    await look()
    // Should it have left the chain, the same bytes bring it back.
    expect(sentNow()).toEqual([`filler ${FIRST_NONCE}`])
    count = FIRST_NONCE + 2
    rig.head += 1
    await look()
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 2, gaps: [] })
  })
})
