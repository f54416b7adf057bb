import { describe, expect, it } from 'vitest'
import { FIRST_NONCE, NODE_DOWN, SIMULATION } from '../../../test/support/liveContext.ts'
import { cap, mined, pause, receiptOf, told, useLiveEngine } from '../../../test/support/liveEngine.ts'
import type { MinedCount } from '../../confirmation/minedCounts.ts'
import type { Attempt } from '../../domain/liveExecution.ts'
import { succeed } from '../../errors/failure.ts'

const { live, sent, restart, execute, abandon, onDisk, lane, sentNow, blocks, check } = useLiveEngine()

describe("the operator's hand", () => {
  it('cancels, speeds up, and refuses what cannot be done', async () => {
    await execute('a')
    expect(await live.engine.control({ action: 'speed_up', signalId: 'a' })).toMatchObject({ ok: true })
    await blocks(1)
    expect(await live.engine.control({ action: 'speed_up', signalId: 'a' })).toMatchObject({ ok: true })
    expect(await live.engine.control({ action: 'cancel', signalId: 'a' })).toMatchObject({ ok: true })
    const kinds = live.rig.journal.openAttempts().map(({ kind }) => kind)
    expect(kinds).toEqual(['first', 'replacement', 'replacement', 'cancel'])
    live.counts = [FIRST_NONCE]
    expect(await live.engine.control({ action: 'abandon', signalId: 'a' })).toMatchObject({
      ok: false,
      failure: { code: 'TRADE_NOT_OPEN' },
    })
    expect(await live.engine.control({ action: 'cancel', signalId: 'nobody' })).toMatchObject({
      ok: false,
      failure: { code: 'TRADE_NOT_OPEN' },
    })
  })

  it('stops a lane and lets it go on, from behind what others have done with its account', async () => {
    const command = { lane: live.rig.key.address, reason: 'I move its funds' }
    expect(await live.engine.control({ action: 'pause', ...command })).toMatchObject({ ok: true })
    expect(told(await execute('a'))).toMatchObject({ code: 'LANES_BUSY' })
    expect(lane()?.paused).toContain('I move its funds')
    live.counts = [FIRST_NONCE + 2]
    expect(await live.engine.control({ action: 'resume', ...command })).toMatchObject({ ok: true })
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE + 2)
    const unknown = { lane: `0x${'77'.repeat(20)}`, reason: null } as const
    expect(await live.engine.control({ action: 'pause', ...unknown })).toMatchObject({ ok: false })
  })

  it('lets a lane go on from the count of every endpoint, below one that proved wrong', async () => {
    const command = { action: 'resume', lane: live.rig.key.address, reason: null } as const
    const held = live.rig.lanes.lane(live.rig.key.address)
    held?.resync([FIRST_NONCE + 40])
    live.counts = [FIRST_NONCE + 40, FIRST_NONCE]
    expect(await live.engine.control(command)).toMatchObject({ ok: true })
    expect(lane()?.nonce).toBe(FIRST_NONCE)
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE)
    // While a nonce is held, what is known to be mined does not fall.
    held?.resync([FIRST_NONCE + 2])
    await live.engine.control(command)
    expect(held?.minedCount()).toBe(FIRST_NONCE + 2)
  })

  it('lets no lane go on where endpoints tell counts that cannot both be true', async () => {
    const command = { lane: live.rig.key.address, reason: null } as const
    live.change = () => ({
      chain: {
        minedCounts: async () =>
          [FIRST_NONCE, 9_000_000].map(
            (count) => ({ count, endpoint: { host: `node ${count}` } }) as MinedCount,
          ),
      },
    })
    await restart()
    await live.engine.control({ action: 'pause', ...command })
    const resumed = await live.engine.control({ action: 'resume', ...command })
    expect(resumed).toMatchObject({ ok: false, failure: { code: 'NODE_UNAVAILABLE' } })
    expect(lane()?.paused).not.toBeNull()
  })

  it('closes a trade whose nonce is used up, where the chain cannot be asked any more', async () => {
    await execute('a')
    live.counts = [FIRST_NONCE + 1, FIRST_NONCE + 1]
    expect(await abandon('a')).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    // Its receipt may have been late.
    live.rig.head += 5
    expect(await abandon('a')).toMatchObject({ ok: true })
    expect(told(await execute('a'))).toMatchObject({ status: 'displaced', code: 'DISPLACED' })
    expect(lane()).toMatchObject({ inFlight: 0 })
    // Who paid is not told: the hour is charged with the most that it can have cost.
    expect(live.rig.context.budget.atStakeWei()).toBe(0n)
    expect(live.rig.context.budget.spentLastHourWei()).toBeGreaterThan(10n ** 15n)
  })

  it('does not abandon what has just landed: it is settled', async () => {
    live.change = () => ({ chain: { receiptWhereMined: async ({ hashes }) => receiptOf(hashes[0]) } })
    await restart()
    await execute('a')
    live.rig.head += 10
    live.counts = [FIRST_NONCE + 1]
    expect(await abandon('a')).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    expect(onDisk('a')).toMatchObject({ state: 'included' })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(300_001n * 17n)
  })

  it('does not abandon what is found in a block while counts are asked', async () => {
    let found: (() => Promise<void>) | null = null
    live.change = () => ({
      chain: {
        async minedCounts() {
          await found?.()
          return [{ count: FIRST_NONCE + 1 } as MinedCount]
        },
      },
    })
    await restart()
    await execute('a')
    await abandon('a')
    live.rig.head += 5
    found = async () => {
      found = null
      await check([sent[0], mined(sent[0])])
    }
    expect(await abandon('a')).toMatchObject({
      failure: { sentence: expect.stringContaining('it has ended, is in a block') },
    })
    expect(onDisk('a')).toMatchObject({ state: 'included' })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(300_001n * 17n)
  })

  it('cancels for good, though a bump was being made when the command came', async () => {
    const market = Promise.withResolvers<void>()
    let isSlow = true
    live.change = () => ({
      trade: {
        async freshMarket() {
          if (isSlow) await market.promise
          return await live.rig.context.trade.market()
        },
      },
    })
    await restart()
    await execute('a')
    live.rig.head += 3
    live.rig.elapsedMs += 36_000
    live.engine.poll()
    await pause()
    const cancelled = live.engine.control({ action: 'cancel', signalId: 'a' })
    isSlow = false
    market.resolve()
    expect(await cancelled).toMatchObject({ ok: true })
    await live.engine.check()
    await blocks(1)
    await blocks(1)
    const [first, ...others] = live.rig.journal.openAttempts()
    expect(others.map(({ kind }) => kind)).toEqual(['replacement', 'cancel'])
    expect(others.every((other, index) => cap(other) > cap([first, ...others][index] as Attempt))).toBe(true)
  })

  it('is told that a trade landed while its cancel was made', async () => {
    const market = Promise.withResolvers<void>()
    live.change = () => ({
      trade: {
        async freshMarket() {
          await market.promise
          return await live.rig.context.trade.market()
        },
      },
    })
    await restart()
    await execute('a')
    const cancelled = live.engine.control({ action: 'cancel', signalId: 'a' })
    await check([sent[0], mined(sent[0])])
    market.resolve()
    expect(await cancelled).toMatchObject({ ok: false, failure: { code: 'TRADE_NOT_OPEN' } })
    expect(sentNow()).toEqual([`first ${FIRST_NONCE}`])
  })

  it('signs nothing that was promised while the chain is paused', async () => {
    let isPaused = true
    live.change = () => ({ chain: { isPaused: () => isPaused } })
    await restart()
    await execute('a', { wait: 'none' })
    live.engine.poll()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(sent).toEqual([])
    isPaused = false
    live.engine.poll()
    await expect.poll(() => sent).toHaveLength(1)
  })

  it.each(['none', 'broadcast'] as const)(
    'signs nothing that waited for a lane when the chain was paused (wait: %s)',
    async (wait) => {
      let isPaused = false
      let simulated = 0
      live.change = () => ({
        chain: { isPaused: () => isPaused },
        settings: { laneWaitMs: 600_000 },
        trade: {
          async simulate() {
            simulated += 1
            return succeed({ ...SIMULATION, block: live.rig.head })
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
      live.engine.poll()
      if (wait === 'none') await expect.poll(() => onDisk('e')?.state).toBe('pending')
    },
  )

  it('signs nothing that was being evaluated when the chain was paused', async () => {
    let isPaused = false
    live.change = () => ({
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
    live.change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    await execute('a', { wait: 'none' })
    expect(await live.engine.control({ action: 'cancel', signalId: 'a' })).toMatchObject({ ok: true })
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({ status: 'denied', code: 'CANCELLED' })
    live.engine.poll()
    expect(sent).toEqual([])
  })

  it('ends a promise that is not signed yet, though it says so twice', async () => {
    live.change = () => ({ trade: { simulate: async () => NODE_DOWN } })
    await restart()
    await execute('a', { wait: 'none' })
    const cancel = () => live.engine.control({ action: 'cancel', signalId: 'a' })
    const sentence = 'a was not signed yet, and will not be.'
    expect(await Promise.all([cancel(), cancel()])).toEqual(Array(2).fill(succeed({ sentence })))
    expect(told(await execute('a', { wait: 'none' }))).toMatchObject({ status: 'denied', code: 'CANCELLED' })
  })
})
