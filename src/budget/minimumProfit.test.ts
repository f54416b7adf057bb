import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { weiForUnits } from '../domain/exchangeRate.ts'
import { minimumProfit } from './minimumProfit.ts'

/** A coin is worth 3,000 of a token with six decimals. */
const rate = { units: 3_000_000_000n, wei: 10n ** 18n }
const minimum = (over: Partial<Parameters<typeof minimumProfit>[0]> = {}) =>
  minimumProfit({
    signal: { minProfit: 0n },
    simulation: { profit: 26_982_457n },
    valuation: { rate },
    maxCostWei: 0n,
    sharePercent: 0,
    ...over,
  })

describe('the least profit that the executor takes', () => {
  test('is what the sender demands', () => {
    expect(minimum({ signal: { minProfit: 77n } })).toBe(77n)
  })

  test('is what the transaction can cost, in the loan token, rounded up', () => {
    expect(minimum({ maxCostWei: 10n ** 15n })).toBe(3_000_000n)
    expect(minimum({ maxCostWei: 10n ** 15n + 1n })).toBe(3_000_001n)
    expect(minimum({ maxCostWei: 10n ** 15n, valuation: { rate: null } })).toBe(0n)
  })

  test('is a share of the simulated profit, rounded up', () => {
    expect(minimum({ sharePercent: 50 })).toBe(13_491_229n)
    expect(minimum({ sharePercent: 100 })).toBe(26_982_457n)
    expect(minimum({ sharePercent: 50, simulation: { profit: null } })).toBe(0n)
  })

  test('is the highest of them', () => {
    const all = { maxCostWei: 10n ** 15n, sharePercent: 10 }
    expect(minimum(all)).toBe(3_000_000n)
    expect(minimum({ ...all, sharePercent: 12 })).toBe(3_237_895n)
    expect(minimum({ ...all, signal: { minProfit: 4_000_000n } })).toBe(4_000_000n)
  })
})

test('a cost that the profit pays for never asks for more than the profit; what it asks for pays the cost', () => {
  const positive = fc.bigInt({ min: 1n, max: 10n ** 40n })
  fc.assert(
    fc.property(
      fc.record({ units: positive, wei: positive }),
      fc.bigInt({ min: 0n, max: 10n ** 30n }),
      fc.bigInt({ min: 0n, max: 10n ** 20n }),
      fc.integer({ min: 0, max: 100 }),
      (rate, profit, cost, sharePercent) => {
        const earned = weiForUnits(rate, profit)
        const maxCostWei = cost % (earned + 1n)
        const least = minimum({ valuation: { rate }, simulation: { profit }, maxCostWei, sharePercent })
        expect(least).toBeLessThanOrEqual(profit)
        expect(weiForUnits(rate, least)).toBeGreaterThanOrEqual(maxCostWei)
      },
    ),
  )
})
