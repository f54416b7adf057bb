import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ABSENT,
  type Change,
  FIRST_NONCE,
  HEAD,
  type LiveRig,
  liveTrade,
  NODE_DOWN,
  openLiveRig,
  PROFIT,
  START_MS,
} from '../../../test/support/liveContext.ts'
import { createBudget } from '../../budget/budget.ts'
import type { MinedCount } from '../../confirmation/minedCounts.ts'
import type { MinedReceipt } from '../../confirmation/minedReceipt.ts'
import type { Finding } from '../../confirmation/readChain.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import type { Simulation } from '../../domain/execution.ts'
import type { Attempt } from '../../domain/liveExecution.ts'
import type { Hex, Signal } from '../../domain/signal.ts'
import { failure, succeed } from '../../errors/failure.ts'
import type { LiveJournal } from '../../journal/liveJournal.ts'
import type { LiveContext } from './liveContext.ts'
import { createLiveEngine, type LiveEngine } from './liveEngine.ts'

let folder: string
let rig: LiveRig
let engine: LiveEngine
/** What the chain says of transactions; of any other nothing. */
const findings = new Map<Hex, Finding>()
let counts: number[] | null
const sent: Attempt[] = []
let hangs = false
let change: (journal: LiveJournal) => Change

/** A process on the same journal. */
async function start(): Promise<void> {
  rig = await openLiveRig({
    path: join(folder, 'chain-1.sqlite'),
    change: ({ journal }) => {
      const own = change(journal)
      return {
        ...own,
        chain: {
          find: async (positions) =>
            positions.map(({ hashes }) => hashes.map((hash) => findings.get(hash)).find(Boolean) ?? ABSENT),
          minedCounts: () =>
            counts === null
              ? new Promise(() => {})
              : Promise.resolve(counts.map((count) => ({ count }) as MinedCount)),
          ...own.chain,
        },
        send: {
          async broadcast({ attempt }) {
            // Whatever happens: on disk before it leaves.
            if (!journal.isOurs(attempt.hash)) throw new Error('It was sent before it was on disk.')
            sent.push(attempt)
            return { status: 'accepted', hash: attempt.hash }
          },
          ...own.send,
        },
      }
    },
  })
  engine = createLiveEngine(rig.context)
}
/** Ends it as a crash does: what is not on disk is lost. */
async function restart(): Promise<void> {
  await engine.stop()
  rig.journal.close()
  sent.length = 0
  findings.clear()
  await start()
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'titan-engine-'))
  findings.clear()
  counts = []
  sent.length = 0
  change = () => ({})
  await start()
})
afterEach(async () => {
  // A step that waits for a node that never answers is not waited for.
  if (!hangs) await engine.stop()
  hangs = false
  rig.journal.close()
  rmSync(folder, { recursive: true, force: true })
})

const told = ({ body }: Answer) => JSON.parse(body) as Record<string, unknown>
const execute = (signalId: string, over: Partial<Signal> = {}) => engine.execute(liveTrade(signalId, over))
const onDisk = (signalId: string) =>
  rig.journal.open().find(({ record }) => record.signal.signalId === signalId)?.record
const lane = () => rig.lanes.status()[0]
const sentNow = () => sent.splice(0).map(({ kind, nonce }) => `${kind} ${nonce}`)
const cap = ({ fee }: Attempt) => (fee.type === 2 ? fee.maxFeePerGas : fee.gasPrice)

/** Time for a few blocks. */
async function blocks(count: number): Promise<void> {
  rig.head += count
  rig.elapsedMs += 12_000 * count
  await engine.check()
}

const receiptOf = (hash: Hex | undefined, { success = true, block = HEAD + 1 } = {}): MinedReceipt => ({
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
})
const mined = (
  attempt: Attempt | undefined,
  { final = false, ...over }: { final?: boolean; success?: boolean; block?: number } = {},
): Finding => ({ kind: 'mined', final, receipt: receiptOf(attempt?.hash, over) })

