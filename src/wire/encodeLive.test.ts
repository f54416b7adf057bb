import { describe, expect, test } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import type { ExecutionState } from '../domain/executionState.ts'
import type { LiveExecution } from '../domain/liveExecution.ts'
import type { Address, Hex, Signal, WaitFor } from '../domain/signal.ts'
import { failure } from '../errors/failure.ts'
import { decodeSignal, NO_SIGNAL_HEADERS } from './decodeSignal.ts'
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from './encodeLive.ts'

const decoded = decodeSignal({
  json: { ...sampleRequest, signal_id: 'id-9' },
  headers: NO_SIGNAL_HEADERS,
  mode: 'LIVE',
  newSignalId: () => '',
})
if (!decoded.ok) throw new Error(decoded.failure.sentence)
const signal: Signal = decoded.value

const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
const LANE = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'
const LANE_SHOWN = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'

const accepted: LiveExecution = {
  signal,
  state: 'accepted',
  final: false,
  lane: null,
  nonce: null,
  simulation: null,
  valuation: null,
  failure: null,
  inclusion: null,
  realised: null,
  acceptedAtMs: Date.UTC(2025, 11, 9, 10, 29),
  changedAtMs: Date.UTC(2025, 11, 9, 10, 30),
}
const signed: LiveExecution = {
  ...accepted,
  state: 'signed',
  lane: LANE,
  nonce: 41,
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
    profitWei: 2_607_000_000_000_001n,
    rate: null,
    netProfitUsdE8: 512_345_678n,
    pays: true,
  },
}
const gained = { profit: 7_654_123n, gasCostWei: 757_654_696_296_324n, netProfitUsdE8: 534_567_812n }
const pending: LiveExecution = { ...signed, state: 'pending' }
const included: LiveExecution = {
  ...signed,
  state: 'included',
  inclusion: {
    hash: hash('b'),
    block: 23_456_791,
    blockHash: hash('d'),
    gasUsed: 398_765n,
    effectiveGasPriceWei: 1_900_000_003n,
    l1FeeWei: 29n,
  },
  realised: gained,
}
const gasLost = { profit: 0n, gasCostWei: 757_654_696_296_324n, netProfitUsdE8: -231_000_000n }
const reverted: LiveExecution = { ...included, state: 'reverted', realised: gasLost }
const cancelled: LiveExecution = {
  ...included,
  state: 'cancelled',
  realised: gasLost,
  failure: failure('UNPROFITABLE', 'It no longer pays.', { net: '-7' }),
}
const displaced: LiveExecution = { ...signed, state: 'displaced' }
const denied: LiveExecution = {
  ...accepted,
  state: 'denied',
  final: true,
  failure: failure('FEE_LIMIT', 'It would cost 9 gwei; the limit is 7.', { limit: '7' }),
}
const expired: LiveExecution = {
  ...accepted,
  state: 'expired',
  final: true,
  failure: failure('EXPIRED', 'valid_until passed 3 ms ago.'),
}
const ALL = { accepted, signed, pending, included, reverted, cancelled, displaced, denied, expired }

const hashes = [hash('a'), hash('b')]
const answer = (execution: LiveExecution, waitedFor: WaitFor = 'included', settledInTime = true) => {
  const { body, ...rest } = encodeLiveAnswer({ execution, hashes, waitedFor, settledInTime })
  return { ...rest, json: JSON.parse(body) }
}

test.each(Object.entries(ALL))(
  'the record of a trade that is %s has the fields of its answer (1.17)',
  (_, execution) => {
    // What a sender waited for is the answer's alone.
    const told = Object.keys(answer(execution, 'none').json)
    for (const encode of [encodeLiveEvent, encodeUpdateEvent]) {
      const record = Object.keys(JSON.parse(encode({ execution, hashes })))
      expect(record.toSorted()).toEqual([...told, 'type', 'signal'].toSorted())
    }
  },
)

