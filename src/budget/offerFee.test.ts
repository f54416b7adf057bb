import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type FeeQuote, feeCapWei, type MarketFee, tipCapWei } from '../domain/fees.ts'
import { offerFee } from './offerFee.ts'

const FAR = 10n ** 30n
const dynamic = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint): FeeQuote => ({
  type: 2,
  maxFeePerGas,
  maxPriorityFeePerGas,
})
/** The fee, or null when the market's price is above what is allowed. */
function bumpFee({
  maxFeeWei,
  mayWait = false,
  ...rest
}: MarketFee & { tried: readonly FeeQuote[]; maxFeeWei: bigint; mayWait?: boolean }): FeeQuote | null {
  const offer = offerFee({ ...rest, allowedWei: maxFeeWei, mayWait })
  return offer.kind === 'offer' ? offer.fee : null
}
const cheap: MarketFee = { quote: dynamic(3n, 1n), baseFeeWei: 1n }

describe('a replacement', () => {
  test('raises both caps by an eighth, rounded up', () => {
    expect(bumpFee({ tried: [dynamic(801n, 16n)], ...cheap, maxFeeWei: FAR })).toEqual(dynamic(902n, 18n))
  })

  test.each([
    [0n, 1n],
    [1n, 2n],
    [2n, 3n],
    [7n, 8n],
    [8n, 9n],
    [9n, 11n],
  ])('makes %d wei of tip %d', (tip, raised) => {
    expect(bumpFee({ tried: [dynamic(900n, tip)], ...cheap, maxFeeWei: FAR })).toEqual(
      dynamic(1_013n, raised),
    )
  })

  test('starts above every fee tried, each cap by itself', () => {
    const tried = [dynamic(800n, 40n), dynamic(1_600n, 24n), dynamic(900n, 16n)]
    expect(bumpFee({ tried, ...cheap, maxFeeWei: FAR })).toEqual(dynamic(1_800n, 45n))
  })

  test('is at least what the market asks', () => {
    const market = { quote: dynamic(5_077n, 77n), baseFeeWei: 2_500n }
    expect(bumpFee({ tried: [dynamic(800n, 16n)], ...market, maxFeeWei: FAR })).toEqual(market.quote)
  })

  test('covers the base fee and the raised tip where the cap was raised too little for both', () => {
    const market = { quote: dynamic(2_100n, 100n), baseFeeWei: 1_000n }
    expect(bumpFee({ tried: [dynamic(1_600n, 1_500n)], ...market, maxFeeWei: FAR })).toEqual(
      dynamic(2_688n, 1_688n),
    )
  })

  test('gives headroom up before it gives up', () => {
    const market = { quote: dynamic(2_016n, 16n), baseFeeWei: 1_000n }
    const bump = (maxFeeWei: bigint) => bumpFee({ tried: [dynamic(960n, 16n)], ...market, maxFeeWei })
    expect(bump(2_016n)).toEqual(dynamic(2_016n, 18n))
    expect(bump(2_015n)).toEqual(dynamic(2_015n, 18n))
    expect(bump(1_080n)).toEqual(dynamic(1_080n, 18n))
    expect(bump(1_079n)).toBeNull()
  })

  test('of one price raises that', () => {
    const market: MarketFee = { quote: { type: 0, gasPrice: 850n }, baseFeeWei: 0n }
    const bump = (maxFeeWei: bigint) =>
      bumpFee({ tried: [{ type: 0, gasPrice: 800n }], ...market, maxFeeWei })
    expect(bump(900n)).toEqual({ type: 0, gasPrice: 900n })
    expect(bump(899n)).toBeNull()
    expect(bumpFee({ tried: [dynamic(700n, 3n)], ...market, maxFeeWei: FAR })).toEqual(market.quote)
  })
})

describe('a first transaction', () => {
  const market = { quote: dynamic(2_016n, 16n), baseFeeWei: 1_000n }
  const first = (maxFeeWei: bigint, mayWait = false) => bumpFee({ ...market, tried: [], maxFeeWei, mayWait })

  test('offers the quote; above what is allowed it loses headroom, not its tip', () => {
    expect(first(2_016n)).toEqual(market.quote)
    expect(first(1_016n)).toEqual(dynamic(1_016n, 16n))
  })

  test('is never below what the next block asks, and the refusal tells that price', () => {
    const asked = { ...market, tried: [], allowedWei: 1_015n }
    for (const mayWait of [false, true])
      expect(offerFee({ ...asked, mayWait })).toEqual({ kind: 'too_dear', priceWei: 1_016n })
  })

  test('of one price is taken whole or not at all', () => {
    const legacy: MarketFee = { quote: { type: 0, gasPrice: 33n }, baseFeeWei: 0n }
    expect(bumpFee({ ...legacy, tried: [], maxFeeWei: 33n })).toEqual(legacy.quote)
    expect(bumpFee({ ...legacy, tried: [], maxFeeWei: 32n, mayWait: true })).toBeNull()
  })
})

