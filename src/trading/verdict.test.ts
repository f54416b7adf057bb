import { describe, expect, it } from 'vitest'
import type { Simulation, Valuation } from '../domain/execution.ts'
import type { Mode } from '../domain/mode.ts'
import type { Address, Signal } from '../domain/signal.ts'
import { verdict } from './verdict.ts'

const TOKEN: Address = '0x6b175474e89094c44da98b954eedeac495271d0f'
const signal: Signal = {
  signalId: 'v-1',
  chainId: 137,
  flashSource: 1,
  loanToken: TOKEN,
  loanAmount: 4_000n,
  hops: [],
  expectedProfitUsd: 50,
  minProfit: 700n,
  validUntilMs: null,
  maxBlock: 1_234,
  relay: 'public',
  wait: 'included',
}
const simulation: Simulation = {
  success: true,
  gasUsed: 309_790n,
  profit: 710n,
  shortfall: null,
  block: 1_234,
  l1FeeWei: 0n,
  fundsWei: 10n ** 18n,
  revertKind: null,
  error: null,
  failedHop: null,
  revertData: null,
  hint: null,
  takenBy: null,
}
const valuation: Valuation = {
  gasPriceWei: 2n,
  gasCostWei: 619_580n,
  profitWei: 619_581n,
  rate: null,
  netProfitUsdE8: 1n,
  pays: true,
}
const UNPRICED = { profitWei: null, netProfitUsdE8: null, pays: null }
const verdictOf = (
  over: Partial<Simulation> = {},
  value: Partial<Valuation> = {},
  { minProfit = 700n, mode = 'LIVE' }: { minProfit?: bigint; mode?: Mode } = {},
) =>
  verdict({
    signal: { ...signal, minProfit },
    simulation: { ...simulation, ...over },
    valuation: { ...valuation, ...value },
    mode,
    names: { amount: (amount) => `${amount} units`, wei: (wei) => `${wei} wei` },
  })

describe('verdict', () => {
  it('lets a trade pass at both its limits', () => {
    expect(verdictOf({ profit: 700n })).toBeNull()
  })

  it('refuses one below min_profit, with both numbers', () => {
    expect(verdictOf({ profit: 699n })).toMatchObject({
      code: 'UNPROFITABLE',
      facts: { profit: '699', min_profit: '700' },
      hint: 'Lower min_profit, or wait for a better price.',
    })
  })

  it('hands on the numbers and the hint of a revert', () => {
    const facts = { profit: '699', min_profit: '700' }
    const reverted = {
      success: false,
      profit: null,
      revertKind: 'unprofitable',
      hint: 'Wait.',
      facts,
    } as const
    expect(verdictOf(reverted)).toMatchObject({ code: 'UNPROFITABLE', hint: 'Wait.', facts })
  })

  it('refuses one that gas eats up, also where only wei can be compared', () => {
    expect(verdictOf({}, { netProfitUsdE8: -25_000_000n, pays: false })).toMatchObject({
      code: 'UNPROFITABLE',
      sentence: expect.stringMatching(
        /does not pay for its gas, up to 619580 wei before refunds: net -0\.2500 USD\.$/,
      ),
    })
    expect(verdictOf({}, { netProfitUsdE8: null, pays: false })?.sentence).toMatch(
      /619580 wei before refunds\.$/,
    )
  })

  it('refuses one on a block after max_block', () => {
    expect(verdictOf({ block: 1_235 })).toMatchObject({
      code: 'EXPIRED',
      facts: { block: 1_235, max_block: 1_234 },
    })
  })

  it.each([
    ['failed', 'SIMULATION_FAILED'],
    ['unprofitable', 'UNPROFITABLE'],
    ['expired', 'EXPIRED'],
  ] as const)('calls a revert that is %s %s, with the reason and the hop', (revertKind, code) => {
    const reverted = {
      success: false,
      profit: null,
      revertKind,
      error: 'Hop 1 gave nothing.',
      failedHop: 1,
      shortfall: 17n,
    }
    expect(verdictOf(reverted)).toMatchObject({
      code,
      sentence: 'Hop 1 gave nothing.',
      facts: { hop: 1, shortfall: '17' },
    })
  })

  it('lets one that cannot be valued pass in PAPER, and in LIVE for a sender with a min_profit of his own', () => {
    expect(verdictOf({}, UNPRICED, { mode: 'PAPER', minProfit: 0n })).toBeNull()
    expect(verdictOf({}, UNPRICED, { minProfit: 1n })).toBeNull()
    expect(verdictOf({}, UNPRICED, { minProfit: 711n })).toMatchObject({ code: 'UNPROFITABLE' })
  })

  it('refuses one that cannot be valued in LIVE otherwise', () => {
    expect(verdictOf({}, UNPRICED, { minProfit: 0n })).toMatchObject({
      code: 'UNPRICED',
      facts: { profit: '710', gas_cost_wei: '619580' },
    })
    // A loan in the native coin is held against its gas in wei, and needs no price.
    expect(verdictOf({}, { netProfitUsdE8: null }, { minProfit: 0n })).toBeNull()
  })

  it.each([
    [
      'fails',
      { success: false, profit: null, revertKind: 'failed', error: 'Hop 1 gave nothing.' },
      'SIMULATION_FAILED',
    ],
    [
      'does not pay',
      { success: false, profit: null, revertKind: 'unprofitable', error: 'Too little.' },
      'UNPROFITABLE',
    ],
    ['earns too little', { profit: 699n }, 'UNPROFITABLE'],
  ] as const)('names the trade of ours behind which it %s', (_, behind, reason) => {
    const taken = verdictOf({ ...behind, takenBy: 'first-1' })
    expect(taken).toMatchObject({ code: 'OPPORTUNITY_TAKEN', facts: { taken_by: 'first-1', reason } })
    expect(taken?.sentence).toContain('first-1')
    expect(verdictOf(behind)).toMatchObject({ code: reason })
  })

  it('lets one pass that pays behind a trade of ours, and calls a late one late', () => {
    expect(verdictOf({ takenBy: 'first-1' })).toBeNull()
    expect(verdictOf({ takenBy: 'first-1', block: 1_235 })).toMatchObject({ code: 'EXPIRED' })
  })
})
