import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import type { Execution } from '../domain/execution.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import { CODES, type Code } from '../errors/codes.ts'
import { failure } from '../errors/failure.ts'
import { decodeSignal, NO_SIGNAL_HEADERS } from './decodeSignal.ts'
import { encodeExecution, encodePaper, encodeSimulation } from './encodeExecution.ts'
import { encodeFailure } from './encodeFailure.ts'

const decoded = decodeSignal({
  json: { ...sampleRequest, signal_id: 'id-9' },
  headers: NO_SIGNAL_HEADERS,
  mode: 'PAPER',
  newSignalId: () => '',
})
if (!decoded.ok) throw new Error(decoded.failure.sentence)
const signal: Signal = decoded.value

const filled: Execution = {
  signal,
  mode: 'PAPER',
  settledAtMs: Date.UTC(2025, 11, 9, 10, 30),
  simulation: {
    success: true,
    gasUsed: 450_123n,
    profit: 7_654_321n,
    shortfall: null,
    block: 23_456_789,
    l1FeeWei: 31n,
    fundsWei: 10n ** 18n,
    revertKind: null,
    error: null,
    failedHop: null,
    revertData: null,
    hint: null,
    takenBy: null,
  },
  valuation: {
    gasPriceWei: 2_000_000_007n,
    gasCostWei: 900_246_003_150_892n,
    profitWei: 8_000_000_000_000_000n,
    rate: null,
    netProfitUsdE8: 512_345_678n,
    pays: true,
  },
  failure: null,
}
const reverted: Execution = {
  ...filled,
  simulation: {
    success: false,
    gasUsed: 98_765n,
    profit: null,
    shortfall: 12_345n,
    block: 23_456_790,
    l1FeeWei: 0n,
    fundsWei: 10n ** 18n,
    revertKind: 'failed',
    error: 'Hop 1 reverted.',
    failedHop: 1,
    revertData: '0x1234',
    hint: 'Look at hop 1.',
    takenBy: null,
  },
  valuation: null,
  failure: failure('SIMULATION_FAILED', 'Hop 1 reverted.', { hop: 1 }, 'Look at hop 1.'),
}

const simulation = {
  success: true,
  gasUsed: 450_123,
  error: null,
  profit: '7654321',
  profit_token: sampleRequest.token,
  net_profit_usd: 5.12345678,
  gas_cost_wei: '900246003150892',
  gas_price_wei: '2000000007',
  l1_fee_wei: '31',
  block: 23_456_789,
}
const [v2, v3] = sampleRequest.routers
const [usdc, weth] = sampleRequest.path
const fee = `0x${'bb8'.padStart(64, '0')}`
const route = [
  { protocol: 0, router: v2, token_in: usdc, token_out: weth, extra: '0x' },
  { protocol: 1, router: v3, token_in: weth, token_out: usdc, extra: fee },
]
const head = { mode: 'PAPER', signal_id: 'id-9', chainId: 1 }
const timestamp = '2025-12-09T10:30:00.000Z'

describe('encodeExecution', () => {
  test('a filled trade', () => {
    expect(JSON.parse(encodeExecution(filled))).toEqual({
      ...head,
      success: true,
      status: 'filled',
      error: null,
      code: null,
      simulation,
      expected_profit: 50,
      gas_cost_wei: '900246003150892',
      net_profit_usd: 5.12345678,
      route,
      timestamp,
    })
  })

  test('a failed simulation', () => {
    expect(JSON.parse(encodeExecution(reverted))).toEqual({
      ...head,
      success: false,
      status: 'failed',
      error: 'Simulation failed: Hop 1 reverted.',
      code: 'SIMULATION_FAILED',
      retryable: false,
      hint: 'Look at hop 1.',
      facts: { hop: 1 },
      simulation: {
        success: false,
        gasUsed: 98_765,
        error: 'Hop 1 reverted.',
        profit: null,
        profit_token: sampleRequest.token,
        net_profit_usd: null,
        gas_cost_wei: null,
        gas_price_wei: null,
        l1_fee_wei: '0',
        block: 23_456_790,
        shortfall: '12345',
        failed_hop: 1,
        revert_data: '0x1234',
      },
      expected_profit: 50,
      gas_cost_wei: null,
      net_profit_usd: null,
      route,
      timestamp,
    })
  })

  test('a trade that was never simulated, with the general hint of its code', () => {
    const late = { ...filled, simulation: null, valuation: null, failure: failure('EXPIRED', 'Too late.') }
    expect(JSON.parse(encodeExecution(late))).toMatchObject({
      success: false,
      error: 'Too late.',
      hint: CODES.EXPIRED.fix,
      simulation: null,
    })
  })
})

describe('encodeSimulation', () => {
  const estimate = (execution: Execution) => JSON.parse(encodeSimulation(execution)).estimated_profit
  test('has the simulation and the simulated net profit', () => {
    expect(JSON.parse(encodeSimulation(filled))).toMatchObject({
      success: true,
      simulation,
      estimated_profit: 5.12345678,
    })
  })
  test('never estimates what it does not know', () => {
    expect(estimate(reverted)).toBe(0)
    expect(
      estimate({
        ...filled,
        valuation: {
          gasPriceWei: 1n,
          gasCostWei: 2n,
          profitWei: null,
          rate: null,
          netProfitUsdE8: null,
          pays: null,
        },
      }),
    ).toBeNull()
    expect(estimate({ ...filled, simulation: null, valuation: null })).toBeNull()
  })
})

test('the record of a PAPER trade is its answer with a type and the signal (1.17)', () => {
  for (const execution of [filled, reverted]) {
    const { answer, event } = encodePaper(execution)
    expect(answer).toBe(encodeExecution(execution))
    const { type, signal: _, ...told } = JSON.parse(event)
    expect(type).toBe('paper_execution')
    expect(told).toEqual(JSON.parse(answer))
  }
})

