import { describe, expect, it } from 'vitest'
import { FIRST_NONCE, NODE_DOWN, SIMULATION, START_MS } from '../../../test/support/liveContext.ts'
import { mined, pause, told, useLiveEngine } from '../../../test/support/liveEngine.ts'
import { createBudget } from '../../budget/budget.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import { succeed } from '../../errors/failure.ts'
import type { LiveContext } from './liveContext.ts'

const { live, sent, restart, execute, onDisk, lane, sentNow, blocks, check } = useLiveEngine()

describe('execute', () => {
  it('answers a sender who waits for a node once one has it', async () => {
    const answer = await execute('a')
    expect(answer).toMatchObject({ success: true, httpStatus: 202, replayed: false })
    expect(told(answer)).toMatchObject({ status: 'pending', signal_id: 'a', nonce: FIRST_NONCE })
    expect(sent.map(({ hash }) => hash)).toEqual([live.rig.journal.openAttempts()[0]?.hash])
  })

  it('answers a sender who does not wait with a promise that is on disk', async () => {
    const answer = await execute('a', { wait: 'none' })
    expect(told(answer)).toMatchObject({ success: true, status: 'accepted' })
    expect(onDisk('a')).toMatchObject({ signal: { signalId: 'a' } })
    await expect.poll(() => sent).toHaveLength(1)
    expect(live.rig.journal.totals().totalSignals).toBe(1)
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
    await live.engine.stop()
    expect(told(await answering)).toMatchObject({ success: false, status: 'pending', code: 'NOT_SETTLED' })
    expect(onDisk('a')?.state).toBe('pending')
  })

  it('answers whoever waits for a lane when it stops', async () => {
    live.change = () => ({ settings: { laneWaitMs: 600_000 } })
    await restart()
    await Promise.all(['a', 'b', 'c', 'd'].map((id) => execute(id, { hops: [] })))
    const waiting = execute('e')
    await live.engine.stop()
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
    expect(live.rig.journal.openAttempts()).toHaveLength(1)
  })

  it('keeps nothing of a signal that the node failed, so that it may come again', async () => {
    live.change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    expect(told(await execute('a'))).toMatchObject({ success: false, code: 'NODE_UNAVAILABLE' })
    live.change = () => ({})
    await restart()
    expect(told(await execute('a')).status).toBe('pending')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE)
  })

  it.each(['none', 'broadcast'] as const)('promises nothing without a disk (wait: %s)', async (wait) => {
    live.change = () => ({ journal: { record: () => Promise.reject(new Error('disk is full')) } })
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
    live.change = () => ({
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
    live.change = (journal) => ({
      trade: {
        async simulate() {
          return trouble === 'node' ? NODE_DOWN : succeed({ ...SIMULATION, block: live.rig.head })
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
      live.engine.poll()
      await pause()
    }
    expect(onDisk('a')?.state).toBe('accepted')
    trouble = null
    live.engine.poll()
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
  })
  it('ends by its own merits, and such a denial is not to be sent again', async () => {
    live.change = () => ({
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
    live.change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    await execute('a', { wait: 'none' })
    await execute('b', { wait: 'none', validUntilMs: START_MS + 5_000 })
    live.rig.nowMs += 5_001
    live.engine.poll()
    await expect.poll(() => onDisk('b')).toBeUndefined()
    expect(onDisk('a')?.state).toBe('accepted')
    live.rig.elapsedMs += 600_000
    live.engine.poll()
    await expect.poll(() => onDisk('a')).toBeUndefined()
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({ status: 'expired', code: 'EXPIRED' })
  })

  describe('behind a trade that takes its opportunity', () => {
    /** What follows another on its pools does not pay. */
    const taken =
      (gate?: Promise<unknown>): LiveContext['trade']['simulate'] =>
      async ({ behind: [first] }) => {
        if (first === undefined) return succeed({ ...SIMULATION, block: live.rig.head })
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
        live.change = (journal) => ({
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
      live.change = () => ({ trade: { simulate: taken() } })
      await restart()
      void execute('a')
      await execute('b', { wait: 'none' })
      await expect.poll(() => live.rig.journal.find('b')?.answer.body).toContain('OPPORTUNITY_TAKEN')
    })

    it('waits while that one is being cancelled, and is sent when the no-op is in a block', async () => {
      live.change = () => ({ trade: { simulate: taken() } })
      await restart()
      await execute('a')
      await live.engine.control({ action: 'cancel', signalId: 'a' })
      expect(told(await execute('c'))).toMatchObject({ code: 'LANES_BUSY', retryable: true })
      await execute('b', { wait: 'none' })
      live.engine.poll()
      await pause()
      expect(onDisk('b')?.state).toBe('accepted')
      const cancel = sent.find(({ kind }) => kind === 'cancel')
      live.rig.head += 1
      await check([cancel, mined(cancel)])
      live.engine.poll()
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
    let budget = createBudget({ limits, now: () => START_MS + live.rig.elapsedMs })
    live.change = () => ({
      trade: {
        async simulate({ signal }) {
          simulated.push(signal.signalId)
          return succeed({ ...SIMULATION, block: live.rig.head })
        },
      },
      budget,
    })
    await restart()
    await execute('a', { hops: [] })
    for (const id of ['b', 'c']) await execute(id, { wait: 'none', hops: [] })
    const heads = async () => {
      for (const _ of [1, 2, 3]) {
        live.rig.head += 1
        live.engine.poll()
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
    expect(live.rig.journal.open().filter(({ record }) => record.state === 'pending')).toHaveLength(1)

    // Of an hour that is used up not even the first evaluation is made.
    const spent = [{ wei: limits.maxSpendPerHourWei, atMs: START_MS, receipt: 'x' }]
    budget = createBudget({ limits, spent, now: () => START_MS + live.rig.elapsedMs })
    await restart()
    simulated.length = 0
    await execute('d', { wait: 'none', hops: [], validUntilMs: START_MS + 7_200_000 })
    await heads()
    expect(simulated).toEqual([])
    live.rig.elapsedMs += 3_600_000
    live.engine.poll()
    await expect.poll(() => simulated).toEqual(['d'])
  })

  it('is evaluated again after a pause, since it may need less of the hour by then', async () => {
    let gasUsed = SIMULATION.gasUsed
    const limits = {
      maxFeeWei: 10n ** 12n,
      maxTxCostWei: 10n ** 19n,
      maxSpendPerHourWei: 31_000_000_007n * SIMULATION.gasUsed,
      maxRepairSpendPerHourWei: 10n ** 18n,
    }
    live.change = () => ({
      trade: {
        async simulate() {
          return succeed({ ...SIMULATION, gasUsed, block: live.rig.head })
        },
      },
      budget: createBudget({ limits, now: () => START_MS + live.rig.elapsedMs }),
    })
    await restart()
    await execute('a', { wait: 'none' })
    const heads = async (count: number) => {
      live.rig.head += count
      live.rig.elapsedMs += 12_000 * count
      live.engine.poll()
      await pause()
    }
    await heads(1)
    gasUsed /= 4n
    await heads(1)
    expect(sent).toEqual([])
    await heads(1)
    await expect.poll(() => sent.length).toBe(1)
  })

  it('is refused where too many wait already', async () => {
    live.change = () => ({ trade: { simulate: async () => NODE_DOWN }, settings: { promisedMax: 2 } })
    await restart()
    for (const id of ['a', 'b']) await execute(id, { wait: 'none' })
    expect(told(await execute('c', { wait: 'none' }))).toMatchObject({ success: false, code: 'OVERLOADED' })
  })
})
