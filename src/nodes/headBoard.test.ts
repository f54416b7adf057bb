import { describe, expect, test } from 'vitest'
import { createHeadBoard, type HeadBoard, lagMax } from './headBoard.ts'

const T0 = 1_700_000_000
/** A block of a chain with blocks of two seconds. */
const block = (number: number) => ({ number, timestamp: T0 + 2 * number })
const never = { ageMs: () => 0, isTooOld: () => false, isAhead: () => false, maxMs: () => 60_000 }
const board = (
  count: number,
  age: Parameters<typeof createHeadBoard>[0]['age'] = never,
  speaks: (index: number) => boolean = () => true,
) => createHeadBoard({ count, blockTimeMs: 2_000, age, speaks })
const states = (of: HeadBoard, count: number) =>
  Array.from({ length: count }, (_, index) =>
    of.strays(index) ? 'strays' : of.behind(index) ? 'behind' : 'well',
  )

test('what two that are well may differ by follows the block time', () => {
  expect(lagMax(12_000)).toEqual({ blocks: 3, seconds: 36 })
  expect(lagMax(2_000)).toEqual({ blocks: 3, seconds: 6 })
  expect(lagMax(250)).toEqual({ blocks: 24, seconds: 6 })
})

describe('behind', () => {
  test('is one whose block is too far from the best when it shows it', () => {
    const heads = board(2)
    heads.saw(0, block(100))
    heads.saw(1, block(103))
    heads.saw(0, block(100))
    expect(states(heads, 2)).toEqual(['well', 'well'])
    heads.saw(1, block(104))
    heads.saw(0, block(100))
    expect(heads.behind(0)).toEqual({ blocks: 4, seconds: 8 })
    heads.saw(0, block(104))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('is not one that was merely asked longer ago', () => {
    const heads = board(2)
    heads.saw(1, block(100))
    for (let number = 100; number < 140; number++) heads.saw(0, block(number))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('is one whose height goes on while its time stands', () => {
    const heads = board(2)
    heads.saw(0, block(100))
    heads.saw(1, { number: 102, timestamp: T0 + 190 })
    expect(heads.behind(1)).toEqual({ blocks: 0, seconds: 10 })
  })

  test('are all when even the best is too old', () => {
    const heads = board(2, { ...never, ageMs: () => 45_000, isTooOld: () => true })
    heads.saw(0, block(100))
    heads.saw(1, block(101))
    heads.saw(0, block(100))
    expect([heads.behind(0), heads.behind(1)]).toEqual([
      { blocks: 1, seconds: 45 },
      { blocks: 0, seconds: 45 },
    ])
  })

  test('is one that follows the chain from an hour ago: it fits, and is no other chain', () => {
    const heads = board(2)
    heads.saw(0, block(1_900))
    heads.saw(1, block(100))
    expect(states(heads, 2)).toEqual(['well', 'behind'])
  })
})

describe('heads that do not fit each other', () => {
  const lie = { number: 4_000_000, timestamp: T0 + 200 }

  test('a later one of two that tells another height is not believed, and does not make the first one behind', () => {
    const heads = board(2)
    heads.saw(1, lie)
    heads.saw(0, block(100))
    expect(states(heads, 2)).toEqual(['well', 'strays'])
  })

  test('a first one of two that begins to lie is not believed any more, and again once it tells the truth', () => {
    const heads = board(2)
    heads.saw(0, block(100))
    heads.saw(1, block(100))
    heads.saw(0, lie)
    expect(states(heads, 2)).toEqual(['strays', 'well'])
    heads.saw(1, block(101))
    heads.saw(0, { ...lie, timestamp: T0 + 202 })
    expect(states(heads, 2)).toEqual(['strays', 'well'])
    heads.saw(0, block(101))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('one whose time has not come is not believed beside one that is in time, and does not make that behind', () => {
    const isAhead = ({ timestamp }: { timestamp: number }) => timestamp > T0 + 1_000
    const heads = board(2, { ...never, isAhead })
    heads.saw(0, block(100))
    heads.saw(1, { number: 101, timestamp: T0 + 90_000 })
    heads.saw(0, block(101))
    expect(states(heads, 2)).toEqual(['well', 'strays'])
    const moved = board(2, { ...never, isAhead })
    moved.saw(0, block(5_000))
    moved.saw(1, block(5_000))
    expect(states(moved, 2)).toEqual(['well', 'well'])
  })

  test('of three the two that agree are believed, also against the first configured', () => {
    const heads = board(3)
    heads.saw(0, lie)
    heads.saw(1, block(100))
    heads.saw(2, block(101))
    expect(states(heads, 3)).toEqual(['strays', 'well', 'well'])
  })

  test.each([50, 5_000])('one that tells its block by %i too high fits no other', (lie) => {
    const heads = board(2)
    heads.saw(0, block(100))
    heads.saw(1, { ...block(100), number: 100 + lie })
    expect(states(heads, 2)).toEqual(['well', 'strays'])
    heads.saw(0, block(101))
    heads.saw(1, { ...block(101), number: 101 + lie })
    expect(states(heads, 2)).toEqual(['well', 'strays'])
  })

  test('one whose own calls stand far below its head is not believed, wherever it is and whatever time it tells', () => {
    const lies = [
      { number: 5_100, timestamp: T0 + 200 },
      { number: 140, timestamp: T0 + 214 },
    ]
    for (const lie of lies) {
      const heads = board(2)
      heads.saw(0, lie)
      heads.saw(1, block(100))
      expect([states(heads, 2)[0], heads.matters(0)]).toEqual(['well', true])
      expect(heads.stoodOn(1, { block: 98, head: block(100) })).toBe(false)
      expect(heads.stoodOn(0, { block: 100, head: lie })).toBe(true)
      heads.saw(1, block(101))
      expect(states(heads, 2)).toEqual(['strays', 'well'])
      // As soon as it tells the truth it is believed.
      heads.saw(0, block(101))
      expect(heads.stoodOn(0, { block: 101, head: block(101) })).toBe(true)
      expect([states(heads, 2), heads.matters(0)]).toEqual([['well', 'well'], false])
    }
  })

  test('where the calls of all stand below their heads they are believed all the same', () => {
    const heads = board(2)
    for (const index of [0, 1]) {
      heads.saw(index, block(100))
      heads.stoodOn(index, { block: 50, head: block(100) })
    }
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test.each([0, 1])(
    'where none has jumped, endpoint %i whose calls tell no block gives way to one whose stand on its head',
    (liar) => {
      const honest = 1 - liar
      const heads = board(2)
      heads.saw(liar, lie)
      heads.saw(honest, block(100))
      // That it was asked first says nothing, and neither does that both tell none.
      const before = states(heads, 2)
      expect(heads.stoodOn(honest, { block: 100, head: block(100) })).toBe(false)
      expect(states(heads, 2)).toEqual(before)
      heads.stoodOn(liar, { block: null, head: lie })
      heads.saw(honest, block(101))
      expect(states(heads, 2)).toEqual(liar === 0 ? ['strays', 'well'] : ['well', 'strays'])
      const none = board(2)
      none.saw(liar, lie)
      none.saw(honest, block(100))
      for (const index of [0, 1]) none.stoodOn(index, { block: null, head: block(100) })
      expect(states(none, 2)).toEqual(before)
    },
  )

  test('two whose calls tell no block are believed against one whose calls stand on its head', () => {
    const heads = board(3)
    heads.saw(0, lie)
    for (const index of [1, 2]) heads.saw(index, block(100))
    heads.stoodOn(0, { block: lie.number, head: lie })
    for (const index of [1, 2]) heads.stoodOn(index, { block: null, head: block(100) })
    expect(states(heads, 3)).toEqual(['strays', 'well', 'well'])
  })

  test('a call that tells no block now takes nothing back of what was told', () => {
    const heads = board(2)
    heads.saw(0, lie)
    heads.saw(1, block(100))
    heads.stoodOn(1, { block: 100, head: block(100) })
    heads.stoodOn(0, { block: 100, head: lie })
    heads.stoodOn(0, { block: null, head: lie })
    heads.stoodOn(1, { block: null, head: block(100) })
    expect(states(heads, 2)).toEqual(['strays', 'well'])
  })

  test('a node alone is believed, whatever it jumps to', () => {
    const heads = board(1)
    heads.saw(0, block(100))
    heads.saw(0, { number: 3, timestamp: T0 + 200 })
    expect(states(heads, 1)).toEqual(['well'])
    expect(heads.head(0)?.number).toBe(3)
  })
})

describe('an endpoint that has fallen silent', () => {
  const lie = { number: 1_000_100, timestamp: T0 + 200 }
  const muted = (count: number) => {
    const silent = new Set<number>()
    return { silent, heads: board(count, never, (index) => !silent.has(index)) }
  }

  test('has no say any more: its last head stops no other, whoever was first', () => {
    const { heads, silent } = muted(2)
    heads.saw(0, lie)
    heads.saw(1, block(100))
    expect(states(heads, 2)).toEqual(['well', 'strays'])
    silent.add(0)
    heads.saw(1, block(101))
    expect(states(heads, 2)).toEqual(['strays', 'well'])
    expect(heads.matters(1)).toBe(false)
    // As soon as it tells the truth it is believed.
    silent.clear()
    heads.saw(0, block(102))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('is no liar for that, and is well again with the head it had', () => {
    const { heads, silent } = muted(2)
    for (const index of [0, 1]) heads.saw(index, block(100))
    silent.add(0)
    for (let number = 101; number < 140; number++) heads.saw(1, block(number))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('does not make another one behind', () => {
    const { heads, silent } = muted(2)
    heads.saw(0, block(110))
    silent.add(0)
    heads.saw(1, block(100))
    expect(states(heads, 2)).toEqual(['well', 'well'])
  })

  test('has its say while all have', () => {
    const { heads, silent } = muted(3)
    silent.add(0).add(1).add(2)
    heads.saw(0, lie)
    heads.saw(1, block(100))
    heads.saw(2, block(101))
    expect(states(heads, 3)).toEqual(['strays', 'well', 'well'])
  })

  test('is believed again rather than one that has jumped meanwhile and stood alone', () => {
    const { heads, silent } = muted(2)
    for (const index of [0, 1]) heads.saw(index, block(100))
    silent.add(1)
    heads.saw(0, lie)
    heads.saw(0, { number: lie.number + 1, timestamp: T0 + 202 })
    expect(states(heads, 2)).toEqual(['well', 'strays'])
    silent.clear()
    heads.saw(1, block(101))
    expect(states(heads, 2)).toEqual(['strays', 'well'])
  })

  test('stops no chain that begins anew', () => {
    const { heads, silent } = muted(2)
    for (const index of [0, 1]) heads.saw(index, block(100))
    silent.add(0)
    heads.saw(1, { number: 2, timestamp: T0 + 210 })
    expect(states(heads, 2)).toEqual(['strays', 'well'])
  })
})
