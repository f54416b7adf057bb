import { describe, expect, it } from 'vitest'
import { failure } from '../errors/failure.ts'
import { createFinalBlock } from './finalBlock.ts'
import type { RpcOutcome } from './rpc.ts'

const HOUR_MS = 3_600_000
const block = (number: unknown): RpcOutcome => ({ ok: true, result: { number, timestamp: '0x1' } })
const hex = (number: number) => `0x${number.toString(16)}`
const refused: RpcOutcome = { ok: false, kind: 'rpc', error: { code: -32_602, message: 'unknown tag' } }
const silent: RpcOutcome = {
  ok: false,
  kind: 'transport',
  failure: failure('NODE_TIMEOUT', 'The node did not answer.'),
}

/** A node whose tag is scripted, on a chain of a block a second. */
function fixture() {
  const world = {
    nowMs: 0,
    head: 10_000,
    tag: block(hex(9_900)) as RpcOutcome,
    reads: 0,
    told: [] as (string | null)[],
  }
  const finalBlock = createFinalBlock({
    rpc: {
      async call() {
        world.reads++
        return world.tag
      },
    },
    finality: { tag: 'finalized', fallbackDepth: 200 },
    head: () => world.head,
    onNote: (note) => world.told.push(note),
    now: () => world.nowMs,
  })
  /** Asks once a second, as checks do; `tagAt` tells the tag by the head. */
  async function pass(seconds: number, tagAt: (head: number) => RpcOutcome = () => world.tag) {
    let final = await finalBlock()
    for (let second = 0; second < seconds; second++) {
      world.nowMs += 1_000
      world.head += 1
      world.tag = tagAt(world.head)
      await finalBlock()
      await new Promise(setImmediate)
      final = await finalBlock()
    }
    return final
  }
  return { world, finalBlock, pass }
}

describe('a tag that is served', () => {
  it('is final, and read a few dozen times an hour where it moves once in six minutes', async () => {
    const { world, finalBlock, pass } = fixture()
    const epochs = (head: number) => block(hex(Math.floor((head - 64) / 384) * 384))
    world.tag = epochs(world.head)
    const final = await pass(3_600, epochs)
    expect(final).toBeGreaterThan(world.head - 64 - 384 - 130)
    expect(final).toBeLessThanOrEqual(world.head - 64)
    expect(finalBlock.note()).toBeNull()
    expect(world.reads).toBeLessThan(60)
  })

  it('is noticed within some seconds where it moves with every block', async () => {
    const { world, pass } = fixture()
    const final = await pass(600, (head) => block(hex(head - 2)))
    expect(final).toBeGreaterThanOrEqual(world.head - 2 - 3)
  })

  it('does not go back with an endpoint that lags, and is not read again at once when it cannot be', async () => {
    const { world, pass } = fixture()
    expect(await pass(5)).toBe(9_900)
    for (const answer of [block(hex(9_800)), silent, refused])
      expect(await pass(60, () => answer)).toBe(9_900)
    expect(world.reads).toBeLessThan(12)
  })

  it('is not stuck because nobody asked about it for hours', async () => {
    const { world, finalBlock, pass } = fixture()
    await pass(100)
    world.nowMs += 3 * HOUR_MS
    world.head += 10_800
    world.tag = block(hex(world.head - 70))
    expect(await finalBlock()).toBe(9_900)
    await new Promise(setImmediate)
    expect(await finalBlock()).toBe(world.head - 70)
    expect(finalBlock.note()).toBeNull()
  })
})

describe('a tag that cannot be used gives way to depth, with a note, and comes back', () => {
  it.each<[string, RpcOutcome, string]>([
    ['unknown', refused, 'it refuses `finalized` (unknown tag)'],
    ['null', { ok: true, result: null }, 'it has no `finalized` block'],
    ['no number', block('pending'), 'it has no `finalized` block'],
    ['an odd shape', { ok: true, result: 'finalized' }, 'it has no `finalized` block'],
    ['negative', block('-5'), 'it has no `finalized` block'],
    ['far above the head', block(hex(9_999_999)), 'its `finalized` block 9999999 is above the head'],
    ['silent', silent, '`finalized` cannot be read (The node did not answer.)'],
  ])('%s since the start', async (_, answer, reason) => {
    const { world, finalBlock, pass } = fixture()
    world.tag = answer
    expect(await pass(30)).toBeNull()
    expect(finalBlock.note()).toBeNull()
    expect(await pass(120)).toBe(world.head - 200)
    expect(finalBlock.note()).toContain(
      'Blocks are taken for final at a depth of 200, since the node does not tell: ',
    )
    expect(finalBlock.note()).toContain(reason)
    expect(await pass(HOUR_MS / 1_000)).toBe(world.head - 200)
    expect(world.reads).toBeLessThan(50)
    expect(await pass(150, (head) => block(hex(head - 70)))).toBeGreaterThan(world.head - 200)
    expect(finalBlock.note()).toBeNull()
    expect(world.told).toEqual([expect.stringContaining(reason), null])
  })

  it.each<[string, RpcOutcome]>([
    ['stands still', block(hex(9_900))],
    ['goes back to the beginning', block('0x1')],
    ['is gone', { ok: true, result: null }],
  ])('%s for half an hour', async (_, answer) => {
    const { world, finalBlock, pass } = fixture()
    await pass(10)
    expect(await pass(1_500, () => answer)).toBe(9_900)
    expect(finalBlock.note()).toBeNull()
    expect(await pass(600, () => answer)).toBe(world.head - 200)
    expect(finalBlock.note()).not.toBeNull()
  })
})

it('calls nothing final on a chain that has begun anew below it, until its own tag tells', async () => {
  const { world, finalBlock, pass } = fixture()
  expect(await pass(3)).toBe(9_900)
  world.head = 50
  expect(await finalBlock()).toBeNull()
  world.tag = block(hex(20))
  expect(await pass(10, () => block(hex(30)))).toBe(30)
})

it.each([
  ['its tag', 0],
  ['depth since it stood still', 3_600],
])('forgets what was final, by %s, on a head that there never was', async (_, seconds) => {
  const { world, finalBlock, pass } = fixture()
  world.head = 1_000_050
  world.tag = block(hex(1_000_000))
  expect(await pass(seconds)).toBeGreaterThanOrEqual(1_000_000)
  expect(finalBlock.note() === null).toBe(seconds === 0)
  world.head = 10_000
  world.tag = block(hex(9_900))
  await finalBlock()
  expect(await pass(3)).toBe(9_900)
  expect(finalBlock.note()).toBeNull()
})

it('goes by depth where the chain does', async () => {
  const finalBlock = createFinalBlock({
    rpc: { call: () => Promise.reject(new Error('It was asked.')) },
    finality: { depth: 4 },
    head: () => 10,
  })
  expect(await finalBlock()).toBe(6)
  expect(finalBlock.note()).toBeNull()
})
