import { describe, expect, it } from 'vitest'
import { ABSENT, FIRST_NONCE, HEAD } from '../../../test/support/liveContext.ts'
import { ASKED, mined, pause, REPLACED, receiptOf, useLiveEngine } from '../../../test/support/liveEngine.ts'
import type { MinedCount } from '../../confirmation/minedCounts.ts'

const { live, findings, sent, restart, execute, onDisk, lane, check } = useLiveEngine()

describe('what is settled while nodes take their time', () => {
  const held = () => Promise.withResolvers<void>()
  const GAINED = { profit: 7_000_001n, gasCostWei: 300_001n * 17n, netProfitUsdE8: 640_000_007n }

  it('keeps the cost of a trade that left its block and was mined again beside a late count', async () => {
    let counting: Promise<void> | null = null
    let pricing: Promise<void> | null = null
    live.change = () => ({
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
    live.rig.head += 1
    live.engine.poll()
    await pause()
    findings.set(first?.hash ?? '0x', mined(first, { block: HEAD + 2 }))
    live.rig.head += 1
    live.engine.poll()
    await pause()
    count.resolve()
    await pause()
    price.resolve()
    await live.engine.check()
    expect(onDisk('a')).toMatchObject({ state: 'included', inclusion: { block: HEAD + 2 } })
    expect(live.rig.context.budget.spentLastHourWei()).toBe(300_001n * 17n)
    expect(live.rig.context.budget.atStakeWei()).toBe(0n)
    expect(lane()).toMatchObject({ inFlight: 0 })
  })

  it('is told once, though a count finds its block beside the check of blocks', async () => {
    const counted = held()
    const price = held()
    let isCounting = false
    live.change = () => ({
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
    live.rig.head += 2
    findings.set(first?.hash ?? '0x', ASKED)
    live.engine.poll()
    await expect.poll(() => isCounting).toBe(true)
    findings.set(first?.hash ?? '0x', mined(first))
    live.engine.poll()
    await pause()
    counted.resolve()
    await pause()
    price.resolve()
    await live.engine.check()
    expect(live.rig.told.filter((line) => line.endsWith(' filled'))).toHaveLength(1)
  })

  it('stays settled, though what was found before comes later', async () => {
    let asking: Promise<void> | null = null
    const [find, price] = [held(), held()]
    live.change = () => ({
      chain: {
        async find(positions) {
          const found = positions.map(({ hashes }) => hashes.map((hash) => findings.get(hash)).find(Boolean))
          await asking
          return found.map((finding) => finding ?? ASKED)
        },
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
    findings.set(first?.hash ?? '0x', mined(first))
    live.engine.poll()
    await pause()
    findings.set(first?.hash ?? '0x', ASKED)
    asking = find.promise
    live.rig.head += 2
    live.rig.elapsedMs += 24_000
    live.engine.poll()
    await pause()
    price.resolve()
    await expect.poll(() => onDisk('a')?.state).toBe('included')
    asking = null
    findings.set(first?.hash ?? '0x', mined(first))
    find.resolve()
    await live.engine.check()
    expect(onDisk('a')?.state).toBe('included')
    expect(sent).toHaveLength(1)
  })

  it('is told once that it is final, though the check that follows finds it too', async () => {
    let asking: Promise<void> | null = null
    const find = held()
    live.change = () => ({
      chain: {
        async find(positions) {
          await asking
          return positions.map(
            ({ hashes }) => hashes.map((hash) => findings.get(hash)).find(Boolean) ?? ABSENT,
          )
        },
      },
    })
    await restart()
    await execute('a')
    const [first] = sent
    await check([first, mined(first)])
    findings.set(first?.hash ?? '0x', { kind: 'mined', receipt: null, final: true })
    const before = live.rig.told.length
    live.engine.poll()
    live.engine.poll()
    await Promise.resolve()
    asking = find.promise
    await expect.poll(() => live.rig.told.length).toBe(before + 1)
    find.resolve()
    await live.engine.check()
    expect(live.rig.told).toHaveLength(before + 1)
  })

  it('tells the outcome of one trade while the price of another is waited for', async () => {
    const price = held()
    live.change = () => ({
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
    live.engine.poll()
    await pause()
    findings.set(b?.hash ?? '0x', mined(b))
    live.engine.poll()
    await expect.poll(() => onDisk('b')?.state).toBe('included')
    expect(onDisk('a')?.state).toBe('pending')
    price.resolve()
    await live.engine.check()
    expect(onDisk('a')?.state).toBe('included')
  })
})
