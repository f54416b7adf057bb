import { describe, expect, it } from 'vitest'
import type { Simulation, Valuation } from '../domain/execution.ts'
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
  revertKind: null,
  error: null,
  failedHop: null,
  revertData: null,
  hint: null,
}
const valuation: Valuation = { gasPriceWei: 2n, gasCostWei: 619_580n, netProfitUsdE8: 1n, pays: true }
const judged = (over: Partial<Simulation> = {}, value: Partial<Valuation> = {}) =>
  verdict({ signal, simulation: { ...simulation, ...over }, valuation: { ...valuation, ...value } })

describe('verdict', () => {
  it('lets a trade pass at both its limits', () => {
    expect(judged({ profit: 700n })).toBeNull()
    expect(judged({}, { netProfitUsdE8: null, pays: null })).toBeNull()
  })

  it('refuses one below min_profit, with both numbers', () => {
    expect(judged({ profit: 699n })).toMatchObject({
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
    expect(judged(reverted)).toMatchObject({ code: 'UNPROFITABLE', hint: 'Wait.', facts })
  })

  it('refuses one that gas eats up, also where only wei can be compared', () => {
    expect(judged({}, { netProfitUsdE8: -25_000_000n, pays: false })).toMatchObject({
      code: 'UNPROFITABLE',
      sentence: expect.stringMatching(
        /does not pay for its gas, up to 619580 wei before refunds: net -0\.2500 USD\.$/,
      ),
    })
    expect(judged({}, { netProfitUsdE8: null, pays: false })?.sentence).toMatch(
      /619580 wei before refunds\.$/,
    )
  })

  it('refuses one on a block after max_block', () => {
    expect(judged({ block: 1_235 })).toMatchObject({
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
    expect(judged(reverted)).toMatchObject({
      code,
      sentence: 'Hop 1 gave nothing.',
      facts: { hop: 1, shortfall: '17' },
    })
  })
})
