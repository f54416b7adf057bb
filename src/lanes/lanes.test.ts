import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Address } from '../domain/signal.ts'
import type { Result } from '../errors/failure.ts'
import { inFlightMax } from './inFlightMax.ts'
import type { Lane, Place } from './lane.ts'
import { createLanes, type Lanes } from './lanes.ts'

const alice = `0x${'a1'.repeat(20)}` as Address
const bob = `0x${'b2'.repeat(20)}` as Address
const carol = `0x${'c3'.repeat(20)}` as Address
const startMs = 1_700_000_000_000

beforeEach(() => vi.useFakeTimers({ now: startMs }))
afterEach(() => vi.useRealTimers())

function lanesOf(
  rows: readonly { address: Address; minedCount?: number; cap?: number; open?: readonly number[] }[],
  queueMax = 10,
): Lanes {
  const lanes = createLanes({
    lanes: rows.map(({ address, minedCount = 7, cap = 2 }) => ({ address, minedCount, inFlightMax: cap })),
    queueMax,
  })
  for (const { address, open = [] } of rows) for (const nonce of open) lanes.lane(address)?.adopt(nonce)
  return lanes
}

const ask = (lanes: Lanes, waitMs = 60_000): Promise<Result<Place>> => lanes.acquire({ waitMs })

async function placeOf(lanes: Lanes): Promise<Place> {
  const result = await ask(lanes)
  if (!result.ok) throw new Error(result.failure.sentence)
  return result.value
}

function sign(place: Place): number {
  const nonce = place.reserve()
  place.signed()
  return nonce
}

/** What a promise has come to so far. */
async function soFar(asked: Promise<Result<Place>>): Promise<Result<Place> | 'waiting'> {
  return Promise.race([asked, vi.advanceTimersByTimeAsync(0).then(() => 'waiting' as const)])
}

describe('choosing a lane', () => {
  test('equals take turns', async () => {
    const lanes = lanesOf([{ address: alice }, { address: bob }, { address: carol }])
    const places = [await placeOf(lanes), await placeOf(lanes), await placeOf(lanes), await placeOf(lanes)]
    expect(places.map(({ lane }) => lane)).toEqual([alice, bob, carol, alice])
  })

  test('turns go on when places are given back at once', async () => {
    const lanes = lanesOf([{ address: alice }, { address: bob }])
    const chosen: Address[] = []
    for (let count = 0; count < 4; count += 1) {
      const place = await placeOf(lanes)
      chosen.push(place.lane)
      place.release()
    }
    expect(chosen).toEqual([alice, bob, alice, bob])
  })

  test('the lane with the fewest in flight comes first, attempts of before a restart counted', async () => {
    const lanes = lanesOf([
      { address: alice, cap: 4, open: [7, 8] },
      { address: bob, cap: 4, open: [7] },
    ])
    const places = [await placeOf(lanes), await placeOf(lanes), await placeOf(lanes)]
    expect(places.map(({ lane }) => lane)).toEqual([bob, alice, bob])
  })

  test('paused lanes are skipped', async () => {
    const lanes = lanesOf([{ address: alice, cap: 4 }, { address: bob }])
    lanes.pause(bob, 'operator', 'No funds.')
    expect([(await placeOf(lanes)).lane, (await placeOf(lanes)).lane]).toEqual([alice, alice])
    lanes.resume(bob)
    expect((await placeOf(lanes)).lane).toBe(bob)
  })
})

