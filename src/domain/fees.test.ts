import { describe, expect, test } from 'vitest'
import { effectivePriceWei, type FeeQuote, feeCapWei, maxCostWei, tipCapWei } from './fees.ts'

const dynamic: FeeQuote = { type: 2, maxFeePerGas: 41n, maxPriorityFeePerGas: 3n }
const plain: FeeQuote = { type: 0, gasPrice: 41n }

test('a plain price is fee cap and tip cap at once', () => {
  expect([feeCapWei(dynamic), tipCapWei(dynamic)]).toEqual([41n, 3n])
  expect([feeCapWei(plain), tipCapWei(plain)]).toEqual([41n, 41n])
})

test('what it can cost is all its gas at its highest price', () => {
  expect(maxCostWei({ quote: dynamic, gasLimit: 700n })).toBe(28_700n)
  expect(maxCostWei({ quote: plain, gasLimit: 500n })).toBe(20_500n)
})

describe('the price in a block', () => {
  test.each([
    [0n, 3n],
    [20n, 23n],
    [38n, 41n],
    [40n, 41n],
    [41n, 41n],
    [42n, null],
  ])('at base fee %d is %d', (baseFeeWei, price) => {
    expect(effectivePriceWei({ quote: dynamic, baseFeeWei })).toBe(price)
  })

  test('is all of a plain price', () => {
    expect(effectivePriceWei({ quote: plain, baseFeeWei: 20n })).toBe(41n)
    expect(effectivePriceWei({ quote: plain, baseFeeWei: 42n })).toBeNull()
  })
})