test('its signal is a request that is understood as the same signal', () => {
  const event = JSON.parse(encodePaper(filled).event)
  expect(event.signal).toMatchObject({
    signal_id: 'id-9',
    chainId: 1,
    token: usdc,
    path: [weth, usdc],
    amount: '1000000000',
  })
  const again = decodeSignal({
    json: event.signal,
    headers: NO_SIGNAL_HEADERS,
    mode: 'PAPER',
    newSignalId: () => '',
  })
  // That extras were left out is not part of what was understood.
  const hops = signal.hops.map(({ isDefaultExtra: _, ...hop }) => hop)
  expect(again).toEqual({ ok: true, value: { ...signal, hops } })
})

test('encodeFailure is a problem that keeps success and error', () => {
  const reason = failure('INTERNAL', 'Something broke.', { part: 'x' })
  const text = encodeFailure({
    failure: reason,
    mode: 'LIVE',
    signalId: 's-4',
    traceId: 't-5',
    nowMs: filled.settledAtMs,
  })
  expect(JSON.parse(text)).toEqual({
    type: '/errors/INTERNAL',
    title: CODES.INTERNAL.meaning,
    status: 500,
    detail: 'Something broke.',
    success: false,
    mode: 'LIVE',
    sent: 'no',
    signal_id: 's-4',
    error: 'Something broke.',
    code: 'INTERNAL',
    retryable: true,
    hint: CODES.INTERNAL.fix,
    facts: { part: 'x' },
    trace_id: 't-5',
    timestamp,
  })
  const paper = JSON.parse(encodeFailure({ failure: reason, mode: 'PAPER' }))
  expect(paper).not.toHaveProperty('signal_id')
  expect(paper).not.toHaveProperty('sent')
})

describe('any execution', () => {
  const wei = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })
  const address = fc
    .uint8Array({ minLength: 20, maxLength: 20 })
    .map((b): Hex => `0x${Buffer.from(b).toString('hex')}`)
  const execution: fc.Arbitrary<Execution> = fc.record({
    signal: fc
      .record({
        loanToken: address,
        loanAmount: wei,
        expectedProfitUsd: fc.double({ noNaN: true, noDefaultInfinity: true }),
      })
      .map((some) => ({ ...signal, ...some })),
    mode: fc.constantFrom('PAPER', 'LIVE'),
    settledAtMs: fc.nat(),
    simulation: fc.option(
      fc.record({
        success: fc.boolean(),
        gasUsed: fc.bigInt({ min: 21_000n, max: 30_000_000n }),
        profit: fc.option(wei),
        shortfall: fc.option(wei),
        block: fc.nat(),
        l1FeeWei: wei,
        fundsWei: wei,
        revertKind: fc.constant(null),
        error: fc.option(fc.string()),
        failedHop: fc.option(fc.nat({ max: 7 })),
        revertData: fc.constant(null),
        hint: fc.option(fc.string()),
        takenBy: fc.constant(null),
      }),
    ),
    valuation: fc.option(
      fc.record({
        gasPriceWei: wei,
        gasCostWei: wei,
        profitWei: fc.option(wei),
        rate: fc.constant(null),
        netProfitUsdE8: fc.option(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n })),
        pays: fc.option(fc.boolean()),
      }),
    ),
    failure: fc.option(
      fc.record({
        code: fc.constantFrom(...(Object.keys(CODES) as Code[])),
        sentence: fc.string(),
        hint: fc.option(fc.string()),
        facts: fc.constant({}),
      }),
    ),
  })
  const amount = (value: unknown) => value === null || (typeof value === 'string' && /^\d+$/.test(value))
  const finite = (value: unknown) => typeof value === 'number' && Number.isFinite(value)
  const checkSimulation = (found: Record<string, unknown> | null) => {
    if (found === null) return
    expect(typeof found.success).toBe('boolean')
    expect(Number.isSafeInteger(found.gasUsed) && Number.isSafeInteger(found.block)).toBe(true)
    expect(found.error === null || typeof found.error === 'string').toBe(true)
    expect([found.profit, found.gas_cost_wei, found.gas_price_wei, found.l1_fee_wei].every(amount)).toBe(true)
    expect(found.net_profit_usd === null || finite(found.net_profit_usd)).toBe(true)
  }

  test('is encoded with the types clients rely on', () => {
    fc.assert(
      fc.property(execution, (one) => {
        const answer = JSON.parse(encodeExecution(one))
        const estimate = JSON.parse(encodeSimulation(one))
        const event = JSON.parse(encodePaper(one).event)
        for (const body of [answer, estimate, event]) {
          expect(body.success).toBe(one.failure === null)
          expect(body.mode).toBe(one.mode)
          expect(new Date(body.timestamp).getTime()).toBe(one.settledAtMs)
          checkSimulation(body.simulation)
        }
        for (const body of [answer, estimate, event]) {
          expect(
            finite(body.expected_profit) && typeof body.signal_id === 'string' && body.chainId === 1,
          ).toBe(true)
          const { code, error, hint, retryable, status } = body
          expect(status).toBe(one.failure === null ? 'filled' : 'failed')
          const types = [code, error, hint, retryable].map((value) => typeof value)
          expect(types).toEqual(
            one.failure === null
              ? ['object', 'object', 'undefined', 'undefined']
              : ['string', 'string', 'string', 'boolean'],
          )
        }
        expect(estimate.estimated_profit === null || finite(estimate.estimated_profit)).toBe(true)
        expect(typeof event.signal.amount).toBe('string')
      }),
      { numRuns: 500 },
    )
  })
})
