import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Address } from '../domain/signal.ts'
import type { Result } from '../errors/failure.ts'
import { inFlightMax } from './inFlightMax.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createNonceLedger } from './nonceLedger.ts'
import type { Slot } from './slot.ts'

const alice = `0x${'a1'.repeat(20)}` as Address
const bob = `0x${'b2'.repeat(20)}` as Address
const carol = `0x${'c3'.repeat(20)}` as Address
const startMs = 1_700_000_000_000

beforeEach(() => vi.useFakeTimers({ now: startMs }))
afterEach(() => vi.useRealTimers())

function lanesOf(
  rows: readonly { address: Address; minedCount?: number; cap?: number; open?: readonly number[] }[],
  slotsQueueMax = 10,
): Lanes {
  return createLanes({
    lanes: rows.map(({ address, minedCount = 7, cap = 2, open = [] }) => ({
      address,
      ledger: createNonceLedger({
        minedCount,
        open: open.map((nonce) => ({ nonce, left: true })),
        epoch: 1,
      }),
      inFlightMax: cap,
    })),
    slotsQueueMax,
    now: Date.now,
  })
}

const ask = (lanes: Lanes, waitMs = 60_000): Promise<Result<Slot>> =>
  lanes.acquire({ deadlineMs: Date.now() + waitMs })

async function slotOf(lanes: Lanes): Promise<Slot> {
  const result = await ask(lanes)
  if (!result.ok) throw new Error(result.failure.sentence)
  return result.value
}

function sign(slot: Slot): number {
  const nonce = slot.reserve()
  slot.commit(nonce)
  return nonce
}

/** What a promise has come to so far. */
async function soFar(asked: Promise<Result<Slot>>): Promise<Result<Slot> | 'waiting'> {
  return Promise.race([asked, vi.advanceTimersByTimeAsync(0).then(() => 'waiting' as const)])
}

describe('choosing a lane', () => {
  test('equals take turns', async () => {
    const lanes = lanesOf([{ address: alice }, { address: bob }, { address: carol }])
    const slots = [await slotOf(lanes), await slotOf(lanes), await slotOf(lanes), await slotOf(lanes)]
    expect(slots.map(({ address }) => address)).toEqual([alice, bob, carol, alice])
  })

  test('turns go on when slots are given back at once', async () => {
    const lanes = lanesOf([{ address: alice }, { address: bob }])
    const chosen: Address[] = []
    for (let count = 0; count < 4; count += 1) {
      const slot = await slotOf(lanes)
      chosen.push(slot.address)
      slot.release()
    }
    expect(chosen).toEqual([alice, bob, alice, bob])
  })

  test('the lane with the fewest in flight comes first, attempts of before a restart counted', async () => {
    const lanes = lanesOf([
      { address: alice, cap: 4, open: [7, 8] },
      { address: bob, cap: 4, open: [7] },
    ])
    const slots = [await slotOf(lanes), await slotOf(lanes), await slotOf(lanes)]
    expect(slots.map(({ address }) => address)).toEqual([bob, alice, bob])
  })

  test('paused lanes are skipped', async () => {
    const lanes = lanesOf([{ address: alice, cap: 4 }, { address: bob }])
    lanes.pause(bob, 'No funds.')
    expect([(await slotOf(lanes)).address, (await slotOf(lanes)).address]).toEqual([alice, alice])
    lanes.resume(bob)
    expect((await slotOf(lanes)).address).toBe(bob)
  })
})

describe('the cap', () => {
  test('counts slots with and without a nonce, and lets the next in line in when one is settled', async () => {
    const lanes = lanesOf([{ address: alice }])
    const signed = await slotOf(lanes)
    await slotOf(lanes)
    expect(sign(signed)).toBe(7)
    const waiting = ask(lanes)
    expect(await soFar(waiting)).toBe('waiting')
    signed.release()
    expect(await soFar(waiting)).toBe('waiting')
    signed.settled()
    expect(await waiting).toMatchObject({ ok: true, value: { address: alice } })
  })

  test('a released slot frees its nonce and lets the next in line in', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const slot = await slotOf(lanes)
    expect(slot.reserve()).toBe(7)
    const waiting = ask(lanes)
    slot.release()
    slot.release()
    const next = await waiting
    expect(next.ok && next.value.reserve()).toBe(7)
    expect(lanes.status()[0]?.inFlight).toBe(1)
  })

  test('can be lowered while the lane runs, and raised', async () => {
    const lanes = lanesOf([{ address: alice, cap: 3 }])
    await slotOf(lanes)
    lanes.limit(alice, 1)
    const waiting = ask(lanes)
    expect(await soFar(waiting)).toBe('waiting')
    lanes.limit(alice, 2)
    expect((await waiting).ok).toBe(true)
  })

  test("is the chain's own for a delegated account", () => {
    const delegation = `0xef0100${'5f'.repeat(20)}` as const
    expect(inFlightMax({ code: delegation, configured: 6, delegatedMax: 1 })).toBe(1)
    expect(inFlightMax({ code: delegation, configured: 3, delegatedMax: 4 })).toBe(3)
    expect(inFlightMax({ code: '0x', configured: 6, delegatedMax: 1 })).toBe(6)
  })
})

