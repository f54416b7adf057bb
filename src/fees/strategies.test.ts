import { describe, expect, test } from 'vitest'
import { eip1559 } from './eip1559.ts'
import { legacy } from './legacy.ts'
import { noTip } from './noTip.ts'

const hex = (wei: bigint | number) => `0x${wei.toString(16)}`

/**
 * Blocks as [base fee, median tip], with lower and higher tips beside it; the base fee of the block to come.
 */
function history({
  blocks,
  next,
  empty = [],
}: {
  blocks: [number, number][]
  next: number
  empty?: number[]
}) {
  return {
    oldestBlock: '0x1f4',
    baseFeePerGas: [...blocks.map(([base]) => hex(base)), hex(next)],
    gasUsedRatio: blocks.map((_, index) => (empty.includes(index) ? 0 : 0.37)),
    reward: blocks.map(([, tip]) => [hex(Math.floor(tip / 2)), hex(tip), hex(tip * 9)]),
  }
}
const quote1559 = (result: unknown, minTipWei = 0n) => eip1559.quote({ result, minTipWei })

describe('eip1559', () => {
  test('asks for ten blocks up to the newest, and the median among three tips', () => {
    expect([eip1559.method, eip1559.params]).toEqual(['eth_feeHistory', '["0xa","latest",[20,50,75]]'])
  })

  test('offers the median of the median tips, and twice the coming base fee besides', () => {
    const result = history({
      blocks: [
        [700, 31],
        [710, 900],
        [720, 17],
      ],
      next: 733,
    })
    expect(quote1559(result)).toEqual({
      quote: { type: 2, maxFeePerGas: 1_497n, maxPriorityFeePerGas: 31n },
      baseFeeWei: 733n,
    })
  })

  test('takes the upper of two middle tips', () => {
    const result = history({
      blocks: [
        [1, 31],
        [1, 17],
        [1, 40],
        [1, 12],
      ],
      next: 5,
    })
    expect(quote1559(result)?.quote).toMatchObject({ maxPriorityFeePerGas: 31n })
  })

  test('does not count empty blocks', () => {
    const result = history({
      blocks: [
        [9, 0],
        [9, 23],
        [9, 0],
      ],
      next: 9,
      empty: [0, 2],
    })
    expect(quote1559(result)?.quote).toMatchObject({ maxPriorityFeePerGas: 23n })
  })

  test('offers at least the least tip of the chain, and nothing where that is nothing', () => {
    const result = history({
      blocks: [
        [0, 7],
        [0, 7],
      ],
      next: 0,
    })
    const empty = history({ blocks: [[50, 0]], next: 44, empty: [0] })
    expect(quote1559(result, 50_000_000n)?.quote).toEqual({
      type: 2,
      maxFeePerGas: 50_000_000n,
      maxPriorityFeePerGas: 50_000_000n,
    })
    expect(quote1559(empty)?.quote).toEqual({ type: 2, maxFeePerGas: 88n, maxPriorityFeePerGas: 0n })
  })

  test('does without rewards, and with base fees of the blocks alone', () => {
    const { reward: _, ...bare } = history({ blocks: [[61, 5]], next: 62 })
    expect(quote1559(bare, 3n)?.quote).toEqual({ type: 2, maxFeePerGas: 127n, maxPriorityFeePerGas: 3n })
    expect(quote1559({ ...bare, baseFeePerGas: ['0x3d'] })?.baseFeeWei).toBe(61n)
  })

  test.each([
    ['nothing', null],
    ['text', 'none'],
    ['no base fee', { gasUsedRatio: [0.5], reward: [['0x1', '0x2', '0x3']] }],
    ['no blocks', { baseFeePerGas: [], gasUsedRatio: [], reward: [] }],
    ['a base fee that is a number', { baseFeePerGas: [7, 8], gasUsedRatio: [0.5], reward: [] }],
    ['a base fee above 2^256', { baseFeePerGas: [`0x1${'0'.repeat(64)}`], gasUsedRatio: [], reward: [] }],
    ['too few tips', { baseFeePerGas: ['0x7', '0x8'], gasUsedRatio: [0.5], reward: [['0x1']] }],
    ['a negative tip', { baseFeePerGas: ['0x7'], gasUsedRatio: [0.5], reward: [['0x1', '-0x2', '0x3']] }],
  ])('an answer with %s is none', (_case, result) => {
    expect(quote1559(result)).toBeNull()
  })
})

describe('noTip', () => {
  test("offers twice the sequencer's price and no tip, whatever the chain's least tip", () => {
    expect(noTip.quote({ result: hex(10_000_007), minTipWei: 9n })).toEqual({
      quote: { type: 2, maxFeePerGas: 20_000_014n, maxPriorityFeePerGas: 0n },
      baseFeeWei: 10_000_007n,
    })
  })
})

describe('legacy', () => {
  test('offers the suggestion and an eighth, rounded up, and at least the least tip', () => {
    const price = (suggested: number, minTipWei = 0n) =>
      legacy.quote({ result: hex(suggested), minTipWei })?.quote
    expect(price(800)).toEqual({ type: 0, gasPrice: 900n })
    expect(price(801)).toEqual({ type: 0, gasPrice: 902n })
    expect(price(1)).toEqual({ type: 0, gasPrice: 2n })
    expect(price(801, 903n)).toEqual({ type: 0, gasPrice: 903n })
  })
})

test.each([noTip, legacy])('$method: a price of nothing, or none, is no answer', (strategy) => {
  for (const result of ['0x0', '0x', null, 5, {}, '12'])
    expect(strategy.quote({ result, minTipWei: 1n })).toBeNull()
})
