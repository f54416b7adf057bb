import { describe, expect, test } from 'vitest'
import type { FeeLimits } from '../config/chainConfig.ts'
import { type FeeQuote, feeCapWei, type MarketFee } from '../domain/fees.ts'
import type { Address } from '../domain/signal.ts'
import { createBudget, type Priced, type Purpose } from './budget.ts'

const GWEI = 10n ** 9n
const COIN = 10n ** 18n
const A: Address = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
const B: Address = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'

const limits: FeeLimits = {
  maxFeeWei: 300n * GWEI,
  maxTxCostWei: COIN,
  maxSpendPerHourWei: 10n * COIN,
  maxRepairSpendPerHourWei: COIN / 10n,
}
/** Asks 31 gwei per gas, offers up to 63. */
const market: MarketFee = {
  quote: { type: 2, maxFeePerGas: 63n * GWEI, maxPriorityFeePerGas: GWEI },
  baseFeeWei: 30n * GWEI,
}
const earns = (profitWei: bigint | null): Purpose => ({ kind: 'trade', profitWei })
const repair: Purpose = { kind: 'repair' }
const trade = { market, gasLimit: 600_000n, l1FeeWei: 0n, purpose: earns(COIN), balanceWei: 100n * COIN }
const noOp = { market, gasLimit: 60_000n, l1FeeWei: 0n, purpose: repair, balanceWei: 100n * COIN }
/** What the trade asks at least: 31 gwei for all its gas. */
const LEAST = 31n * GWEI * 600_000n
/** And at its own fee. */
const COST = 63n * GWEI * 600_000n

let nowMs = 1_000_000
const budgetOf = (over: Partial<FeeLimits> = {}) =>
  createBudget({ limits: { ...limits, ...over }, now: () => nowMs })
const reserve = (over: Partial<Priced> = {}, of: Partial<FeeLimits> = {}) => {
  const result = budgetOf(of).reserve({ lane: A, ...trade, ...over })
  return result.ok ? feeCapWei(result.value.fee) : result.failure.facts
}
const failureOf = (over: Partial<Priced>, of: Partial<FeeLimits> = {}) => {
  const result = budgetOf(of).reserve({ lane: A, ...trade, ...over })
  return result.ok ? null : result.failure
}
function must<T>(result: { ok: true; value: T } | { ok: false; failure: { sentence: string } }): T {
  if (!result.ok) throw new Error(result.failure.sentence)
  return result.value
}
const landed = (wei: bigint, receipt: string) => ({ wei, receipt, atMs: nowMs, block: 1 })