describe('encodeLiveAnswer', () => {
  test('an included trade has the fields of the documentation and what the receipt says', () => {
    const { json, success, httpStatus } = answer(included)
    expect([success, httpStatus]).toEqual([true, 200])
    expect(json).toEqual({
      success: true,
      mode: 'LIVE',
      status: 'included',
      signal_id: 'id-9',
      chainId: 1,
      sent: 'yes',
      final: false,
      error: null,
      code: null,
      txHash: hash('b'),
      tx_hashes: hashes,
      lane: LANE_SHOWN,
      nonce: 41,
      block: 23_456_791,
      simulation: expect.objectContaining({ success: true, gasUsed: 450_123, profit: '7654321' }),
      expected_profit: 50,
      profit: '7654123',
      profit_token: sampleRequest.token,
      gas_used: 398_765,
      gas_cost_wei: '757654696296324',
      net_profit_usd: 5.34567812,
      route: [expect.objectContaining({ protocol: 0 }), expect.objectContaining({ protocol: 1 })],
      timestamp: '2025-12-09T10:30:00.000Z',
    })
  })

  test.each<[ExecutionState, 'no' | 'yes' | 'unknown']>([
    ['accepted', 'no'],
    ['signed', 'unknown'],
    ['pending', 'yes'],
    ['included', 'yes'],
    ['reverted', 'yes'],
    ['cancelled', 'unknown'],
    ['displaced', 'unknown'],
    ['denied', 'no'],
    ['expired', 'no'],
  ])('%s: sent is %s', (state, sent) => {
    expect(answer(ALL[state]).json).toMatchObject({ status: state, sent })
  })

  test.each<[WaitFor, ExecutionState, boolean]>([
    ['none', 'accepted', true],
    ['none', 'signed', true],
    ['none', 'pending', true],
    ['none', 'included', true],
    ['broadcast', 'accepted', false],
    ['broadcast', 'signed', false],
    ['broadcast', 'pending', true],
    ['included', 'accepted', false],
    ['included', 'signed', false],
    ['included', 'pending', false],
  ])('wait %s, %s: success is %s', (waitedFor, state, success) => {
    const given = answer(ALL[state], waitedFor, false)
    const open = state !== 'included'
    expect(given).toMatchObject({ success, httpStatus: open ? 202 : 200, json: { success, status: state } })
    expect(given.json.code).toBe(success ? null : 'NOT_SETTLED')
    expect(given.json.retryable).toBe(success ? undefined : false)
  })

  test('a trade that is not settled says where its record is', () => {
    expect(answer(pending, 'included', false).json).toMatchObject({
      error: 'The trade is on its way: pending when the wait for its outcome ended.',
      hint: expect.stringContaining('GET /trades/'),
      facts: { state: 'pending', record: '/trades/id-9' },
      txHash: hash('b'),
      profit: null,
      gas_cost_wei: null,
      net_profit_usd: null,
      block: null,
    })
  })

  test('what is known to be wrong with a trade on its way is said instead', () => {
    const reason = failure('SEND_UNKNOWN', 'No endpoint confirmed the transaction.')
    for (const waitedFor of ['none', 'broadcast', 'included'] as const)
      expect(answer({ ...signed, failure: reason }, waitedFor)).toMatchObject({
        success: false,
        httpStatus: 202,
        json: { code: 'SEND_UNKNOWN', error: 'No endpoint confirmed the transaction.', sent: 'unknown' },
      })
  })

  test.each<[ExecutionState, string, string]>([
    ['reverted', 'REVERTED', 'The transaction reverted in block 23456791.'],
    [
      'cancelled',
      'CANCELLED',
      `The trade was cancelled: an empty transaction took nonce 41 of ${LANE_SHOWN}. It no longer pays.`,
    ],
    ['displaced', 'DISPLACED', `A foreign transaction took nonce 41 of ${LANE_SHOWN}.`],
    ['denied', 'FEE_LIMIT', 'It would cost 9 gwei; the limit is 7.'],
    ['expired', 'EXPIRED', 'valid_until passed 3 ms ago.'],
  ])('%s fails with %s, however far it was waited for', (state, code, error) => {
    for (const waitedFor of ['none', 'broadcast', 'included'] as const)
      expect(answer(ALL[state], waitedFor)).toMatchObject({
        success: false,
        httpStatus: 200,
        json: { success: false, code, error, retryable: false },
      })
  })

  test('a cancelled trade names why, for programs too', () => {
    expect(answer(cancelled).json.facts).toEqual({ net: '-7', reason: 'UNPROFITABLE' })
  })

  test('a reason that has the code already stands as it is', () => {
    const reason = failure('DISPLACED', 'A transfer of 3 wei to 0x12 took nonce 41.', { to: '0x12' })
    expect(answer({ ...displaced, failure: reason }).json).toMatchObject({
      error: 'A transfer of 3 wei to 0x12 took nonce 41.',
      facts: { to: '0x12' },
    })
  })

  test('the gas of a revert is a loss', () => {
    expect(answer(reverted).json).toMatchObject({
      profit: '0',
      gas_cost_wei: '757654696296324',
      net_profit_usd: -2.31,
    })
  })

  test('a profit that is not known to be the true one is told with a warning, and no other', () => {
    const warning = 'The executor tells a profit of 7, the transfers of 0xa0b8 amount to 5 base units.'
    const doubtful = answer({ ...included, realised: { ...gasLost, warning } })
    expect(doubtful).toMatchObject({
      success: false,
      json: { status: 'included', code: 'PROFIT_MISMATCH', profit: '0', warning },
    })
    expect(doubtful.json.error).toContain(warning)
    expect(answer(included).json).not.toHaveProperty('warning')
  })

  test('what hops left in the executor is told, simulated and landed, where there is something to tell', () => {
    const [, weth] = sampleRequest.path as [string, string]
    const left = { hop: 1, token: weth.toLowerCase() as Address, amount: 5_900_000_000_000_000_003n }
    const shown = [{ hop: 1, token: weth, amount: '5900000000000000003' }]
    const { json } = answer({
      ...included,
      realised: { ...gained, leftovers: [left] },
      simulation: { ...(included.simulation as NonNullable<LiveExecution['simulation']>), leftovers: [left] },
    })
    expect(json).toMatchObject({ success: true, leftovers: shown, simulation: { leftovers: shown } })
    expect(answer(included).json).not.toHaveProperty('leftovers')
    expect(answer(included).json.simulation).not.toHaveProperty('leftovers')
  })

  test('a profit that is what the balance did says so, and is one', () => {
    const note = 'The transfers amount to 1 base unit less.'
    expect(answer({ ...included, realised: { ...gained, note } })).toMatchObject({
      success: true,
      json: { profit: '7654123', note },
    })
    expect(answer(included).json).not.toHaveProperty('note')
  })

  test.each([[{ netProfitUsdE8: -1n }], [{ netProfitUsdE8: 0n }], [{ profit: 0n, netProfitUsdE8: null }]])(
    'a trade that landed at a loss is no success: %o',
    (over) => {
      expect(answer({ ...included, realised: { ...gained, ...over } })).toMatchObject({
        success: false,
        json: { status: 'included', code: 'NET_LOSS', retryable: false, sent: 'yes' },
      })
    },
  )

  test('a loss is told with its numbers', () => {
    const { json } = answer({ ...included, realised: { ...gained, netProfitUsdE8: -903_456_789n } })
    expect(json).toMatchObject({
      net_profit_usd: -9.03456789,
      facts: { profit: '7654123', gas_cost_wei: '757654696296324', net_profit_usd: -9.03456789 },
    })
    expect(json.error).toMatch(/block 23456791 at a loss: .* gas of 757654696296324 wei, net -9\.0346 USD\.$/)
  })

  test('a loss is told in whole tokens and coins where they are known', () => {
    const told = {
      profit: '7.65 USDC (7654123 base units of 0xA0b8)',
      gas: '0.0007 ETH (757654696296324 wei)',
    }
    const { json } = answer({ ...included, realised: { ...gained, told, netProfitUsdE8: -1n } })
    expect(json.error).toContain(
      `at a loss: its profit of ${told.profit} did not pay for its gas of ${told.gas}, net`,
    )
  })

  test('a profit that has no price is a success, with an unknown net result and the reason', () => {
    const unpriced = 'The price oracle of this chain has no price of it.'
    expect(answer({ ...included, realised: { ...gained, unpriced, netProfitUsdE8: null } })).toMatchObject({
      success: true,
      json: { net_profit_usd: null, unpriced },
    })
    expect(answer(included).json).not.toHaveProperty('unpriced')
  })

  test('before anything is signed there is no hash', () => {
    const { body } = encodeLiveAnswer({
      execution: denied,
      hashes: [],
      waitedFor: 'included',
      settledInTime: true,
    })
    expect(JSON.parse(body)).toMatchObject({
      txHash: null,
      tx_hashes: [],
      lane: null,
      nonce: null,
      simulation: null,
    })
  })

  test('a revert whose reason is not known is not blamed on the market', () => {
    const { hint, error } = answer({ ...reverted, failure: null }).json
    expect(error).toBe('The transaction reverted in block 23456791.')
    expect(hint).not.toMatch(/^Nothing to fix|the state changed/)
  })

  test('a denial without a reason is a bug', () => {
    expect(() => answer({ ...denied, failure: null })).toThrow('denied without a reason')
  })
})

describe('the events', () => {
  test('a settled trade: the fields of the documentation and those of the answer', () => {
    expect(JSON.parse(encodeLiveEvent({ execution: included, hashes }))).toEqual({
      type: 'live_execution',
      ...answer(included).json,
      code: null,
      error: null,
      signal: expect.objectContaining({ signal_id: 'id-9', chainId: 1, amount: '1000000000' }),
    })
  })

  test('a failed one says why', () => {
    expect(JSON.parse(encodeLiveEvent({ execution: reverted, hashes }))).toMatchObject({
      success: false,
      status: 'reverted',
      code: 'REVERTED',
      error: 'The transaction reverted in block 23456791.',
    })
  })

  test.each([accepted, signed, pending])('success is not known while it is open', (execution) => {
    expect(JSON.parse(encodeUpdateEvent({ execution, hashes }))).toMatchObject({
      type: 'execution_update',
      success: null,
      status: execution.state,
      code: null,
      error: null,
    })
  })

  test('an update that only makes it final keeps the outcome', () => {
    const final = { ...included, final: true }
    expect(JSON.parse(encodeUpdateEvent({ execution: final, hashes }))).toMatchObject({
      type: 'execution_update',
      success: true,
      final: true,
      profit: '7654123',
    })
  })
})
