import { expect, it } from 'vitest'
import type { ChainState, ChainStatus, Totals } from '../dispatch/protocol.ts'
import { health, healthStatus, readiness, stats } from './reports.ts'

const NO_COUNTS = { refused: 0, repeated: 0 }
const QUIET = {
  mode: 'PAPER' as const,
  startedAtMs: 0,
  draining: () => false,
  counts: { of: () => NO_COUNTS, sum: () => NO_COUNTS },
  logProblem: () => null,
  webSocketClients: () => 0,
}
const PAUSE = { since: '2026-01-01T00:00:00.000Z', by: 'anna', reason: null }
const STALE = 'The newest block of all RPC endpoints, 7, is 90 s old; at most 60 s are allowed.'
const chains = (...states: (ChainState | 'paused' | 'stale')[]) =>
  states.map((state) => {
    const as = { reason: null, paused: null, stale: null }
    if (state === 'paused') return { ...as, state: 'ready', paused: PAUSE } as ChainStatus
    if (state === 'stale') return { ...as, state: 'ready', stale: STALE } as ChainStatus
    return { ...as, state } as ChainStatus
  })

it.each([
  ['healthy', chains('ready', 'ready'), false],
  ['healthy', chains('ready', 'starting'), false],
  ['starting', chains('starting', 'starting'), false],
  ['starting', chains(), false],
  ['degraded', chains('ready', 'unavailable'), false],
  ['degraded', chains('ready', 'unavailable', 'starting'), false],
  ['unhealthy', chains('unavailable'), false],
  ['unhealthy', chains('unavailable', 'starting'), false],
  ['healthy', chains('ready', 'paused'), false],
  ['paused', chains('paused', 'starting'), false],
  ['unhealthy', chains('paused', 'unavailable'), false],
  ['degraded', chains('ready', 'stale'), false],
  ['unhealthy', chains('stale'), false],
  ['draining', chains('ready'), true],
])('is %s', (status, states, draining) => {
  expect(healthStatus(states, { draining, logProblem: null })).toBe(status)
})

it.each([
  ['degraded', chains('ready'), false],
  ['unhealthy', chains('starting'), false],
  ['draining', chains('ready'), true],
])('is %s while the event log cannot be written, and not ready', (status, states, draining) => {
  const logProblem = 'The event log cannot be written: database or disk is full.'
  const dispatcher = { chains: () => states, totals: () => new Map(), queueDepth: () => 0 }
  const sources = { ...QUIET, dispatcher, draining: () => draining, logProblem: () => logProblem }
  expect(health(sources, false)).toMatchObject({ status })
  expect(readiness(sources, false)).toMatchObject({ ready: false, body: { status, reason: logProblem } })
})

it('is not ready while every chain refuses signals for the age of its newest block, and says so', () => {
  const dispatcher = { chains: () => chains('stale'), totals: () => new Map(), queueDepth: () => 0 }
  expect(readiness({ ...QUIET, dispatcher }, true)).toMatchObject({
    ready: false,
    body: { status: 'unhealthy', chains_ready: 0, checks: [{ state: 'ready', reason: STALE }] },
  })
})

it('sums what LIVE realised, losses included', () => {
  const totals = (executed: number, failed: number, profitUsdE8: bigint): Totals => ({
    totalSignals: 10,
    executed,
    paperExecuted: 0,
    failed,
    unpriced: 1,
    profitUsdE8,
    expectedProfitUsd: 7.5,
  })
  const perChain = new Map([
    [1, totals(3, 2, 1_234_000_000n)],
    [8453, totals(4, 5, -34_000_000n)],
  ])
  const dispatcher = { chains: () => [], totals: () => perChain, queueDepth: () => 0 }
  const counts = {
    of: (chainId: number) => ({ refused: chainId === 8453 ? 4 : 20, repeated: 1 }),
    sum: () => ({ refused: 31, repeated: 3 }),
  }
  expect(stats({ ...QUIET, dispatcher, counts, mode: 'LIVE' })).toMatchObject({
    mode: 'LIVE',
    total_signals: 54,
    recorded: 20,
    refused: 31,
    repeated: 3,
    executed: 7,
    paper_executed: 0,
    failed: 7,
    unpriced: 2,
    total_profit: 12,
    total_expected_profit: 15,
    per_chain: {
      8453: { total_signals: 15, recorded: 10, refused: 4, repeated: 1, executed: 4, total_profit: -0.34 },
    },
  })
})