describe('each limit refuses below what the next block asks', () => {
  test('MAX_FEE_GWEI', () => {
    expect(reserve({}, { maxFeeWei: 31n * GWEI })).toBe(31n * GWEI)
    expect(failureOf({}, { maxFeeWei: 31n * GWEI - 1n })).toMatchObject({
      code: 'FEE_LIMIT',
      sentence: 'The chain asks 31 gwei per gas, and MAX_FEE_GWEI allows 30.999999999.',
      facts: { limit: 'MAX_FEE_GWEI', fee_per_gas_wei: '31000000000', allowed_wei: '30999999999' },
    })
  })

  test('MAX_TX_COST_NATIVE, by all the gas and the data fee', () => {
    expect(reserve({}, { maxTxCostWei: LEAST })).toBe(31n * GWEI)
    expect(reserve({ l1FeeWei: 7n }, { maxTxCostWei: LEAST })).toEqual({
      limit: 'MAX_TX_COST_NATIVE',
      cost_wei: '18600000000000007',
      allowed_wei: '18600000000000000',
    })
    expect(reserve({ l1FeeWei: 7n }, { maxTxCostWei: LEAST + 7n })).toBe(31n * GWEI)
  })

  test('MAX_GAS_SPEND_PER_HOUR_NATIVE, with what was spent within the hour', () => {
    const spent = [{ wei: 99n * COIN, receipt: 'r', atMs: nowMs - 3_599_999 }]
    const budget = createBudget({ limits, spent, now: () => nowMs })
    expect(budget.reserve({ lane: A, ...trade })).toMatchObject({
      failure: {
        code: 'FEE_LIMIT',
        sentence:
          'The transaction could cost 0.0186 of the native coin after 99 within the hour, and MAX_GAS_SPEND_PER_HOUR_NATIVE allows 10.',
        facts: { limit: 'MAX_GAS_SPEND_PER_HOUR_NATIVE', spent_last_hour_wei: (99n * COIN).toString() },
      },
    })
    nowMs += 1
    expect(budget.reserve({ lane: A, ...trade })).toMatchObject({ ok: true })
  })

  test('the profit, by all the gas: what it can cost is what the executor demands', () => {
    expect(reserve({ purpose: earns(LEAST) })).toBe(31n * GWEI)
    expect(failureOf({ purpose: earns(LEAST - 1n) })).toMatchObject({
      sentence:
        'The transaction could cost 0.0186 of the native coin, and the trade earns 0.018599999999999999.',
      facts: { limit: 'profit', cost_wei: '18600000000000000', allowed_wei: '18599999999999999' },
    })
    expect(reserve({ purpose: earns(-1n) })).toMatchObject({ limit: 'profit', allowed_wei: '-1' })
    expect(reserve({ purpose: earns(null) })).toBe(63n * GWEI)
  })

  test('the tightest one is named', () => {
    expect(reserve({ purpose: earns(GWEI) }, { maxFeeWei: 20n * GWEI })).toMatchObject({ limit: 'profit' })
    expect(reserve({ purpose: earns(COIN / 1_000n) }, { maxFeeWei: 1n })).toMatchObject({
      limit: 'MAX_FEE_GWEI',
    })
  })

  test('the balance, beside what the other nonces of the account may cost', () => {
    const budget = budgetOf()
    must(budget.reserve({ lane: A, ...trade, balanceWei: COST }))
    const second = budget.reserve({ lane: A, ...trade, balanceWei: 2n * COST - 1n })
    expect(second).toMatchObject({
      failure: {
        code: 'INSUFFICIENT_FUNDS',
        sentence: expect.stringMatching(/holds 0\.\d+ of the native coin \(\d+ wei\) and may need 0\.\d+ of/),
        facts: { lane: A, balance: `${2n * COST - 1n}`, needed: `${2n * COST}` },
      },
    })
    // Another account's stakes are not its own.
    expect(budget.reserve({ lane: B, ...trade, balanceWei: COST })).toMatchObject({ ok: true })
    expect(budget.atStakeWei(A)).toBe(COST)
    expect(budget.atStakeWei()).toBe(2n * COST)
  })
})

