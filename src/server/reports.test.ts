import { expect, it } from 'vitest'
import type { ChainState, ChainStatus, Totals } from '../dispatch/protocol.ts'
import { healthStatus, stats } from './reports.ts'

const chains = (...states: ChainState[]) => states.map((state) => ({ state }) as ChainStatus)

it.each([
  ['healthy', chains('ready', 'ready'), false],
  ['healthy', chains('ready', 'starting'), false],
  ['starting', chains('starting', 'starting'), false],
  ['starting', chains(), false],
  ['degraded', chains('ready', 'unavailable'), false],
  ['degraded', chains('ready', 'unavailable', 'starting'), false],
  ['unhealthy', chains('unavailable'), false],
  ['unhealthy', chains('unavailable', 'starting'), false],
  ['draining', chains('ready'), true],
])('is %s', (status, states, draining) => {
  expect(healthStatus(states, draining)).toBe(status)
})

it('sums what LIVE realised, losses included', () => {
  const totals = (executed: number, failed: number, profitUsdE8: bigint): Totals => ({
    totalSignals: 10,
    executed,
    paperExecuted: 0,
    failed,
    profitUsdE8,
    expectedProfitUsd: 7.5,
  })
  const perChain = new Map([
    [1, totals(3, 2, 1_234_000_000n)],
    [8453, totals(4, 5, -34_000_000n)],
  ])
  const dispatcher = { chains: () => [], totals: () => perChain, queueDepth: () => 0 }
  const sources = { startedAtMs: 0, dispatcher, draining: () => false, webSocketClients: () => 0 }
  expect(stats({ ...sources, mode: 'LIVE' })).toMatchObject({
    mode: 'LIVE',
    total_signals: 20,
    executed: 7,
    paper_executed: 0,
    failed: 7,
    total_profit: 12,
    total_expected_profit: 15,
    per_chain: { 8453: { executed: 4, total_profit: -0.34 } },
  })
})
