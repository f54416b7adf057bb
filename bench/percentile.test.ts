import { expect, test } from 'vitest'
import { median, percentile } from './percentile.ts'

test('takes the nearest rank, whatever the order', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index)
  expect(percentile(values, 0.5)).toBe(100)
  expect(percentile(values, 0.99)).toBe(198)
  expect(percentile([37], 0.99)).toBe(37)
  expect(percentile([], 0.5)).toBeNaN()
})

test('the median of an even count lies between the two middle values', () => {
  expect(median([91, 12, 35])).toBe(35)
  expect(median([91, 12, 35, 47])).toBe(41)
  expect(median([])).toBeNaN()
})