describe('what is decided is reserved in the same step', () => {
  test('of trades that ask at once no more are given a fee than the hour pays for', () => {
    const budget = budgetOf({ maxSpendPerHourWei: COST + LEAST + LEAST / 2n })
    const answers = [1, 2, 3, 4].map(() => budget.reserve({ lane: A, ...trade }))
    // The second gives up headroom; for the third not even the price of the next block is left.
    expect(answers.map(({ ok }) => ok)).toEqual([true, true, false, false])
    expect(budget.atStakeWei()).toBeLessThanOrEqual(COST + LEAST + LEAST / 2n)
  })

  test('what was not sent is free again', () => {
    const budget = budgetOf({ maxSpendPerHourWei: COST })
    const { stake } = must(budget.reserve({ lane: A, ...trade }))
    expect(budget.reserve({ lane: A, ...trade })).toMatchObject({ ok: false })
    budget.release(stake)
    expect(budget.atStakeWei()).toBe(0n)
    expect(budget.reserve({ lane: A, ...trade })).toMatchObject({ ok: true })
  })

  test('a receipt turns what is at stake into what was spent, once', () => {
    const budget = budgetOf()
    const { stake } = must(budget.reserve({ lane: A, ...trade }))
    for (let time = 0; time < 3; time++) budget.settle(stake, landed(COST / 3n, 'hash/block'))
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([0n, COST / 3n])
    // Told again later, it is as old as it was.
    nowMs += 3_599_999
    budget.settle(stake, landed(COST / 3n, 'hash/block'))
    nowMs += 1
    expect(budget.spentLastHourWei()).toBe(0n)
    budget.reopen(stake)
    budget.reopen(stake)
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([COST, 0n])
    budget.settle(stake, landed(COST / 2n, 'hash/other block'))
    // Another receipt of the same nonce takes the place of the former.
    budget.settle(stake, landed(COST / 4n, 'hash/third block'))
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([0n, COST / 4n])
    nowMs += 3_600_000
    expect(budget.spentLastHourWei()).toBe(0n)
  })

  test('what another transaction has displaced after a reorg was never paid', () => {
    const budget = budgetOf()
    const { stake } = must(budget.reserve({ lane: A, ...trade }))
    budget.settle(stake, landed(COST / 3n, 'hash/block'))
    budget.release(stake)
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([0n, 0n])
  })

  test('a receipt that the journal knows is not counted again after a restart', () => {
    const spent = [{ wei: COIN, receipt: 'hash/block', atMs: nowMs - 60_000 }]
    const budget = createBudget({ limits, spent, now: () => nowMs })
    const stake = budget.adopt({ lane: A, maxCostWei: 3n * COIN })
    budget.settle(stake, landed(COIN, 'hash/block'))
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([0n, COIN])
    budget.reopen(stake)
    expect([budget.atStakeWei(), budget.spentLastHourWei()]).toEqual([3n * COIN, 0n])
  })

  test('what fillers have cost before a restart is charged to repairs', () => {
    const spent = [{ wei: 7n, receipt: 'filler', atMs: nowMs, kind: 'repair' as const }]
    const { trades, repairs } = createBudget({ limits, spent, now: () => nowMs }).report()
    expect([trades.spentLastHourWei, repairs.spentLastHourWei]).toEqual([0n, 7n])
  })

  test('attempts of before a restart are at stake by nonce, whatever the limits are now', () => {
    const budget = budgetOf({ maxSpendPerHourWei: 1n })
    const stake = budget.adopt({ lane: A, maxCostWei: 5n * COIN })
    budget.adopt({ lane: A, maxCostWei: 2n * COIN, kind: 'repair', at: stake })
    budget.adopt({ lane: A, maxCostWei: COIN })
    expect(budget.atStakeWei(A)).toBe(6n * COIN)
    expect(budget.reserve({ lane: A, ...trade })).toMatchObject({ ok: false })
  })
})

describe('a replacement', () => {
  const tried: FeeQuote[] = [{ type: 2, maxFeePerGas: 63n * GWEI, maxPriorityFeePerGas: GWEI }]
  /** An eighth more for all the gas. */
  const BUMPED = 70_875_000_000n * 600_000n

  test('adds what it may cost beyond the others; undone, that is free again', () => {
    const budget = budgetOf()
    const { stake } = must(budget.reserve({ lane: A, ...trade }))
    const { fee, undo } = must(budget.raise(stake, { ...trade, tried }))
    expect(feeCapWei(fee)).toBe(70_875_000_000n)
    expect(budget.atStakeWei()).toBe(BUMPED)
    undo()
    undo()
    expect(budget.atStakeWei()).toBe(COST)
  })

  test('is bounded by what the trade earns now, not by what it earned when it was signed', () => {
    const budget = budgetOf()
    const { stake } = must(budget.reserve({ lane: A, ...trade, purpose: earns(COIN) }))
    const now = (profitWei: bigint) => budget.raise(stake, { ...trade, tried, purpose: earns(profitWei) })
    expect(now(BUMPED - 1n)).toMatchObject({ failure: { code: 'FEE_LIMIT', facts: { limit: 'profit' } } })
    expect(now(BUMPED)).toMatchObject({ ok: true })
  })

  test('leaves what the dearer one may cost at stake when a cancel follows', () => {
    const budget = budgetOf()
    const { stake } = must(budget.reserve({ lane: A, ...trade }))
    must(budget.raise(stake, { ...noOp, tried }))
    expect(budget.atStakeWei()).toBe(COST)
    budget.settle(stake, landed(COST, 'trade'))
    expect(budget.report().trades.spentLastHourWei).toBe(COST)
  })
})

