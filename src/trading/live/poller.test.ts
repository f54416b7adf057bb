import { beforeEach, describe, expect, it } from 'vitest'
import { ABSENT, FIRST_NONCE, HEAD, PROFIT, SIMULATION } from '../../../test/support/liveContext.ts'
import {
  ASKED,
  cap,
  mined,
  pause,
  REPLACED,
  receiptOf,
  told,
  useLiveEngine,
} from '../../../test/support/liveEngine.ts'
import type { Attempt } from '../../domain/liveExecution.ts'
import type { Hex } from '../../domain/signal.ts'
import { fail, failure, succeed } from '../../errors/failure.ts'

const { live, findings, sent, restart, execute, onDisk, lane, sentNow, blocks, check } = useLiveEngine()

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
    expect(live.rig.journal.totals()).toMatchObject({ executed: 1, profitUsdE8: 640_000_007n })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(5_100_017n)

    live.counts = [FIRST_NONCE]
    await check([first, REPLACED])
    expect(onDisk('a')).toMatchObject({ state: 'pending', inclusion: null, realised: null, failure: null })
    expect(sent.map(({ hash }) => hash)).toEqual([first?.hash, first?.hash])
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 1 })
    expect(live.rig.journal.totals()).toMatchObject({ executed: 0, failed: 0, profitUsdE8: 0n })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(0n)

    await check([first, mined(first, { success: false, block: HEAD + 2 })])
    expect(onDisk('a')).toMatchObject({ state: 'reverted', inclusion: { block: HEAD + 2 } })
    await check([first, { kind: 'mined', receipt: null, final: true }])
    await expect.poll(() => live.rig.journal.open()).toEqual([])
    expect(live.rig.journal.openAttempts()).toEqual([])
    expect(live.rig.context.budget.atStakeWei()).toBe(0n)
    expect(live.rig.journal.totals()).toMatchObject({ totalSignals: 1, executed: 0, failed: 1 })
    const again = await execute('a')
    expect([again.replayed, told(again).status, told(again).code]).toEqual([true, 'reverted', 'REVERTED'])
    expect(live.rig.told.filter((line) => line.startsWith('publish live_execution'))).toEqual([
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
    live.change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, profit, block: block || live.rig.head })
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
    const attempts = live.rig.journal.openAttempts()
    const caps = attempts.map(cap)
    expect(caps).toEqual(caps.toSorted((a, b) => (a < b ? -1 : 1)))
    expect(attempts.map(({ kind }) => kind)).toEqual(['first', 'replacement', 'cancel', 'cancel'])

    // Whatever is mined settles it: here the trade, though it was being cancelled.
    await check([attempts[1], mined(attempts[1], { final: true })])
    expect(live.rig.journal.totals()).toMatchObject({ executed: 1, failed: 0 })
    expect(told(await execute('a'))).toMatchObject({ status: 'included', txHash: attempts[1]?.hash })
  })

  it('is not given up for blocks before the one it was made on, though an endpoint that lags told the head', async () => {
    let profit = PROFIT
    let block = 0
    live.change = () => ({
      trade: { simulate: async () => succeed({ ...SIMULATION, profit, block: block || live.rig.head }) },
    })
    await restart()
    await execute('a')
    live.rig.head -= 3
    await blocks(0)
    live.rig.head += 4
    profit = 1n
    for (block of [HEAD - 2, HEAD - 1]) await blocks(1)
    expect(sentNow().filter((line) => line.startsWith('cancel'))).toEqual([])
    block = 0
    await blocks(1)
    await blocks(1)
    expect(sentNow()).toContain(`cancel ${FIRST_NONCE}`)
  })

  it('is not bumped beyond what it is worth now', async () => {
    let profit = PROFIT
    live.change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, profit, block: live.rig.head })
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
    live.change = () => ({
      trade: {
        async simulate() {
          return succeed({
            ...SIMULATION,
            profit: live.rig.head === HEAD ? PROFIT : 1n,
            block: live.rig.head,
          })
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
    expect(live.rig.journal.totals()).toMatchObject({ executed: 0, failed: 1, profitUsdE8: -7n })
  })

  it('keeps its bytes out where no replacement can be written down', async () => {
    await execute('a')
    live.change = (journal) => ({
      journal: {
        record: (change) =>
          change.attempt === null ? journal.record(change) : Promise.reject(new Error('disk is full')),
      },
    })
    await restart()
    await live.engine.recover()
    const before = live.rig.context.budget.atStakeWei()
    await blocks(4)
    expect(new Set(sent.map(({ hash }) => hash)).size).toBe(1)
    expect(live.rig.journal.openAttempts()).toHaveLength(1)
    expect(live.rig.context.budget.atStakeWei()).toBe(before)
  })

  it('is bumped and settled though another endpoint hangs, lies or is late about the count', async () => {
    await execute('a')
    for (const said of [[], [FIRST_NONCE - 9], [FIRST_NONCE, FIRST_NONCE + 7]]) {
      live.counts = said
      findings.set((sent[0] as Attempt).hash, ASKED)
      await blocks(3)
      expect(live.rig.journal.openAttempts().at(-1)?.kind).toBe('replacement')
    }
    // Counts never come any more, and the receipt is settled all the same.
    live.counts = null
    live.rig.head += 2
    const hanging = live.engine.check()
    findings.clear()
    const newest = live.rig.journal.openAttempts().at(-1) as Attempt
    findings.set(newest.hash, mined(newest))
    live.engine.poll()
    await expect.poll(() => onDisk('a')?.state).toBe('included')
    void hanging
    live.hangs = true
  })

  it('is found where the count says that it is mined, though the endpoint that is asked first has no receipt', async () => {
    live.change = () => ({
      chain: { receiptWhereMined: async ({ hashes }) => receiptOf(hashes[0]) },
    })
    await restart()
    await execute('a')
    live.counts = [FIRST_NONCE, FIRST_NONCE + 1]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    expect(onDisk('a')?.state).toBe('included')
  })

  it('is given up once it is known who took its nonce, and a foreign transaction stops the lane', async () => {
    const foreign: Hex = `0x${'5a'.repeat(32)}`
    let by: { hash: Hex; what: string } | null = null
    live.change = () => ({ chain: { foreignTransaction: async () => by } })
    await restart()
    await execute('a')
    live.counts = [FIRST_NONCE + 1]
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
    expect(live.rig.context.budget.atStakeWei()).toBe(0n)
    expect(told(await execute('b')).code).toBe('LANES_BUSY')
  })

  it('is given up too when nodes do not tell any more who took its nonce', async () => {
    live.change = () => ({ chain: { foreignTransaction: async () => ({ hash: null }) } })
    await restart()
    await execute('a')
    live.counts = [FIRST_NONCE + 1]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    await blocks(5)
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()?.paused).toContain('not ours')
  })

  it('tells the reason of a revert afterwards', async () => {
    live.change = () => ({
      chain: { whyReverted: async () => failure('SIMULATION_FAILED', 'Hop 1 lacks 3 units.') },
    })
    await restart()
    await execute('a')
    await check([sent[0], mined(sent[0], { success: false })])
    await expect
      .poll(() => onDisk('a')?.failure?.sentence)
      .toBe(`The transaction reverted in block ${HEAD + 1}: Hop 1 lacks 3 units.`)
  })

  it('keeps the reason of a revert when its block is final, and asks for it once', async () => {
    let asked = 0
    live.change = () => ({
      chain: {
        async whyReverted() {
          asked += 1
          return failure('SIMULATION_FAILED', 'Hop 1 lacks 3 units.')
        },
      },
    })
    await restart()
    await execute('a')
    const reverted = { success: false }
    await check([sent[0], mined(sent[0], reverted)])
    const sentence = `The transaction reverted in block ${HEAD + 1}: Hop 1 lacks 3 units.`
    await expect.poll(() => onDisk('a')?.failure?.sentence).toBe(sentence)
    await check([sent[0], mined(sent[0], { ...reverted, final: true })])
    await pause()
    expect(told(await execute('a'))).toMatchObject({ status: 'reverted', error: sentence })
    expect(asked).toBe(1)
  })

  it('does not wait for another whose step fails', async () => {
    let broken: string | null = ''
    live.change = () => ({
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
    expect(live.rig.journal.openAttempts().map(({ nonce }) => nonce)).toEqual([FIRST_NONCE, FIRST_NONCE + 1])
    await check([a, mined(a, { final: true })])
    expect(live.rig.journal.openAttempts()).toEqual([])
    expect(live.rig.journal.settledNonce(live.rig.key.address)).toBe(FIRST_NONCE + 1)
  })

  it('stands still with the chain, however the wall clock jumps', async () => {
    await execute('a')
    for (const jump of [-3_600_000, 7_200_000]) {
      live.rig.nowMs += jump
      await live.engine.check()
    }
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
    live.rig.nowMs -= 3_600_000
    await blocks(3)
    expect(sentNow()).toEqual([`replacement ${FIRST_NONCE}`])
  })
})

describe('a head that was told too high', () => {
  const LIE = 1_000_000

  it('holds nothing up that was signed on it once it is corrected', async () => {
    live.rig.head += LIE
    await execute('a')
    live.rig.head -= LIE
    sentNow()
    await blocks(0)
    live.rig.head += 2
    live.rig.elapsedMs += 600
    await live.engine.check()
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
    await blocks(1)
    expect(sentNow()).toEqual([`replacement ${FIRST_NONCE}`])
  })

  it('holds nothing up that was sent again, brought back by a reorg or passed by counts under it', async () => {
    const foreign: Hex = `0x${'5a'.repeat(32)}`
    live.change = () => ({
      chain: { foreignTransaction: async () => ({ hash: foreign, what: 'which sends 1 wei' }) },
    })
    await restart()
    await execute('a')
    const [first] = sent
    await check([first, mined(first)])
    live.rig.head += LIE
    live.counts = [FIRST_NONCE]
    await check([first, REPLACED])
    expect(onDisk('a')?.state).toBe('pending')
    findings.set(first?.hash ?? '0x', ASKED)
    live.counts = [FIRST_NONCE + 1]
    await blocks(2)
    live.rig.head -= LIE
    await blocks(1)
    await blocks(5)
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced' })
  })
})

describe('a nonce below all that a lane holds, which no endpoint counts as mined any more', () => {
  /** Another party took it; ours is the next. */
  const LOW = [FIRST_NONCE]
  let simulates: boolean
  const ours = () => live.rig.lanes.lane(live.rig.key.address)
  async function holdAbove(signalId: string): Promise<Attempt> {
    sent.length = 0
    simulates = true
    await execute(signalId)
    simulates = false
    const first = sent[0] as Attempt
    findings.set(first.hash, ASKED)
    live.rig.head += 2
    return first
  }
  async function countAt(heads: number, counts: number[]): Promise<void> {
    live.counts = counts
    for (let head = 0; head < heads; head++) await blocks(1)
  }
  let first: Attempt
  beforeEach(async () => {
    live.change = () => ({
      trade: {
        // Nothing is known of what it is worth, so that it is not replaced, and counted at each head.
        simulate: async () =>
          simulates
            ? succeed({ ...SIMULATION, block: live.rig.head })
            : fail(failure('NODE_UNAVAILABLE', 'No node answers.')),
      },
    })
    await restart()
    ours()?.resync([FIRST_NONCE + 1])
    first = await holdAbove('a')
    expect(first.nonce).toBe(FIRST_NONCE + 1)
  })

  it('is a gap, and filled, once more than five heads have shown so', async () => {
    await countAt(5, LOW)
    expect(ours()?.minedCount()).toBe(FIRST_NONCE + 1)
    await countAt(1, LOW)
    expect(ours()?.minedCount()).toBe(FIRST_NONCE)
    await countAt(1, LOW)
    expect(sentNow()).toContain(`filler ${FIRST_NONCE}`)
  })

  it.each<[string, number[]]>([
    ['all count it again', [FIRST_NONCE + 1]],
    ['one counts it', [FIRST_NONCE, FIRST_NONCE + 1]],
  ])('is none where %s in between: the count begins anew', async (_, between) => {
    await countAt(5, LOW)
    await countAt(1, between)
    await countAt(5, LOW)
    expect(ours()?.minedCount()).toBe(FIRST_NONCE + 1)
    await countAt(1, LOW)
    expect(ours()?.minedCount()).toBe(FIRST_NONCE)
  })

  it('is none by what was counted before the lane was at rest', async () => {
    await countAt(5, LOW)
    await check([first, mined(first, { block: live.rig.head })])
    expect(lane()?.inFlight).toBe(0)
    await check([first, { kind: 'mined', receipt: null, final: false }])
    await holdAbove('b')
    await countAt(5, LOW)
    await countAt(1, [])
    expect(sentNow()).not.toContain(`filler ${FIRST_NONCE}`)
    await countAt(2, LOW)
    expect(sentNow()).toContain(`filler ${FIRST_NONCE}`)
  })

  it('is none by many readings of few heads', async () => {
    live.counts = LOW
    for (let reading = 0; reading < 30; reading++) await check()
    expect(ours()?.minedCount()).toBe(FIRST_NONCE + 1)
  })

  it('is none where no endpoint tells a count', async () => {
    await countAt(5, LOW)
    await countAt(5, [])
    expect(ours()?.minedCount()).toBe(FIRST_NONCE + 1)
  })
})
