import { describe, expect, it } from 'vitest'
import { usdNumber, usdValue } from './usd.ts'

describe('usdValue', () => {
  it('values base units by decimals and price', () => {
    expect(usdValue({ amount: 6_508_300n, decimals: 6, priceE8: 100_000_000n })).toBe(650_830_000n)
    expect(usdValue({ amount: 10_534_000_000_000_000n, decimals: 18, priceE8: 300_000_000_000n })).toBe(
      3_160_200_000n,
    )
  })

  it('rounds towards a smaller profit and a larger loss', () => {
    expect(usdValue({ amount: 1n, decimals: 18, priceE8: 300_000_000_000n })).toBe(0n)
    expect(usdValue({ amount: -1n, decimals: 18, priceE8: 300_000_000_000n })).toBe(-1n)
    expect(usdValue({ amount: -3_000_000n, decimals: 6, priceE8: 100_000_000n })).toBe(-300_000_000n)
  })
})

describe('usdNumber', () => {
  it('keeps eight decimals on both sides of zero', () => {
    expect(usdNumber(712_345_678n)).toBe(7.12345678)
    expect(usdNumber(-50_000_000n)).toBe(-0.5)
    expect(usdNumber(0n)).toBe(0)
  })
})
