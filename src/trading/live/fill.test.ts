import { describe, expect, it } from 'vitest'
import { FIRST_NONCE } from '../../../test/support/liveContext.ts'
import { ASKED, mined, REPLACED, told, useLiveEngine } from '../../../test/support/liveEngine.ts'
import type { Attempt } from '../../domain/liveExecution.ts'

const { live, findings, sent, restart, execute, lane, sentNow, blocks, check } = useLiveEngine()

describe('gaps', () => {
  /** Leaves nonce 41 unused below a trade at 42. */
  async function makeGap(): Promise<void> {
    const refused = Promise.withResolvers<never>()
    let first = true
    live.change = (journal) => ({
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
    await live.engine.check()
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
    const filler = sent[1]?.raw
    expect(sentNow()).toEqual([`first ${FIRST_NONCE + 1}`, `filler ${FIRST_NONCE}`])

    // It survives a restart as what it is.
    await restart()
    await live.engine.recover()
    expect(sent.map(({ raw }) => raw)).toContain(filler)
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
  })

  it('go to a trade that comes before a filler', async () => {
    await makeGap()
    await execute('c')
    await live.engine.check()
    expect(sentNow()).toEqual([`first ${FIRST_NONCE + 1}`, `first ${FIRST_NONCE}`])
  })

  it('have fillers that are bumped, settled and paid for like a trade', async () => {
    await makeGap()
    await live.engine.check()
    await blocks(3)
    const fillers = live.rig.journal.openAttempts().filter(({ nonce }) => nonce === FIRST_NONCE)
    expect(fillers.map(({ kind }) => kind)).toEqual(['filler', 'cancel'])
    await check([fillers[0], mined(fillers[0])])
    expect(lane()).toMatchObject({ inFlight: 1, gaps: [] })
    expect(live.rig.journal.totals()).toMatchObject({
      totalSignals: 1,
      executed: 0,
      failed: 0,
      profitUsdE8: -7n,
    })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(5_100_017n)
    live.counts = [FIRST_NONCE]
    await check([fillers[0], REPLACED])
    expect(lane()).toMatchObject({ inFlight: 2, gaps: [] })
    await check([fillers[0], mined(fillers[0], { final: true })])
    expect(live.rig.journal.openFillers()).toEqual([])
  })

  it('that a foreign transaction leaves when it is out of the chain again are filled', async () => {
    live.rig.lanes.lane(live.rig.key.address)?.resync([FIRST_NONCE + 1])
    await execute('a')
    expect(sent[0]?.nonce).toBe(FIRST_NONCE + 1)
    live.counts = [FIRST_NONCE]
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(2)
    for (let block = 0; block < 3; block += 1) await blocks(1)
    expect(lane()?.gaps).toEqual([])
    for (let block = 0; block < 6; block += 1) await blocks(1)
    expect(sentNow()).toContain(`filler ${FIRST_NONCE}`)
  })

  it('are not told by single low counts, however long apart', async () => {
    const held = live.rig.lanes.lane(live.rig.key.address)
    held?.resync([FIRST_NONCE + 1])
    live.counts = [FIRST_NONCE]
    await execute('a')
    findings.set((sent[0] as Attempt).hash, ASKED)
    await blocks(3)
    // Two, while one trade waits.
    await blocks(300)
    await check([sent[0], mined(sent[0], { block: live.rig.head })])
    for (let block = 0; block < 4; block += 1) await blocks(1)
    // More, of another trade.
    await execute('b')
    findings.set((sent.at(-1) as Attempt).hash, ASKED)
    for (let block = 0; block < 5; block += 1) await blocks(1)
    await live.engine.check()
    expect(held?.minedCount()).toBe(FIRST_NONCE + 2)
    expect(sentNow().some((line) => line.startsWith('filler'))).toBe(false)
  })
})
