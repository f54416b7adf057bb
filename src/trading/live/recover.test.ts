import { describe, expect, it } from 'vitest'
import { FIRST_NONCE, START_MS } from '../../../test/support/liveContext.ts'
import { mined, REPLACED, told, useLiveEngine } from '../../../test/support/liveEngine.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import type { Attempt } from '../../domain/liveExecution.ts'

const { live, sent, restart, execute, onDisk, lane, blocks, check } = useLiveEngine()

describe('recover', () => {
  it('sends the same bytes in the order of nonces, signs nothing, and goes on behind them', async () => {
    for (const id of ['a', 'b', 'c']) await execute(id)
    await check([sent[0], mined(sent[0])])
    const waiting = [sent[1]?.raw, sent[2]?.raw]
    const attempts = live.rig.journal.openAttempts()
    const atStake = live.rig.context.budget.atStakeWei()
    await restart()
    await live.engine.recover()
    expect(sent.map(({ raw }) => raw)).toEqual(waiting)
    expect(live.rig.journal.openAttempts()).toEqual(attempts)
    expect(lane()).toMatchObject({ inFlight: 2, nonce: FIRST_NONCE + 3 })
    expect(live.rig.context.budget.atStakeWei()).toBe(atStake)
    expect(live.rig.context.budget.spentLastHourWei()).toBe(5_100_017n)
    live.rig.head += 1
    await execute('d')
    expect(sent.at(-1)?.nonce).toBe(FIRST_NONCE + 3)
    expect((await execute('b')).replayed).toBe(true)
  })

  it('dates gas by its block, and not by when that was final', async () => {
    await execute('a')
    await execute('b')
    await check([sent[0], mined(sent[0])])
    live.rig.nowMs += 4_000_000
    for (const final of [false, true]) await check([sent[1], mined(sent[1], { final })])
    await check([sent[0], mined(sent[0], { final: true })])
    await expect.poll(() => live.rig.journal.open()).toEqual([])
    const spent = live.rig.journal.gasSpentSince(START_MS + 1)
    expect(spent.map(({ atMs }) => atMs)).toEqual([START_MS + 4_000_000])
  })

  it('keeps a promise that was made before the end', async () => {
    live.change = () => ({ trade: { simulate: () => new Promise(() => {}) } })
    await restart()
    await execute('a', { wait: 'none' })
    expect(onDisk('a')?.state).toBe('accepted')
    live.change = () => ({})
    await restart()
    await live.engine.recover()
    await expect.poll(() => onDisk('a')?.state).toBe('pending')
    expect(sent.map(({ nonce }) => nonce)).toEqual([FIRST_NONCE])
  })

  it('tells a promise whose time has passed as expired, and signs nothing', async () => {
    live.change = () => ({ trade: { simulate: () => new Promise(() => {}) } })
    await restart()
    await execute('a', { wait: 'none', validUntilMs: START_MS + 1_000 })
    live.change = () => ({ clock: { nowMs: () => START_MS + 1_001 } })
    await restart()
    await live.engine.recover()
    await expect.poll(() => told(live.rig.journal.find('a')?.answer as Answer).code).toBe('EXPIRED')
    expect(live.rig.journal.openAttempts()).toEqual([])
  })

  it('hands out no nonce of a trade that was final before the end, however low the count', async () => {
    await execute('a')
    await execute('b')
    await check([sent[1], mined(sent[1], { final: true })])
    await restart()
    await live.engine.recover()
    expect(lane()).toMatchObject({ inFlight: 1, nonce: FIRST_NONCE + 2 })
  })

  it('follows a trade whose key is not configured any more, and fails at nothing', async () => {
    await execute('a')
    const record = onDisk('a')
    const [attempt] = live.rig.journal.openAttempts()
    if (record === undefined || attempt === undefined) throw new Error('There is no trade.')
    const gone: Attempt = {
      ...attempt,
      lane: `0x${'9e'.repeat(20)}`,
      hash: `0x${'9f'.repeat(32)}`,
      signalId: 'gone',
    }
    const moved = { ...record, lane: gone.lane, signal: { ...record.signal, signalId: 'gone' } }
    await live.rig.journal.record({
      execution: { record: moved, payloadHash: 'gone', answer: await execute('a'), event: null },
      attempt: gone,
    })
    await restart()
    await live.engine.recover()
    live.rig.told.length = 0
    await blocks(4)
    await check([gone, mined(gone)])
    expect(onDisk('gone')?.state).toBe('included')
    live.counts = [FIRST_NONCE]
    await check([gone, REPLACED])
    expect(onDisk('gone')?.state).toBe('pending')
    await check([gone, mined(gone, { final: true })])
    expect(onDisk('gone')).toBeUndefined()
    expect(live.rig.told.filter((line) => line.startsWith('error'))).toEqual([])
  })
})

describe('recover with an endpoint that hangs', () => {
  it('sends what is above on the lane, though nobody answers about what is below', async () => {
    await execute('a')
    await execute('b')
    const asked: number[] = []
    live.change = () => ({
      send: {
        async broadcast({ attempt }) {
          asked.push(attempt.nonce)
          if (attempt.nonce === FIRST_NONCE) await new Promise(() => {})
          return { status: 'accepted', hash: attempt.hash }
        },
      },
    })
    await restart()
    await live.engine.recover()
    expect(asked).toEqual([FIRST_NONCE, FIRST_NONCE + 1])
  })
})
