import fc from 'fast-check'
import { expect, test } from 'vitest'
import { unitsForWei, weiForUnits } from './exchangeRate.ts'

test('an income is rounded down, a demand up, a loss away from 0', () => {
  const rate = { units: 3n, wei: 7n }
  expect(weiForUnits(rate, 2n)).toBe(4n)
  expect(weiForUnits(rate, -2n)).toBe(-5n)
  expect(unitsForWei(rate, 8n)).toBe(4n)
  expect(unitsForWei(rate, 7n)).toBe(3n)
  expect(unitsForWei(rate, 0n)).toBe(0n)
})

test('whoever demands the units for a cost that an income covers never demands more than the income', () => {
  const positive = fc.bigInt({ min: 1n, max: 10n ** 40n })
  const amount = fc.bigInt({ min: 0n, max: 10n ** 30n })
  fc.assert(
    fc.property(positive, positive, amount, amount, (units, wei, income, cost) => {
      const rate = { units, wei }
      const worth = weiForUnits(rate, income)
      if (cost <= worth) expect(unitsForWei(rate, cost)).toBeLessThanOrEqual(income)
      // What is demanded for a cost is worth that cost at least.
      expect(weiForUnits(rate, unitsForWei(rate, cost))).toBeGreaterThanOrEqual(cost)
    }),
  )
})