describe('a replacement that may wait', () => {
  const spike = { quote: dynamic(90_000n, 10_000n), baseFeeWei: 40_000n }

  test('is the least valid one where the market asks more than is allowed', () => {
    const bump = (maxFeeWei: bigint) =>
      bumpFee({ ...spike, tried: [dynamic(800n, 16n)], maxFeeWei, mayWait: true })
    expect(bump(49_999n)).toEqual(dynamic(900n, 18n))
    expect(bump(900n)).toEqual(dynamic(900n, 18n))
    expect(bump(899n)).toBeNull()
    expect(bump(50_000n)).toEqual(dynamic(50_000n, 10_000n))
  })
})

describe('for all fees', () => {
  /** Prices of every size, the smallest most of all. */
  const wei = fc.oneof(fc.bigInt(0n, 20n), fc.bigInt(0n, 10n ** 9n), fc.bigInt(0n, 10n ** 15n))
  const quotes: fc.Arbitrary<FeeQuote> = fc.oneof(
    fc.tuple(wei, wei).map(([a, b]) => (a > b ? dynamic(a, b) : dynamic(b, a))),
    wei.map((gasPrice): FeeQuote => ({ type: 0, gasPrice })),
  )
  const cases = fc.record({
    tried: fc.array(quotes, { minLength: 1, maxLength: 5 }),
    quote: quotes,
    baseFeeWei: wei,
    maxFeeWei: fc.oneof(wei, fc.constant(FAR)),
  })

  /** go-ethereum, core/txpool/legacypool/list.go, `list.Add` with a price bump of 10. */
  function gethReplaces(old: FeeQuote, next: FeeQuote): boolean {
    if (feeCapWei(old) >= feeCapWei(next) || tipCapWei(old) >= tipCapWei(next)) return false
    const threshold = (price: bigint) => (price * 110n) / 100n
    return feeCapWei(next) >= threshold(feeCapWei(old)) && tipCapWei(next) >= threshold(tipCapWei(old))
  }

  test('geth takes it in place of any attempt, it is an eighth above all, valid, and within the limit', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const bumped = bumpFee(input)
        if (bumped === null) return
        expect(feeCapWei(bumped)).toBeLessThanOrEqual(input.maxFeeWei)
        expect(tipCapWei(bumped)).toBeLessThanOrEqual(feeCapWei(bumped))
        for (const old of input.tried) {
          expect(gethReplaces(old, bumped)).toBe(true)
          expect(8n * feeCapWei(bumped)).toBeGreaterThanOrEqual(9n * feeCapWei(old))
          expect(8n * tipCapWei(bumped)).toBeGreaterThanOrEqual(9n * tipCapWei(old))
        }
        if (bumped.type === 2)
          expect(feeCapWei(bumped)).toBeGreaterThanOrEqual(input.baseFeeWei + tipCapWei(bumped))
      }),
      { numRuns: 2_000 },
    )
  })

  test('without a limit there always is one, and it is at least the quote', () => {
    fc.assert(
      fc.property(cases, (input) => {
        const bumped = bumpFee({ ...input, maxFeeWei: FAR })
        expect(bumped?.type).toBe(input.quote.type)
        expect(feeCapWei(bumped as FeeQuote)).toBeGreaterThanOrEqual(feeCapWei(input.quote))
        expect(tipCapWei(bumped as FeeQuote)).toBeGreaterThanOrEqual(tipCapWei(input.quote))
      }),
      { numRuns: 2_000 },
    )
  })

  test('where it is null, no fee within the limit would do', () => {
    fc.assert(
      fc.property(cases, (input) => {
        if (bumpFee(input) !== null) return
        const least = bumpFee({
          ...input,
          quote: {
            ...input.quote,
            ...(input.quote.type === 2 && { maxFeePerGas: input.quote.maxPriorityFeePerGas }),
          },
          maxFeeWei: FAR,
        })
        expect(feeCapWei(least as FeeQuote)).toBeGreaterThan(input.maxFeeWei)
      }),
      { numRuns: 2_000 },
    )
  })
})