/** The chain says so from now on. */
async function check(...said: readonly (readonly [Attempt | undefined, Finding])[]): Promise<void> {
  rig.elapsedMs += 5_000
  for (const [attempt, finding] of said) if (attempt !== undefined) findings.set(attempt.hash, finding)
  await engine.check()
}
const abandon = (signalId: string) => engine.control({ action: 'abandon', signalId })
/** What is under way has come as far as it can without an answer that is held back. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
const SIMULATION: Simulation = {
  success: true,
  gasUsed: 307_699n,
  profit: PROFIT,
  shortfall: null,
  block: HEAD,
  l1FeeWei: 0n,
  revertKind: null,
  error: null,
  failedHop: null,
  revertData: null,
  hint: null,
  takenBy: null,
}
const REPLACED: Finding = { kind: 'absent', replaced: true, asked: true }
const ASKED: Finding = { kind: 'absent', replaced: false, asked: true }

describe('execute', () => {
  it('answers a sender who waits for a node once one has it', async () => {
    const answer = await execute('a')
    expect(answer).toMatchObject({ success: true, httpStatus: 202, replayed: false })
    expect(told(answer)).toMatchObject({ status: 'pending', signal_id: 'a', nonce: FIRST_NONCE })
    expect(sent.map(({ hash }) => hash)).toEqual([rig.journal.openAttempts()[0]?.hash])
  })

  it('answers a sender who does not wait with a promise that is on disk', async () => {
    const answer = await execute('a', { wait: 'none' })
    expect(told(answer)).toMatchObject({ success: true, status: 'accepted' })
    expect(onDisk('a')).toMatchObject({ signal: { signalId: 'a' } })
    await expect.poll(() => sent).toHaveLength(1)
    expect(rig.journal.totals().totalSignals).toBe(1)
  })

  it('answers a sender who waits for a block with what the block did', async () => {
    const answering = execute('a', { wait: 'included' })
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    await check([sent[0], mined(sent[0])])
    expect(told(await answering)).toMatchObject({ success: true, status: 'included', txHash: sent[0]?.hash })
  })

  it('answers whoever still waits when it stops, and keeps what is out', async () => {
    const answering = execute('a', { wait: 'included' })
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    await engine.stop()
    expect(told(await answering)).toMatchObject({ success: false, status: 'pending', code: 'NOT_SETTLED' })
    expect(onDisk('a')?.state).toBe('pending')
  })

  it('answers whoever waits for a lane when it stops', async () => {
    change = () => ({ settings: { laneWaitMs: 600_000 } })
    await restart()
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => execute(id, { hops: [] })))
    const waiting = execute('e')
    await engine.stop()
    expect(told(await waiting)).toMatchObject({ success: false, code: 'DRAINING' })
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
    change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    expect(told(await execute('a'))).toMatchObject({ success: false, code: 'NODE_UNAVAILABLE' })
    change = () => ({})
    await restart()
    expect(told(await execute('a')).status).toBe('pending')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE)
  })

  it.each(['none', 'broadcast'] as const)('promises nothing without a disk (wait: %s)', async (wait) => {
    change = () => ({ journal: { record: () => Promise.reject(new Error('disk is full')) } })
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
      trade: {
        sign() {
          throw new Error('The signer is gone.')
        },
      },
    })
    await restart()
    for (const _ of [1, 2]) expect(told(await execute('a')).code).toBe('INTERNAL')
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
  })
})

describe('a promise', () => {
  it('outlives a node that is silent, a disk that refuses and lanes that are busy', async () => {
    let trouble: 'node' | 'disk' | null = 'node'
    change = (journal) => ({
      trade: {
        async simulate() {
          return trouble === 'node' ? NODE_DOWN : succeed({ ...SIMULATION, block: rig.head })
        },
      },
      journal: {
        record: (change) =>
          trouble === 'disk' ? Promise.reject(new Error('disk is full')) : journal.record(change),
      },
    })
    await restart()
    expect(told(await execute('a', { wait: 'none' })).status).toBe('accepted')
    await blocks(1)
    expect(onDisk('a')?.state).toBe('accepted')
    trouble = 'disk'
    for (const _ of [1, 2, 3]) {
      engine.poll()
      await pause()
    }
    expect(onDisk('a')?.state).toBe('accepted')
    trouble = null
    engine.poll()
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
  })
  it('ends by its own merits, and such a denial is not to be sent again', async () => {
    change = () => ({
      trade: { simulate: async () => succeed({ ...SIMULATION, success: false, revertKind: 'failed' }) },
    })
    await restart()
    await execute('a', { wait: 'none' })
    await expect.poll(() => onDisk('a')).toBeUndefined()
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({
      status: 'denied',
      code: 'SIMULATION_FAILED',
      retryable: false,
    })
  })

  it('expires when its time has passed while nothing could be done', async () => {
    change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    await execute('a', { wait: 'none' })
    await execute('b', { wait: 'none', validUntilMs: START_MS + 5_000 })
    rig.nowMs += 5_001
    engine.poll()
    await expect.poll(() => onDisk('b')).toBeUndefined()
    expect(onDisk('a')?.state).toBe('accepted')
    rig.elapsedMs += 600_000
    engine.poll()
    await expect.poll(() => onDisk('a')).toBeUndefined()
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({ status: 'expired', code: 'EXPIRED' })
  })

  describe('behind a trade that takes its opportunity', () => {
    /** What follows another on its pools does not pay. */
    const taken =
      (gate?: Promise<unknown>): LiveContext['trade']['simulate'] =>
      async ({ behind: [first] }) => {
        if (first === undefined) return succeed({ ...SIMULATION, block: rig.head })
        await gate
        const takenBy = first.signalId
        return succeed({ ...SIMULATION, success: false, profit: null, revertKind: 'unprofitable', takenBy })
      }

    it.each(['after its evaluation', 'before it ends'])(
      'is tried again when that one could not be written down (%s)',
      async (when) => {
        const written = Promise.withResolvers<never>()
        const evaluated = Promise.withResolvers<void>()
        if (when === 'before it ends') evaluated.resolve()
        change = (journal) => ({
          trade: { simulate: taken(evaluated.promise) },
          journal: {
            record: (change) => (change.attempt?.signalId === 'a' ? written.promise : journal.record(change)),
          },
        })
        await restart()
        const a = execute('a')
        await expect.poll(() => lane()?.nonce).toBe(FIRST_NONCE + 1)
        await execute('b', { wait: 'none' })
        await pause()
        expect(onDisk('b')?.state).toBe('accepted')
        written.reject(new Error('disk is full'))
        expect(told(await a).code).toBe('JOURNAL_UNAVAILABLE')
        evaluated.resolve()
        await expect.poll(() => onDisk('b')?.state).toBe('pending')
        expect(sent.map(({ signalId }) => signalId)).toContain('b')
      },
    )

    it('is denied once that one is on disk', async () => {
      change = () => ({ trade: { simulate: taken() } })
      await restart()
      void execute('a')
      await execute('b', { wait: 'none' })
      await expect.poll(() => rig.journal.find('b')?.answer.body).toContain('OPPORTUNITY_TAKEN')
    })

    it('waits while that one is being cancelled, and is sent when the no-op is in a block', async () => {
      change = () => ({ trade: { simulate: taken() } })
      await restart()
      await execute('a')
      await engine.control({ action: 'cancel', signalId: 'a' })
      expect(told(await execute('c'))).toMatchObject({ code: 'LANES_BUSY', retryable: true })
      await execute('b', { wait: 'none' })
      engine.poll()
      await pause()
      expect(onDisk('b')?.state).toBe('accepted')
      const cancel = sent.find(({ kind }) => kind === 'cancel')
      rig.head += 1
      await check([cancel, mined(cancel)])
      engine.poll()
      await expect.poll(() => onDisk('b')?.state).toBe('pending')
    })
  })

  it('is not simulated again until the hour has room for it', async () => {
    const simulated: string[] = []
    const limits = {
      maxFeeWei: 10n ** 12n,
      maxTxCostWei: 10n ** 19n,
      // Room for one and a half.
      maxSpendPerHourWei: (3n * 31_000_000_007n * 615_398n) / 2n,
      maxRepairSpendPerHourWei: 10n ** 18n,
    }
    let budget = createBudget({ limits, now: () => START_MS + rig.elapsedMs })
    change = () => ({
      trade: {
        async simulate({ signal }) {
          simulated.push(signal.signalId)
          return succeed({ ...SIMULATION, block: rig.head })
        },
      },
      budget,
    })
    await restart()
    await execute('a', { hops: [] })
    for (const id of ['b', 'c']) await execute(id, { wait: 'none', hops: [] })
    const heads = async () => {
      for (const _ of [1, 2, 3]) {
        rig.head += 1
        engine.poll()
        await pause()
      }
    }
    await heads()
    expect(simulated.toSorted()).toEqual(['a', 'b', 'c'])
    // Its gas was less than was at stake.
    await check([sent[0], mined(sent[0])])
    await heads()
    // Both may be evaluated for the room that one of them gets.
    expect(simulated.length).toBeLessThanOrEqual(5)
    expect(rig.journal.open().filter(({ record }) => record.state === 'pending')).toHaveLength(1)

    // Of an hour that is used up not even the first evaluation is made.
    const spent = [{ wei: limits.maxSpendPerHourWei, atMs: START_MS, receipt: 'x' }]
    budget = createBudget({ limits, spent, now: () => START_MS + rig.elapsedMs })
    await restart()
    simulated.length = 0
    await execute('d', { wait: 'none', hops: [], validUntilMs: START_MS + 7_200_000 })
    await heads()
    expect(simulated).toEqual([])
    rig.elapsedMs += 3_600_000
    engine.poll()
    await expect.poll(() => simulated).toEqual(['d'])
  })

  it('is refused where too many wait already', async () => {
    change = () => ({ trade: { simulate: async () => NODE_DOWN }, settings: { promisedMax: 2 } })
    await restart()
    for (const id of ['a', 'b']) await execute(id, { wait: 'none' })
    expect(told(await execute('c', { wait: 'none' }))).toMatchObject({ success: false, code: 'OVERLOADED' })
  })
})

