import { expect, test } from 'vitest'
import { gasLimit } from './gasLimit.ts'

const used = { gasUsed: 377_892n, l1FeeWei: 0n, l1FeeInGas: false, baseFeeWei: 100n }

test('is half as much again, rounded up', () => {
  expect(gasLimit(used)).toBe(566_838n)
  expect(gasLimit({ ...used, gasUsed: 377_893n })).toBe(566_840n)
})

test('holds the data fee, at the base fee and rounded up, only where that is paid as gas', () => {
  const charged = { ...used, l1FeeWei: 4_000_001n }
  expect(gasLimit(charged)).toBe(566_838n)
  expect(gasLimit({ ...charged, l1FeeInGas: true })).toBe(626_840n)
  expect(gasLimit({ ...charged, l1FeeInGas: true, baseFeeWei: 0n })).toBe(566_838n)
})
