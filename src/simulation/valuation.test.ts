import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Address } from '../domain/signal.ts'
import { valuate } from './valuation.ts'

const WETH: Address = '0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2'
const USDC: Address = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const dollar = { priceE8: 100_000_000n, decimals: 6 }
const ether = { priceE8: 312_345_678_901n, decimals: 18 }
const base = { loanToken: USDC, wrappedNative: WETH, gasPriceWei: 3n, tokenPrice: dollar, nativePrice: ether }

describe('valuate', () => {
  test('subtracts gas and data fee at their price from the profit', () => {
    const simulation = { profit: 26_982_458n, gasUsed: 387_813n, l1FeeWei: 1_000_000_000_000_007n }
    const valuation = valuate({ ...base, simulation, gasPriceWei: 2_000_000_001n })
    expect(valuation.gasCostWei).toBe(387_813n * 2_000_000_001n + 1_000_000_000_000_007n)
    // 26.982458 USD less 0.001775626000387820 × 3,123.45678901 USD, which is 5.54609108… USD.
    expect(valuation.netProfitUsdE8).toBe(2_698_245_800n - 554_609_109n)
  })

  test('rounds a gain down and a cost up', () => {
    const tiny = { priceE8: 3n, decimals: 2 }
    const simulation = { profit: 199n, gasUsed: 1n, l1FeeWei: 0n }
    // 5.97 becomes 5; three wei cost a fraction of 1e-8 USD, which becomes 1.
    expect(valuate({ ...base, simulation, tokenPrice: tiny }).netProfitUsdE8).toBe(5n - 1n)
  })

  test('has no net result without a price or a profit, but the costs', () => {
    const simulation = { profit: 777n, gasUsed: 50_001n, l1FeeWei: 4n }
    const costs = { gasPriceWei: 3n, gasCostWei: 150_007n, profitWei: null, netProfitUsdE8: null, pays: null }
    expect(valuate({ ...base, simulation, tokenPrice: null })).toEqual({ ...costs, rate: null })
    expect(valuate({ ...base, simulation, nativePrice: null })).toEqual({ ...costs, rate: null })
    expect(valuate({ ...base, simulation: { ...simulation, profit: null } })).toMatchObject(costs)
  })

  test('of a loan in the native coin subtracts in wei before it is valued', () => {
    const simulation = { profit: 1_000_000_000_000_000_001n, gasUsed: 1n, l1FeeWei: 0n }
    const valuation = valuate({ ...base, simulation, loanToken: WETH, tokenPrice: ether, gasPriceWei: 1n })
    expect(valuation.netProfitUsdE8).toBe(ether.priceE8)
  })
})

describe('whether it pays', () => {
  const simulation = { profit: 150_008n, gasUsed: 50_001n, l1FeeWei: 4n }

  test('is exact for a loan in the native coin, without any price', () => {
    const native = { ...base, loanToken: WETH, tokenPrice: null, nativePrice: null }
    expect(valuate({ ...native, simulation })).toMatchObject({ pays: true, netProfitUsdE8: null })
    expect(valuate({ ...native, simulation: { ...simulation, profit: 150_007n } }).pays).toBe(false)
    expect(valuate({ ...native, unpriced: 'No oracle.', simulation })).toMatchObject({
      unpriced: 'No oracle.',
    })
    expect(valuate({ ...base, unpriced: null, simulation })).not.toHaveProperty('unpriced')
  })

  test('goes by the net result otherwise', () => {
    // Gas of 150,007 wei costs a fraction of 1e-8 USD, which counts as 1; a millionth of a dollar is 100.
    expect(valuate({ ...base, simulation: { ...simulation, profit: 1n } })).toMatchObject({
      pays: true,
      netProfitUsdE8: 99n,
    })
    expect(valuate({ ...base, simulation: { ...simulation, profit: 0n } })).toMatchObject({
      pays: false,
      netProfitUsdE8: -1n,
    })
  })
})

describe('what a trade earns before gas', () => {
  test('is its profit for a loan in the native coin, without any price', () => {
    const simulation = { profit: 12_345_678_901_234_567_890n, gasUsed: 1n, l1FeeWei: 0n }
    const native = { ...base, simulation, loanToken: WETH, tokenPrice: null, nativePrice: null }
    expect(valuate(native)).toMatchObject({
      profitWei: 12_345_678_901_234_567_890n,
      rate: { units: 1n, wei: 1n },
    })
  })

  test('is told in wei, rounded down', () => {
    const simulation = { profit: 26_982_458n, gasUsed: 1n, l1FeeWei: 0n }
    // 26.982458 USD at 3,123.45678901 USD per coin.
    expect(valuate({ ...base, simulation }).profitWei).toBe(8_638_652_564_344_348n)
  })

  test('is more than the gas whenever the trade pays, whatever the prices', () => {
    const price = fc.bigInt({ min: 1n, max: 10n ** 16n })
    fc.assert(
      fc.property(
        fc.record({
          profit: fc.bigInt({ min: 0n, max: 10n ** 30n }),
          gasUsed: fc.bigInt({ min: 21_000n, max: 30_000_000n }),
          gasPriceWei: fc.bigInt({ min: 0n, max: 10n ** 13n }),
          tokenE8: price,
          nativeE8: price,
          decimals: fc.integer({ min: 0, max: 30 }),
        }),
        ({ profit, gasUsed, gasPriceWei, tokenE8, nativeE8, decimals }) => {
          const { pays, profitWei, gasCostWei } = valuate({
            simulation: { profit, gasUsed, l1FeeWei: 0n },
            gasPriceWei,
            tokenPrice: { priceE8: tokenE8, decimals },
            nativePrice: { priceE8: nativeE8, decimals: 18 },
            loanToken: USDC,
            wrappedNative: WETH,
          })
          if (pays) expect(profitWei).toBeGreaterThan(gasCostWei)
        },
      ),
    )
  })
})