describe('a trade that is out', () => {
  it('is followed from block to block, and its outcome told exactly', async () => {
    await execute('a')
    const [first] = sent
    await check([first, mined(first)])
    expect(onDisk('a')).toMatchObject({
      state: 'included',
      realised: { profit: 7_000_001n, gasCostWei: 5_100_017n },
    })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 1 })
    expect(rig.journal.totals()).toMatchObject({ executed: 1, profitUsdE8: 640_000_007n })
    expect(rig.context.budget.spentLastHourWei()).toBe(5_100_017n)

    counts = [FIRST_NONCE]
    await check([first, REPLACED])
    expect(onDisk('a')).toMatchObject({ state: 'pending', inclusion: null, realised: null, failure: null })
    expect(sent.map(({ hash }) => hash)).toEqual([first?.hash, first?.hash])
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 1 })
    expect(rig.journal.totals()).toMatchObject({ executed: 0, failed: 0, profitUsdE8: 0n })
    expect(rig.context.budget.spentLastHourWei()).toBe(0n)

    await check([first, mined(first, { success: false, block: HEAD + 2 })])
    expect(onDisk('a')).toMatchObject({ state: 'reverted', inclusion: { block: HEAD + 2 } })
    await check([first, { kind: 'mined', receipt: null, final: true }])
    await expect.poll(() => rig.journal.open()).toEqual([])
    expect(rig.journal.openAttempts()).toEqual([])
    expect(rig.context.budget.atStakeWei()).toBe(0n)
    expect(rig.journal.totals()).toMatchObject({ totalSignals: 1, executed: 0, failed: 1 })
    const again = await execute('a')
    expect([again.replayed, told(again).status, told(again).code]).toEqual([true, 'reverted', 'REVERTED'])
    expect(rig.told.filter((line) => line.startsWith('publish live_execution'))).toEqual([
      'publish live_execution filled',
      'publish live_execution failed',
    ])
  })

  it('is left alone while nothing is known of it, and while there is nothing to do', async () => {
    await execute('a')
    const before = onDisk('a')
    await check([sent[0], { kind: 'unknown', reason: 'no answer' }])
    await check([sent[0], ABSENT])
    expect(onDisk('a')).toEqual(before)
    expect(sent).toHaveLength(1)
  })

  it('is sent again, bumped while it pays, and cancelled when two blocks say that it does not', async () => {
    let profit = PROFIT
    let block = 0
    change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, profit, block: block || rig.head })
        },
      },
    })
    await restart()
    await execute('a')
    await blocks(2)
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`, `first ${FIRST_NONCE}`])
    await blocks(1)
    expect(sentNow()).toEqual([`replacement ${FIRST_NONCE}`])

    profit = 1n
    // An endpoint that lags shows the block it was signed on, where the opportunity is not there yet.
    block = HEAD
    await blocks(1)
    await blocks(1)
    expect(sentNow().filter((line) => line.startsWith('cancel'))).toEqual([])
    block = 0
    await blocks(1)
    expect(sentNow().filter((line) => line.startsWith('cancel'))).toEqual([])
    await blocks(1)
    expect(sentNow()).toEqual([`cancel ${FIRST_NONCE}`])
    await blocks(3)
    expect(sentNow()).toEqual([`cancel ${FIRST_NONCE}`])
    const attempts = rig.journal.openAttempts()
    const caps = attempts.map(cap)
    expect(caps).toEqual(caps.toSorted((a, b) => (a < b ? -1 : 1)))
    expect(attempts.map(({ kind }) => kind)).toEqual(['first', 'replacement', 'cancel', 'cancel'])

    // Whatever is mined settles it: here the trade, though it was being cancelled.
    await check([attempts[1], mined(attempts[1], { final: true })])
    expect(rig.journal.totals()).toMatchObject({ executed: 1, failed: 0 })
    expect(told(await execute('a'))).toMatchObject({ status: 'included', txHash: attempts[1]?.hash })
  })
  it('is not bumped beyond what it is worth now', async () => {
    let profit = PROFIT
    change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, profit, block: rig.head })
        },
      },
    })
    await restart()
    await execute('a')
    const cost = cap(sent[0] as Attempt) * (sent[0] as Attempt).gasLimit
    // It pays on this block, but not for a valid replacement.
    profit = cost + 7n
    for (const _ of [1, 2, 3, 4, 5]) await blocks(1)
    expect(sentNow().filter((line) => !line.startsWith('first'))).toEqual([])
  })

  it('whose cancel was mined is no trade, and its gas was lost', async () => {
    change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, profit: rig.head === HEAD ? PROFIT : 1n, block: rig.head })
        },
      },
    })
    await restart()
    await execute('a')
    await blocks(1)
    await blocks(1)
    const cancel = sent.at(-1)
    expect(cancel?.kind).toBe('cancel')
    await check([cancel, mined(cancel)])
    expect(onDisk('a')).toMatchObject({ state: 'cancelled', failure: { code: 'CANCELLED' } })
    expect(rig.journal.totals()).toMatchObject({ executed: 0, failed: 1, profitUsdE8: -7n })
  })

  it('keeps its bytes out where no replacement can be written down', async () => {
    await execute('a')
    change = (journal) => ({
      journal: {
        record: (change) =>
          change.attempt === null ? journal.record(change) : Promise.reject(new Error('disk is full')),
      },
    })
    await restart()
    await engine.recover()
    const before = rig.context.budget.atStakeWei()
    await blocks(4)
    expect(new Set(sent.map(({ hash }) => hash)).size).toBe(1)
    expect(rig.journal.openAttempts()).toHaveLength(1)
    expect(rig.context.budget.atStakeWei()).toBe(before)
  })

  it('is bumped and settled though another endpoint hangs, lies or is late about the count', async () => {
    await execute('a')
    for (const said of [[], [FIRST_NONCE - 9], [FIRST_NONCE, FIRST_NONCE + 7]]) {
      counts = said
      findings.set((sent[0] as Attempt).hash, ASKED)
      await blocks(3)
      expect(rig.journal.openAttempts().at(-1)?.kind).toBe('replacement')
    }
    // Counts never come any more, and the receipt is settled all the same.
    counts = null
    rig.head += 2
    const hanging = engine.check()
    findings.clear()
    const newest = rig.journal.openAttempts().at(-1) as Attempt
    findings.set(newest.hash, mined(newest))
    engine.poll()
    await expect.poll(() => onDisk('a')?.state).toBe('included')
    void hanging
    hangs = true
  })

  it('is found where the count says that it is mined, though the endpoint that is asked first has no receipt', async () => {
    change = () => ({
      chain: { receiptWhereMined: async ({ hashes }) => receiptOf(hashes[0]) },
    })
    await restart()
    await execute('a')
    counts = [FIRST_NONCE, FIRST_NONCE + 1]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    expect(onDisk('a')?.state).toBe('included')
  })

  it('is given up once it is known who took its nonce, and a foreign transaction stops the lane', async () => {
    const foreign: Hex = `0x${'5a'.repeat(32)}`
    let by: { hash: Hex; what: string } | null = null
    change = () => ({ chain: { foreignTransaction: async () => by } })
    await restart()
    await execute('a')
    counts = [FIRST_NONCE + 1]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    await blocks(5)
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    by = { hash: sent[0]?.hash as Hex, what: 'ours' }
    await blocks(1)
    expect(onDisk('a')?.state).toBe('pending')
    by = { hash: foreign, what: 'which sends 1 wei to 0x5a' }
    await blocks(1)
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()?.paused).toContain(foreign)
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE + 1 })
    expect(rig.context.budget.atStakeWei()).toBe(0n)
    expect(told(await execute('b')).code).toBe('LANES_BUSY')
  })

  it('is given up too when nodes do not tell any more who took its nonce', async () => {
    change = () => ({ chain: { foreignTransaction: async () => ({ hash: null }) } })
    await restart()
    await execute('a')
    counts = [FIRST_NONCE + 1]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    await blocks(5)
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()?.paused).toContain('not ours')
  })

  it('tells the reason of a revert afterwards', async () => {
    change = () => ({
      chain: { whyReverted: async () => failure('SIMULATION_FAILED', 'Hop 1 lacks 3 units.') },
    })
    await restart()
    await execute('a')
    await check([sent[0], mined(sent[0], { success: false })])
    await expect
      .poll(() => onDisk('a')?.failure?.sentence)
      .toBe(`The transaction reverted in block ${HEAD + 1}: Hop 1 lacks 3 units.`)
  })

  it('does not wait for another whose step fails', async () => {
    let broken: string | null = ''
    change = () => ({
      trade: {
        async realise({ signal }) {
          if (signal?.signalId === broken) throw new Error('No price.')
          return { profit: 3n, gasCostWei: 5n, netProfitUsdE8: null }
        },
      },
    })
    await restart()
    await execute('a')
    await execute('b')
    broken = 'a'
    const [a, b] = sent
    await check([a, mined(a)], [b, mined(b)])
    expect([onDisk('a')?.state, onDisk('b')?.state]).toEqual(['pending', 'included'])
    broken = null
    await check()
    expect(onDisk('a')?.state).toBe('included')
  })

  it('keeps its attempts while a lower nonce of its lane can still change', async () => {
    await execute('a')
    await execute('b')
    const [a, b] = sent
    await check([b, mined(b, { final: true })])
    expect(rig.journal.openAttempts().map(({ nonce }) => nonce)).toEqual([FIRST_NONCE, FIRST_NONCE + 1])
    await check([a, mined(a, { final: true })])
    expect(rig.journal.openAttempts()).toEqual([])
    expect(rig.journal.settledNonce(rig.key.address)).toBe(FIRST_NONCE + 1)
  })

  it('stands still with the chain, however the wall clock jumps', async () => {
    await execute('a')
    for (const jump of [-3_600_000, 7_200_000]) {
      rig.nowMs += jump
      await engine.check()
    }
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
    rig.nowMs -= 3_600_000
    await blocks(3)
    expect(sentNow()).toEqual([`replacement ${FIRST_NONCE}`])
  })
})

describe('recover', () => {
  it('sends the same bytes in the order of nonces, signs nothing, and goes on behind them', async () => {
    for (const id of ['a', 'b', 'c']) await execute(id)
    await check([sent[0], mined(sent[0])])
    const waiting = [sent[1]?.raw, sent[2]?.raw]
    const attempts = rig.journal.openAttempts()
    const atStake = rig.context.budget.atStakeWei()
    await restart()
    await engine.recover()
    expect(sent.map(({ raw }) => raw)).toEqual(waiting)
    expect(rig.journal.openAttempts()).toEqual(attempts)
    expect(lane()).toMatchObject({ inFlight: 2, nonce: FIRST_NONCE + 3 })
    expect(rig.context.budget.atStakeWei()).toBe(atStake)
    expect(rig.context.budget.spentLastHourWei()).toBe(5_100_017n)
    rig.head += 1
    await execute('d')
    expect(sent.at(-1)?.nonce).toBe(FIRST_NONCE + 3)
    expect((await execute('b')).replayed).toBe(true)
  })

  it('dates gas by its block, and not by when that was final', async () => {
    await execute('a')
    await execute('b')
    await check([sent[0], mined(sent[0])])
    rig.nowMs += 4_000_000
    for (const final of [false, true]) await check([sent[1], mined(sent[1], { final })])
    await check([sent[0], mined(sent[0], { final: true })])
    await expect.poll(() => rig.journal.open()).toEqual([])
    const spent = rig.journal.gasSpentSince(START_MS + 1)
    expect(spent.map(({ atMs }) => atMs)).toEqual([START_MS + 4_000_000])
  })

  it('keeps a promise that was made before the end', async () => {
    change = () => ({ trade: { simulate: () => new Promise(() => {}) } })
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
    change = () => ({ trade: { simulate: () => new Promise(() => {}) } })
    await restart()
    await execute('a', { wait: 'none', validUntilMs: START_MS + 1_000 })
    change = () => ({ clock: { nowMs: () => START_MS + 1_001 } })
    await restart()
    await engine.recover()
    await expect.poll(() => told(rig.journal.find('a')?.answer as Answer).code).toBe('EXPIRED')
    expect(rig.journal.openAttempts()).toEqual([])
  })

  it('hands out no nonce of a trade that was final before the end, however low the count', async () => {
    await execute('a')
    await execute('b')
    await check([sent[1], mined(sent[1], { final: true })])
    await restart()
    await engine.recover()
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 2 })
  })

  it('follows a trade whose key is not configured any more, and fails at nothing', async () => {
    await execute('a')
    const record = onDisk('a')
    const [attempt] = rig.journal.openAttempts()
    if (record === undefined || attempt === undefined) throw new Error('There is no trade.')
    const gone: Attempt = {
      ...attempt,
      lane: `0x${'9e'.repeat(20)}`,
      hash: `0x${'9f'.repeat(32)}`,
      signalId: 'gone',
    }
    const moved = { ...record, lane: gone.lane, signal: { ...record.signal, signalId: 'gone' } }
    await rig.journal.record({
      execution: { record: moved, payloadHash: 'gone', answer: await execute('a'), event: null },
      attempt: gone,
    })
    await restart()
    await engine.recover()
    rig.told.length = 0
    await blocks(4)
    await check([gone, mined(gone)])
    expect(onDisk('gone')?.state).toBe('included')
    counts = [FIRST_NONCE]
    await check([gone, REPLACED])
    expect(onDisk('gone')?.state).toBe('pending')
    await check([gone, mined(gone, { final: true })])
    expect(onDisk('gone')).toBeUndefined()
    expect(rig.told.filter((line) => line.startsWith('error'))).toEqual([])
  })
})

describe('recover with an endpoint that hangs', () => {
  it('sends what is above on the lane, though nobody answers about what is below', async () => {
    await execute('a')
    await execute('b')
    const asked: number[] = []
    change = () => ({
      send: {
        async broadcast({ attempt }) {
          asked.push(attempt.nonce)
          if (attempt.nonce === FIRST_NONCE) await new Promise(() => {})
          return { status: 'accepted', hash: attempt.hash }
        },
      },
    })
    await restart()
    await engine.recover()
    expect(asked).toEqual([FIRST_NONCE, FIRST_NONCE + 1])
  })
})

describe('gaps', () => {
  /** Leaves nonce 41 unused below a trade at 42. */
  async function makeGap(): Promise<void> {
    const refused = Promise.withResolvers<never>()
    let first = true
    change = (journal) => ({
      journal: {
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
    refused.reject(new Error('disk is full'))
    expect(told(await failing).code).toBe('JOURNAL_UNAVAILABLE')
    expect(lane()?.gaps).toEqual([FIRST_NONCE])
  }

  it('are filled with a no-op of ours that is on disk first, so that what is above moves on', async () => {
    await makeGap()
    await engine.check()
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
    await engine.check()
    expect(sentNow()).toEqual([`first ${FIRST_NONCE + 1}`, `first ${FIRST_NONCE}`])
  })

  it('have fillers that are bumped, settled and paid for like a trade', async () => {
    await makeGap()
    await engine.check()
    await blocks(3)
    const fillers = rig.journal.openAttempts().filter(({ nonce }) => nonce === FIRST_NONCE)
    expect(fillers.map(({ kind }) => kind)).toEqual(['filler', 'cancel'])
    await check([fillers[0], mined(fillers[0])])
    expect(lane()).toMatchObject({ inFlight: 1, gaps: [] })
    expect(rig.journal.totals()).toMatchObject({ totalSignals: 1, executed: 0, failed: 0, profitUsdE8: -7n })
    expect(rig.context.budget.spentLastHourWei()).toBe(5_100_017n)
    counts = [FIRST_NONCE]
    await check([fillers[0], REPLACED])
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
    await check([fillers[0], mined(fillers[0], { final: true })])
    expect(rig.journal.openFillers()).toEqual([])
  })

  it('that a foreign transaction leaves when it is out of the chain again are filled', async () => {
    rig.lanes.lane(rig.key.address)?.resync([FIRST_NONCE + 1])
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE + 1)
    counts = [FIRST_NONCE]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    for (let block = 0; block < 3; block += 1) await blocks(1)
    expect(lane()?.gaps).toEqual([])
    for (let block = 0; block < 6; block += 1) await blocks(1)
    expect(sentNow()).toContain(`filler ${FIRST_NONCE}`)
  })

  it('are not told by single low counts, however long apart', async () => {
    const held = rig.lanes.lane(rig.key.address)
    held?.resync([FIRST_NONCE + 1])
    counts = [FIRST_NONCE]
    await execute('a')
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(3)
    // Two, while one trade waits.
    await blocks(300)
    await check([sent[0], mined(sent[0], { block: rig.head })])
    for (let block = 0; block < 4; block += 1) await blocks(1)
    // More, of another trade.
    await execute('b')
    findings.set((sent.at(-1) as Attempt).hash, ASKED)
    for (let block = 0; block < 5; block += 1) await blocks(1)
    await engine.check()
    expect(held?.minedCount()).toBe(FIRST_NONCE + 2)
    expect(sentNow().some((line) => line.startsWith('filler'))).toBe(false)
  })
})

describe('what is settled while nodes take their time', () => {
  const held = () => Promise.withResolvers<void>()
  const GAINED = { profit: 7_000_001n, gasCostWei: 300_001n * 17n, netProfitUsdE8: 640_000_007n }

  it('keeps the cost of a trade that left its block and was mined again beside a late count', async () => {
    let counting: Promise<void> | null = null
    let pricing: Promise<void> | null = null
    change = () => ({
      chain: {
        async minedCounts() {
          await counting
          return [{ count: FIRST_NONCE } as MinedCount]
        },
      },
      trade: {
        async realise() {
          await pricing
          return GAINED
        },
      },
    })
    await restart()
    await execute('a')
    const [first] = sent
    await check([first, mined(first, { block: HEAD + 1 })])
    const [count, price] = [held(), held()]
    counting = count.promise
    pricing = price.promise
    findings.set(first?.hash ?? '0x', REPLACED)
    rig.head += 1
    engine.poll()
    await pause()
    findings.set(first?.hash ?? '0x', mined(first, { block: HEAD + 2 }))
    rig.head += 1
    engine.poll()
    await pause()
    count.resolve()
    await pause()
    price.resolve()
    await engine.check()
    expect(onDisk('a')).toMatchObject({ state: 'included', inclusion: { block: HEAD + 2 } })
    expect(rig.context.budget.spentLastHourWei()).toBe(300_001n * 17n)
    expect(rig.context.budget.atStakeWei()).toBe(0n)
    expect(lane()).toMatchObject({ inFlight: 0 })
  })

  it('is told once, though a count finds its block beside the check of blocks', async () => {
    const counted = held()
    const price = held()
    let isCounting = false
    change = () => ({
      chain: {
        async minedCounts() {
          isCounting = true
          await counted.promise
          return [{ count: FIRST_NONCE + 1 } as MinedCount]
        },
        receiptWhereMined: async ({ hashes }) => receiptOf(hashes[0]),
      },
      trade: {
        async realise() {
          await price.promise
          return GAINED
        },
      },
    })
    await restart()
    await execute('a')
    const [first] = sent
    rig.head += 2
    findings.set(first?.hash ?? '0x', ASKED)
    engine.poll()
    await expect.poll(() => isCounting).toBe(true)
    findings.set(first?.hash ?? '0x', mined(first))
    engine.poll()
    await pause()
    counted.resolve()
    await pause()
    price.resolve()
    await engine.check()
    expect(rig.told.filter((line) => line.endsWith(' filled'))).toHaveLength(1)
  })

  it('tells the outcome of one trade while the price of another is waited for', async () => {
    const price = held()
    change = () => ({
      trade: {
        sharesPool: () => false,
        async realise({ signal }) {
          if (signal?.signalId === 'a') await price.promise
          return GAINED
        },
      },
    })
    await restart()
    await execute('a')
    await execute('b')
    const [a, b] = sent
    findings.set(a?.hash ?? '0x', mined(a))
    engine.poll()
    await pause()
    findings.set(b?.hash ?? '0x', mined(b))
    engine.poll()
    await expect.poll(() => onDisk('b')?.state).toBe('included')
    expect(onDisk('a')?.state).toBe('pending')
    price.resolve()
    await engine.check()
    expect(onDisk('a')?.state).toBe('included')
  })
})

describe("the operator's hand", () => {
  it('cancels, speeds up, and refuses what cannot be done', async () => {
    await execute('a')
    expect(await engine.control({ action: 'speed_up', signalId: 'a' })).toMatchObject({ ok: true })
    await blocks(1)
    expect(await engine.control({ action: 'speed_up', signalId: 'a' })).toMatchObject({ ok: true })
    expect(await engine.control({ action: 'cancel', signalId: 'a' })).toMatchObject({ ok: true })
    const kinds = rig.journal.openAttempts().map(({ kind }) => kind)
    expect(kinds).toEqual(['first', 'replacement', 'replacement', 'cancel'])
    counts = [FIRST_NONCE]
    expect(await engine.control({ action: 'abandon', signalId: 'a' })).toMatchObject({
      ok: false,
      failure: { code: 'TRADE_NOT_OPEN' },
    })
    expect(await engine.control({ action: 'cancel', signalId: 'nobody' })).toMatchObject({
      ok: false,
      failure: { code: 'TRADE_NOT_OPEN' },
    })
  })

  it('stops a lane and lets it go on, from behind what others have done with its account', async () => {
    const command = { lane: rig.key.address, reason: 'I move its funds' }
    expect(await engine.control({ action: 'pause', ...command })).toMatchObject({ ok: true })
    expect(told(await execute('a'))).toMatchObject({ code: 'LANES_BUSY' })
    expect(lane()?.paused).toContain('I move its funds')
    counts = [FIRST_NONCE + 2]
    expect(await engine.control({ action: 'resume', ...command })).toMatchObject({ ok: true })
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE + 2)
    const unknown = { lane: `0x${'77'.repeat(20)}`, reason: null } as const
    expect(await engine.control({ action: 'pause', ...unknown })).toMatchObject({ ok: false })
  })

  it('lets a lane go on from the count of every endpoint, below one that proved wrong', async () => {
    const command = { action: 'resume', lane: rig.key.address, reason: null } as const
    const held = rig.lanes.lane(rig.key.address)
    held?.resync([FIRST_NONCE + 40])
    counts = [FIRST_NONCE + 40, FIRST_NONCE]
    expect(await engine.control(command)).toMatchObject({ ok: true })
    expect(lane()?.nonce).toBe(FIRST_NONCE)
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE)
    // While a nonce is held, what is known to be mined does not fall.
    held?.resync([FIRST_NONCE + 2])
    await engine.control(command)
    expect(held?.minedCount()).toBe(FIRST_NONCE + 2)
  })

  it('lets no lane go on where endpoints tell counts that cannot both be true', async () => {
    const command = { lane: rig.key.address, reason: null } as const
    change = () => ({
      chain: {
        minedCounts: async () =>
          [FIRST_NONCE, 9_000_000].map(
            (count) => ({ count, endpoint: { host: `node ${count}` } }) as MinedCount,
          ),
      },
    })
    await restart()
    await engine.control({ action: 'pause', ...command })
    const resumed = await engine.control({ action: 'resume', ...command })
    expect(resumed).toMatchObject({ ok: false, failure: { code: 'NODE_UNAVAILABLE' } })
    expect(lane()?.paused).not.toBeNull()
  })

  it('closes a trade whose nonce is used up, where the chain cannot be asked any more', async () => {
    await execute('a')
    counts = [FIRST_NONCE + 1, FIRST_NONCE + 1]
    expect(await abandon('a')).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    // Its receipt may have been late.
    rig.head += 5
    expect(await abandon('a')).toMatchObject({ ok: true })
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()).toMatchObject({ inFlight: 0 })
    // Who paid is not told: the hour is charged with the most that it can have cost.
    expect(rig.context.budget.atStakeWei()).toBe(0n)
    expect(rig.context.budget.spentLastHourWei()).toBeGreaterThan(10n ** 15n)
  })

  it('does not abandon what has just landed: it is settled', async () => {
    change = () => ({ chain: { receiptWhereMined: async ({ hashes }) => receiptOf(hashes[0]) } })
    await restart()
    await execute('a')
    rig.head += 10
    counts = [FIRST_NONCE + 1]
    expect(await abandon('a')).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    expect(onDisk('a')).toMatchObject({ state: 'included' })
    expect(rig.context.budget.spentLastHourWei()).toBe(300_001n * 17n)
  })

  it('cancels for good, though a bump was being made when the command came', async () => {
    const market = Promise.withResolvers<void>()
    let isSlow = true
    change = () => ({
      trade: {
        async freshMarket() {
          if (isSlow) await market.promise
          return await rig.context.trade.market()
        },
      },
    })
    await restart()
    await execute('a')
    rig.head += 3
    rig.elapsedMs += 36_000
    engine.poll()
    await pause()
    const cancelled = engine.control({ action: 'cancel', signalId: 'a' })
    isSlow = false
    market.resolve()
    expect(await cancelled).toMatchObject({ ok: true })
    await engine.check()
    await blocks(1)
    await blocks(1)
    const [first, ...others] = rig.journal.openAttempts()
    expect(others.map(({ kind }) => kind)).toEqual(['replacement', 'cancel'])
    expect(others.every((other, index) => cap(other) > cap([first, ...others][index] as Attempt))).toBe(true)
  })

  it('is told that a trade landed while its cancel was made', async () => {
    const market = Promise.withResolvers<void>()
    change = () => ({
      trade: {
        async freshMarket() {
          await market.promise
          return await rig.context.trade.market()
        },
      },
    })
    await restart()
    await execute('a')
    const cancelled = engine.control({ action: 'cancel', signalId: 'a' })
    await check([sent[0], mined(sent[0])])
    market.resolve()
    expect(await cancelled).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
  })

  it('signs nothing that was promised while the chain is paused', async () => {
    let isPaused = true
    change = () => ({ chain: { isPaused: () => isPaused } })
    await restart()
    await execute('a', { wait: 'none' })
    engine.poll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(sent).toEqual([])
    isPaused = false
    engine.poll()
    await expect.poll(() => sent).toHaveLength(1)
  })

  it.each(['none', 'broadcast'] as const)(
    'signs nothing that waited for a lane when the chain was paused (wait: %s)',
    async (wait) => {
      let isPaused = false
      let simulated = 0
      change = () => ({
        chain: { isPaused: () => isPaused },
        settings: { laneWaitMs: 600_000 },
        trade: {
          async simulate() {
            simulated += 1
            return succeed({ ...SIMULATION, block: rig.head })
          },
        },
      })
      await restart()
      for (const id of ['a', 'b', 'c', 'd']) await execute(id, { hops: [] })
      const answering = execute('e', { wait, hops: [] })
      await pause()
      isPaused = true
      await check([sent[0], mined(sent[0])])
      if (wait === 'broadcast')
        expect(told(await answering)).toMatchObject({ code: 'PAUSED', retryable: true })
      await pause()
      expect([sent.length, simulated]).toEqual([4, 4])
      isPaused = false
      engine.poll()
      if (wait === 'none') await expect.poll(() => onDisk('e')?.state).toBe('pending')
    },
  )

  it('signs nothing that was being evaluated when the chain was paused', async () => {
    let isPaused = false
    change = () => ({
      chain: { isPaused: () => isPaused },
      trade: {
        async gasLimit() {
          isPaused = true
          return succeed(615_398n)
        },
      },
    })
    await restart()
    expect(told(await execute('a'))).toMatchObject({ success: false, code: 'PAUSED' })
    expect(lane()).toMatchObject({ inFlight: 0, nonce: FIRST_NONCE })
    expect(sent).toEqual([])
  })

  it('ends a promise that is not signed yet', async () => {
    change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    await execute('a', { wait: 'none' })
    expect(await engine.control({ action: 'cancel', signalId: 'a' })).toMatchObject({ ok: true })
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({ status: 'denied', code: 'CANCELLED' })
    engine.poll()
    expect(sent).toEqual([])
  })
})