describe('a repair', () => {
  const tried: FeeQuote[] = [{ type: 2, maxFeePerGas: 63n * GWEI, maxPriorityFeePerGas: GWEI }]
  const usedUp = () => {
    const budget = budgetOf({ maxSpendPerHourWei: COST, maxRepairSpendPerHourWei: 1n })
    const { stake } = must(budget.reserve({ lane: A, ...trade, balanceWei: COST }))
    expect(budget.reserve({ lane: B, ...trade })).toMatchObject({ ok: false })
    return { budget, stake }
  }

  test('takes the place of a trade though hour, repairs and account are used up', () => {
    const { budget, stake } = usedUp()
    const { fee } = must(budget.raise(stake, { ...noOp, tried, balanceWei: COST }))
    expect(feeCapWei(fee)).toBe(70_875_000_000n)
    // It is paid from what the trade had at stake.
    budget.settle(stake, landed(60_000n * 70n * GWEI, 'cancel'))
    expect(budget.report().repairs.spentLastHourWei).toBe(0n)
    expect(budget.spentLastHourWei()).toBe(60_000n * 70n * GWEI)
  })

  test('of a trade is paid by the trade though other repairs have taken more than their allowance', () => {
    const { budget, stake } = usedUp()
    budget.adopt({ lane: B, maxCostWei: 2n * COIN, kind: 'repair' })
    expect(budget.raise(stake, { ...noOp, tried })).toMatchObject({ ok: true })
    expect(budget.reserve({ lane: B, ...noOp })).toMatchObject({ ok: false })
  })

  test('of a spike offers the least that replaces what is out, and is raised within the limits', () => {
    const { budget, stake } = usedUp()
    const spike: MarketFee = {
      quote: { type: 2, maxFeePerGas: 20_100n * GWEI, maxPriorityFeePerGas: 100n * GWEI },
      baseFeeWei: 10_000n * GWEI,
    }
    const fees = [...tried]
    for (;;) {
      const raised = budget.raise(stake, { ...noOp, market: spike, tried: fees, balanceWei: COST })
      if (!raised.ok) {
        expect(raised.failure).toMatchObject({ code: 'FEE_LIMIT', facts: { limit: 'MAX_FEE_GWEI' } })
        break
      }
      fees.push(raised.value.fee)
    }
    expect(fees.length).toBeGreaterThan(10)
    expect(feeCapWei(fees.at(-1) as FeeQuote)).toBeGreaterThan((300n * GWEI * 8n) / 9n - 9n)
    expect(budget.atStakeWei()).toBe(COST)
  })

  test('of an unused nonce is paid from an allowance of its own, and that is bounded too', () => {
    const used = [{ wei: 10n * COIN, receipt: 'trades', atMs: nowMs }]
    const budget = createBudget({ limits, spent: used, now: () => nowMs })
    // 0.1 coins pay for 26 no-ops at 63 gwei.
    const answers = Array.from({ length: 30 }, () => budget.reserve({ lane: A, ...noOp }))
    expect(answers.filter(({ ok }) => ok)).toHaveLength(26)
    expect(answers.at(-1)).toMatchObject({
      failure: { code: 'FEE_LIMIT', facts: { limit: 'MAX_REPAIR_SPEND_PER_HOUR_NATIVE' } },
    })
    expect(budget.report()).toMatchObject({
      trades: { leftWei: 0n, atStakeWei: 0n },
      repairs: { allowanceWei: COIN / 10n, spentLastHourWei: 0n },
    })
    expect(budget.report().repairs.atStakeWei).toBeLessThanOrEqual(COIN / 10n)
  })

  test('never offers what a node makes up: a wild quote is refused or left aside', () => {
    const wild: MarketFee = {
      quote: { type: 2, maxFeePerGas: 1_000_060n * GWEI, maxPriorityFeePerGas: 1_000_000n * GWEI },
      baseFeeWei: 30n * GWEI,
    }
    const budget = budgetOf()
    expect(budget.reserve({ lane: A, ...noOp, market: wild })).toMatchObject({
      failure: { code: 'FEE_LIMIT', facts: { limit: 'MAX_FEE_GWEI' } },
    })
    const { stake } = must(budget.reserve({ lane: A, ...noOp }))
    const { fee } = must(budget.raise(stake, { ...noOp, market: wild, tried }))
    expect(feeCapWei(fee)).toBe(70_875_000_000n)
  })

  test('needs funds like everything else', () => {
    const poor = { ...noOp, balanceWei: 31n * GWEI * 60_000n - 1n }
    expect(budgetOf().reserve({ lane: A, ...poor })).toMatchObject({
      failure: { code: 'INSUFFICIENT_FUNDS', facts: { needed: `${31n * GWEI * 60_000n}` } },
    })
  })
})