describe('the cap', () => {
  test('counts places with and without a nonce, and lets the next in line in when one is settled', async () => {
    const lanes = lanesOf([{ address: alice }])
    const signed = await placeOf(lanes)
    await placeOf(lanes)
    expect(sign(signed)).toBe(7)
    const waiting = ask(lanes)
    expect(await soFar(waiting)).toBe('waiting')
    signed.release()
    expect(await soFar(waiting)).toBe('waiting')
    signed.mined()
    expect(await waiting).toMatchObject({ ok: true, value: { lane: alice } })
  })

  test('a released place frees its nonce and lets the next in line in', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const place = await placeOf(lanes)
    expect(place.reserve()).toBe(7)
    const waiting = ask(lanes)
    place.release()
    place.release()
    const next = await waiting
    expect(next.ok && next.value.reserve()).toBe(7)
    expect(lanes.status()[0]?.inFlight).toBe(1)
  })

  test('can be lowered while the lane runs, and raised', async () => {
    const lanes = lanesOf([{ address: alice, cap: 3 }])
    await placeOf(lanes)
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
    const place = await placeOf(lanes)
    const order: number[] = []
    const asked = [1, 2, 3].map(async (number) => {
      const result = await ask(lanes)
      order.push(number)
      if (result.ok) result.value.release()
    })
    place.release()
    await Promise.all(asked)
    expect(order).toEqual([1, 2, 3])
  })

  test('refuses at once when full', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }], 2)
    await placeOf(lanes)
    const [first, second] = [ask(lanes), ask(lanes)]
    expect(await ask(lanes)).toMatchObject({
      ok: false,
      failure: { code: 'LANES_BUSY', facts: { lanes: 1, in_flight: 1, waiting: 2 } },
    })
    expect([await soFar(first), await soFar(second)]).toEqual(['waiting', 'waiting'])
  })

  test('refuses who waits until the deadline, and goes on without them', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }])
    const place = await placeOf(lanes)
    const [impatient, patient] = [ask(lanes, 250), ask(lanes, 900)]
    await vi.advanceTimersByTimeAsync(249)
    expect(await soFar(impatient)).toBe('waiting')
    await vi.advanceTimersByTimeAsync(1)
    expect(await impatient).toMatchObject({ ok: false, failure: { code: 'LANES_BUSY' } })
    place.release()
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
    const place = await placeOf(lanes)
    const waiting = lanes.acquire({ waitMs: Number.POSITIVE_INFINITY })
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(await soFar(waiting)).toBe('waiting')
    place.release()
    expect((await waiting).ok).toBe(true)
  })

  test('is refused, with the reasons, when the last running lane is paused', async () => {
    const lanes = lanesOf([{ address: alice, cap: 1 }, { address: bob }])
    lanes.pause(bob, 'foreign', 'A foreign transaction at nonce 9.')
    await placeOf(lanes)
    const waiting = ask(lanes)
    lanes.pause(alice, 'underfunded', 'No funds.')
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

describe('a pause', () => {
  test('holds until every reason for it is taken back', async () => {
    const lanes = lanesOf([{ address: alice }])
    lanes.pause(alice, 'underfunded', 'No funds.')
    lanes.pause(alice, 'operator', 'The operator has paused it.')
    lanes.resume(alice, 'underfunded')
    expect(lanes.status()[0]?.paused).toBe('The operator has paused it.')
    expect((await ask(lanes)).ok).toBe(false)
    lanes.resume(alice)
    expect((await ask(lanes)).ok).toBe(true)
  })

  test('stops no filler', () => {
    const lanes = lanesOf([{ address: alice, cap: 1, open: [7, 9] }])
    lanes.pause(alice, 'foreign', 'Filling gaps.')
    expect(lanes.status()[0]).toEqual({
      address: alice,
      nonce: 10,
      inFlight: 2,
      cap: 1,
      paused: 'Filling gaps.',
      gaps: [8],
    })
    const { claim } = lanes.lane(alice) as Lane
    claim(8)?.signed()
    expect(lanes.status()[0]).toMatchObject({ inFlight: 3, gaps: [] })
  })
})

test('attempts of before a restart free their lane when they are mined', async () => {
  const lanes = lanesOf([{ address: alice, cap: 1 }])
  const adopted = (lanes.lane(alice) as Lane).adopt(7)
  const waiting = ask(lanes)
  adopted.release()
  expect(await soFar(waiting)).toBe('waiting')
  adopted.mined()
  expect((await waiting).ok).toBe(true)
})

test('a stop refuses whoever waits, and whoever comes', async () => {
  const lanes = lanesOf([{ address: alice, cap: 1 }])
  await placeOf(lanes)
  const waiting = ask(lanes)
  lanes.close()
  expect(await waiting).toMatchObject({ ok: false, failure: { code: 'DRAINING' } })
  expect(await ask(lanes)).toMatchObject({ ok: false, failure: { code: 'DRAINING' } })
  expect(vi.getTimerCount()).toBe(0)
})

test('an address that is no lane is a thrown bug', () => {
  const lanes = lanesOf([{ address: alice }])
  expect(() => lanes.pause(bob, 'operator', 'No funds.')).toThrow(`${bob} is no lane`)
})
