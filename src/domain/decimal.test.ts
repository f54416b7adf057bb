import { expect, test } from 'vitest'
import { decimal } from './decimal.ts'

test.each([
  [1_500_000n, 6, '1.5'],
  [7n, 18, '0.000000000000000007'],
  [0n, 9, '0'],
  [120n, 0, '120'],
  [3_000_000_000n, 9, '3'],
  [-31_000n, 6, '-0.031'],
])('%d at %d decimals is %s', (amount, decimals, text) => {
  expect(decimal({ amount, decimals })).toBe(text)
})