describe('the queue', () => {
  test('is served in the order of asking', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const slot = await slotOf(lanes)
    const order: number[] = []
    const asked = [1, 2, 3].map(async (number) => {
      const result = await ask(lanes)
      order.push(number)
      if (result.ok) result.value.release()
    })
    slot.release()
    await Promise.all(asked)
    expect(order).toEqual([1, 2, 3])
  })

  test('refuses at once when full', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }], 2)
    await slotOf(lanes)
    const [first, second] = [ask(lanes), ask(lanes)]
    expect(await ask(lanes)).toMatchObject({
      ok: false,
      failure: { code: 'LANES_BUSY', facts: { lanes: 1, in_flight: 1, waiting: 2 } },
    })
    expect([await soFar(first), await soFar(second)]).toEqual(['waiting', 'waiting'])
  })

  test('refuses who waits until the deadline, and goes on without them', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const slot = await slotOf(lanes)
    const [impatient, patient] = [ask(lanes, 250), ask(lanes, 900)]
    await vi.advanceTimersByTimeAsync(249)
    expect(await soFar(impatient)).toBe('waiting')
    await vi.advanceTimersByTimeAsync(1)
    expect(await impatient).toMatchObject({ ok: false, failure: { code: 'LANES_BUSY' } })
    slot.release()
    expect((await patient).ok).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('takes nobody whose deadline has passed, unless a lane is free', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    expect((await ask(lanes, -5)).ok).toBe(true)
    expect(await ask(lanes, 0)).toMatchObject({ ok: false, failure: { code: 'LANES_BUSY' } })
  })

  test('a deadline that no timer can hold is a long wait', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const slot = await slotOf(lanes)
    const waiting = lanes.acquire({ deadlineMs: Number.POSITIVE_INFINITY })
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(await soFar(waiting)).toBe('waiting')
    slot.release()
    expect((await waiting).ok).toBe(true)
  })

  test('is refused, with the reasons, when the last running lane is paused', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }, { address: bob }])
    lanes.pause(bob, 'A foreign transaction at nonce 9.')
    await slotOf(lanes)
    const waiting = ask(lanes)
    lanes.pause(alice, 'No funds.')
    const refused = {
      ok: false,
      failure: {
        code: 'LANES_BUSY',
        facts: { paused: [`${alice}: No funds.`, `${bob}: A foreign transaction at nonce 9.`] },
      },
    }
    expect(await waiting).toMatchObject(refused)
    expect(await ask(lanes)).toMatchObject(refused)
  })
})

describe('slots', () => {
  test('of attempts from before a restart free their lane when settled', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1, open: [7] }])
    const waiting = ask(lanes)
    const adopted = lanes.adopt({ address: alice, nonce: 7 })
    adopted.release()
    expect(await soFar(waiting)).toBe('waiting')
    expect(adopted.settled()).toMatchObject({ raised: true, passed: [] })
    expect((await waiting).ok).toBe(true)
  })

  test('for a filler take a gap past the cap and the pause, once', () => {
    const lanes = lanesOf([{ address: alice, cap: 1, open: [7, 9] }])
    lanes.pause(alice, 'Filling gaps.')
    expect(lanes.status()[0]).toEqual({
      address: alice,
      nonce: 10,
      inFlight: 2,
      cap: 1,
      paused: 'Filling gaps.',
      gaps: [8],
    })
    const filler = lanes.fill({ address: alice, nonce: 8 })
    expect(filler?.nonce).toBe(8)
    expect(lanes.fill({ address: alice, nonce: 8 })).toBeNull()
    filler?.commit(8)
    expect(lanes.status()[0]).toMatchObject({ inFlight: 3, gaps: [] })
  })

  test('a filler that was not needed gives its gap back', () => {
    const lanes = lanesOf([{ address: alice, open: [8] }])
    lanes.fill({ address: alice, nonce: 7 })?.release()
    expect(lanes.status()[0]?.gaps).toEqual([7])
  })

  test('used out of order are a thrown bug', async () => {
    const slot = await slotOf(lanesOf([{ address: alice }]))
    expect(() => slot.commit(7)).toThrow('bare slot')
    expect(() => slot.settled()).toThrow('bare slot')
    slot.reserve()
    expect(() => slot.reserve()).toThrow('reserved slot')
    expect(() => slot.commit(8)).toThrow('commits nonce 8')
    slot.release()
    expect(() => slot.reserve()).toThrow('returned slot')
  })

  test('an address that is no lane is a thrown bug', () => {
    const lanes = lanesOf([{ address: alice }])
    expect(() => lanes.pause(bob, 'No funds.')).toThrow(`${bob} is no lane`)
  })
})
