import { describe, expect, test } from 'vitest'
import type { Address } from '../domain/signal.ts'
import { createLane, type Lane } from './lane.ts'

const ADDRESS: Address = `0x${'1a'.repeat(20)}`
const laneAt = (minedCount: number, onRoom?: () => void): Lane =>
  createLane({ address: ADDRESS, minedCount, ...(onRoom && { onRoom }) })

/** Places that are signed at the next nonces. */
function signed(lane: Lane, count: number) {
  return Array.from({ length: count }, () => {
    const place = lane.open()
    place.reserve()
    place.signed()
    return place
  })
}

describe('a nonce', () => {
  test('is the lowest free one, from the mined count on', () => {
    const lane = laneAt(41)
    expect([lane.open(), lane.open(), lane.open()].map((place) => place.reserve())).toEqual([41, 42, 43])
  })

  test('that is given back is next again, or a gap that the next one takes first', () => {
    const lane = laneAt(41)
    const [low, high] = [lane.open(), lane.open()]
    low.reserve()
    high.reserve()
    low.release()
    expect(lane.gaps()).toEqual([41])
    expect(lane.open().reserve()).toBe(41)
    high.release()
    expect(lane.gaps()).toEqual([])
    expect(lane.next()).toBe(42)
  })

  test('that is signed is never given back', () => {
    const lane = laneAt(41)
    const [place] = signed(lane, 1)
    place?.release()
    expect(place?.stage).toBe('signed')
    expect(lane.open().reserve()).toBe(42)
  })

  test('is used up by a filler once, and only where it is a gap', () => {
    const lane = laneAt(41)
    const [low, high] = [lane.open(), lane.open()]
    low.reserve()
    high.reserve()
    high.signed()
    low.release()
    expect(lane.claim(42)).toBeNull()
    const filler = lane.claim(41)
    expect(filler?.nonce).toBe(41)
    expect(lane.claim(41)).toBeNull()
    filler?.release()
    expect(lane.gaps()).toEqual([41])
  })

  test('that may be on disk is given to nobody but a filler, whatever becomes of the filler', () => {
    const lane = laneAt(41)
    const place = lane.open()
    place.reserve()
    place.orphan()
    expect(lane.open().reserve()).toBe(42)
    expect(lane.gaps()).toEqual([41])
    const filler = lane.claim(41)
    expect(filler).toBe(place)
    expect(lane.gaps()).toEqual([])
    filler?.orphan()
    expect(lane.gaps()).toEqual([41])
    lane.claim(41)?.signed()
    filler?.mined()
    expect(lane.minedCount()).toBe(42)
  })

  test.each([
    ['signed before it is reserved', (lane: Lane) => lane.open().signed()],
    ['mined before it is signed', (lane: Lane) => lane.open().mined()],
    ['reserved twice', (lane: Lane) => [lane.open()].map((place) => [place.reserve(), place.reserve()])],
    ['reopened before it is mined', (lane: Lane) => signed(lane, 1)[0]?.reopened(41)],
    ['adopted twice', (lane: Lane) => [lane.adopt(50), lane.adopt(50)]],
  ])('%s is a thrown bug', (_what, misuse) => {
    expect(() => misuse(laneAt(41))).toThrow(/cannot be|adopted twice/)
  })
})

describe('the mined count', () => {
  test('is the highest reading, and none lowers it', () => {
    const lane = laneAt(41)
    lane.resync([43, 45, 44])
    lane.resync([41])
    expect(lane.minedCount()).toBe(45)
    expect(lane.open().reserve()).toBe(45)
  })

  test('tells what was mined without an attempt of ours: a reserved nonce, a gap, one never handed out', () => {
    const lane = laneAt(41)
    const [ours] = signed(lane, 1)
    const reserved = lane.open()
    reserved.reserve()
    expect(lane.resync([44])).toEqual({ lowest: 42, count: 2 })
    expect(lane.resync([44])).toBeNull()
    expect(ours?.mined()).toBeNull()
  })

  test('is raised by a receipt too, which shows what it has passed', () => {
    const lane = laneAt(41)
    expect(lane.adopt(43).mined()).toEqual({ lowest: 41, count: 2 })
    expect(lane.minedCount()).toBe(44)
  })
})

describe('a reorg', () => {
  test('brings back the place whose block is gone, and no other', () => {
    const lane = laneAt(3)
    const [three, four, five] = signed(lane, 3)
    for (const place of [three, four, five]) place?.mined()
    // The count is told by an endpoint that lags: 3 and 4 are in blocks that stand.
    five?.reopened(3)
    expect([three, four, five].map((place) => place?.stage)).toEqual(['mined', 'mined', 'signed'])
    expect(lane.inFlight()).toBe(1)
    for (const place of [three, four, five]) place?.final()
    expect(lane.inFlight()).toBe(0)
  })

  test('never hands out what is held, nor what is final', () => {
    const lane = laneAt(3)
    const [three, four] = signed(lane, 2)
    three?.mined()
    four?.mined()
    three?.final()
    four?.reopened(0)
    expect(lane.minedCount()).toBe(4)
    expect(lane.open().reserve()).toBe(5)
  })

  test('that takes a foreign transaction leaves a gap once every count says so', () => {
    const lane = laneAt(3)
    lane.resync([4])
    const [ours] = signed(lane, 1)
    expect(ours?.nonce).toBe(4)
    lane.rewind(3)
    expect(lane.gaps()).toEqual([3])
  })
})

describe('what is final', () => {
  test('is final up to itself, not up to what another party has used since, which a reorg can undo', () => {
    const lane = laneAt(41)
    const [place] = signed(lane, 1)
    place?.mined()
    lane.resync([44])
    place?.final()
    expect([lane.floor(), lane.lowest()]).toEqual([42, 44])
    lane.rewind(42)
    expect(lane.open().reserve()).toBe(42)
  })

  test('frees the lane, in whatever stage it was', () => {
    const rooms: number[] = []
    const lane: Lane = laneAt(41, () => rooms.push(lane.inFlight()))
    const [first, second] = signed(lane, 2)
    second?.mined()
    second?.final()
    expect(lane.floor()).toBe(41)
    first?.final()
    expect(lane.floor()).toBe(43)
    expect(lane.minedCount()).toBe(43)
    expect(rooms.at(-1)).toBe(0)
  })

  test('of before a restart is not handed out again, however low the count that was read', () => {
    const lane = laneAt(41)
    lane.adopt(41)
    lane.adopt(42).final()
    expect(lane.open().reserve()).toBe(43)
  })

  test('of before a restart is not handed out again, however low every count is now', () => {
    const lane = createLane({ address: ADDRESS, minedCount: 43, finalCount: 42 })
    lane.rewind(7)
    expect(lane.open().reserve()).toBe(42)
  })
})
