import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FeeQuote } from '../domain/fees.ts'
import { feeCapWei } from '../domain/fees.ts'
import { capFee, highestFeeWei } from './caps.ts'

const GWEI = 10n ** 9n
const COIN = 10n ** 18n

/** Asks 31 gwei per gas, offers up to 63. */
const quoted = {
  quote: { type: 2, maxFeePerGas: 63n * GWEI, maxPriorityFeePerGas: GWEI } as FeeQuote,
  baseFeeWei: 30n * GWEI,
  gasLimit: 600_000n,
  gasUsed: 400_000n,
  l1FeeWei: 0n,
  profitWei: COIN,
  maxFeeWei: 300n * GWEI,
  maxTxCostWei: COIN,
  maxSpendPerHourWei: 10n * COIN,
  spentLastHourWei: 0n,
}
type Case = Partial<typeof quoted>
const capped = (changes: Case) => {
  const result = capFee({ ...quoted, ...changes })
  return result.ok ? feeCapWei(result.value) : result.failure.facts
}

describe('a quote', () => {
  test('within all limits is left as it is', () => {
    expect(capFee(quoted)).toEqual({ ok: true, value: quoted.quote })
  })

  test('above a limit loses headroom, not its tip', () => {
    expect(capFee({ ...quoted, maxFeeWei: 40n * GWEI })).toEqual({
      ok: true,
      value: { type: 2, maxFeePerGas: 40n * GWEI, maxPriorityFeePerGas: GWEI },
    })
  })
})

describe('each limit refuses below what the next block asks', () => {
  test('MAX_FEE_GWEI', () => {
    expect(capped({ maxFeeWei: 31n * GWEI })).toBe(31n * GWEI)
    expect(capFee({ ...quoted, maxFeeWei: 31n * GWEI - 1n })).toMatchObject({
      ok: false,
      failure: {
        code: 'FEE_LIMIT',
        sentence: 'The chain asks 31 gwei per gas, and MAX_FEE_GWEI allows 30.999999999.',
        facts: { limit: 'MAX_FEE_GWEI', fee_per_gas_wei: '31000000000', allowed_wei: '30999999999' },
      },
    })
  })

  test('MAX_TX_COST_NATIVE, by all the gas', () => {
    const exact = 31n * GWEI * 600_000n
    expect(capped({ maxTxCostWei: exact })).toBe(31n * GWEI)
    expect(capped({ maxTxCostWei: exact, l1FeeWei: 7n })).toEqual({
      limit: 'MAX_TX_COST_NATIVE',
      cost_wei: '18600000000000007',
      allowed_wei: '18600000000000000',
    })
    expect(capped({ maxTxCostWei: exact + 7n, l1FeeWei: 7n })).toBe(31n * GWEI)
  })

  test('MAX_GAS_SPEND_PER_HOUR_NATIVE, with what was spent', () => {
    const left = 31n * GWEI * 600_000n
    expect(capped({ spentLastHourWei: 10n * COIN - left })).toBe(31n * GWEI)
    expect(capFee({ ...quoted, spentLastHourWei: 99n * COIN })).toMatchObject({
      failure: {
        sentence:
          'The transaction could cost 0.0186 of the native coin after 99 within the hour, and MAX_GAS_SPEND_PER_HOUR_NATIVE allows 10.',
        facts: { limit: 'MAX_GAS_SPEND_PER_HOUR_NATIVE', spent_last_hour_wei: (99n * COIN).toString() },
      },
    })
  })

  test('the profit, by the gas it uses', () => {
    const exact = 31n * GWEI * 400_000n
    expect(capped({ profitWei: exact })).toBe(31n * GWEI)
    expect(capFee({ ...quoted, profitWei: exact - 1n })).toMatchObject({
      failure: {
        sentence:
          'The transaction would cost 0.0124 of the native coin, and the trade earns 0.012399999999999999.',
        facts: { limit: 'profit', cost_wei: '12400000000000000', allowed_wei: '12399999999999999' },
      },
    })
    expect(capped({ profitWei: -1n })).toMatchObject({ limit: 'profit', allowed_wei: '-1' })
    expect(capFee({ ...quoted, profitWei: null })).toMatchObject({ ok: true })
  })

  test('the tightest one is named', () => {
    expect(capped({ maxFeeWei: 20n * GWEI, profitWei: GWEI })).toMatchObject({ limit: 'profit' })
    expect(capped({ maxFeeWei: 1n, profitWei: COIN / 1_000n })).toMatchObject({ limit: 'MAX_FEE_GWEI' })
  })

  test('one price is taken whole or not at all', () => {
    const quote: FeeQuote = { type: 0, gasPrice: 33n * GWEI }
    expect(capFee({ ...quoted, quote, maxFeeWei: 33n * GWEI })).toEqual({ ok: true, value: quote })
    expect(capped({ quote, maxFeeWei: 33n * GWEI - 1n })).toMatchObject({ limit: 'MAX_FEE_GWEI' })
  })
})

test('what passes costs no more than any limit, whatever the numbers', () => {
  const wei = fc.oneof(fc.bigInt(0n, 40n), fc.bigInt(0n, 10n ** 18n))
  const gas = fc.bigInt(1n, 10n ** 7n)
  const cases = fc.record({
    tip: wei,
    baseFeeWei: wei,
    gasUsed: gas,
    margin: gas,
    l1FeeWei: wei,
    profitWei: fc.bigInt(-(10n ** 18n), 10n ** 24n),
    maxFeeWei: wei,
    maxTxCostWei: fc.bigInt(0n, 10n ** 24n),
    maxSpendPerHourWei: fc.bigInt(0n, 10n ** 24n),
    spentLastHourWei: fc.bigInt(0n, 10n ** 24n),
  })
  fc.assert(
    fc.property(cases, ({ tip, margin, ...rest }) => {
      const quote: FeeQuote = { type: 2, maxFeePerGas: 2n * rest.baseFeeWei + tip, maxPriorityFeePerGas: tip }
      const bounded = { ...rest, quote, gasLimit: rest.gasUsed + margin }
      const result = capFee(bounded)
      const allowed = highestFeeWei(bounded)
      expect(allowed).toBeGreaterThanOrEqual(0n)
      expect(result.ok).toBe(rest.baseFeeWei + tip <= allowed)
      if (!result.ok) return
      const cap = feeCapWei(result.value)
      expect(cap).toBeGreaterThanOrEqual(rest.baseFeeWei + tip)
      if (cap === 0n) return
      expect(cap).toBeLessThanOrEqual(rest.maxFeeWei)
      expect(cap * bounded.gasLimit + rest.l1FeeWei).toBeLessThanOrEqual(rest.maxTxCostWei)
      expect(rest.spentLastHourWei + cap * bounded.gasLimit + rest.l1FeeWei).toBeLessThanOrEqual(
        rest.maxSpendPerHourWei,
      )
      expect(cap * rest.gasUsed + rest.l1FeeWei).toBeLessThanOrEqual(rest.profitWei)
    }),
    { numRuns: 2_000 },
  )
})
