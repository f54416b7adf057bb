import { describe, expect, test } from 'vitest'
import { audit, signalWordOf } from './audit.ts'
import type { MinedTransaction } from './readChain.ts'

const LANE = `0x${'1a'.repeat(20)}` as const
const hash = (digit: string) => `0x${digit.repeat(64)}` as const
const word = signalWordOf('one') as `0x${string}`

const mined: MinedTransaction = {
  chainId: 1,
  hash: hash('a'),
  lane: LANE,
  nonce: 4,
  block: 71,
  timestamp: 1_700_000_009,
  succeeded: true,
  signalWord: word,
  profit: 5_432n,
  gasCostWei: 678_000_000_000_000n,
}
const attempt = { chainId: 1, hash: hash('a'), lane: LANE, nonce: 4 }
const record = {
  status: 'included',
  final: true,
  txHash: hash('a'),
  block: 71,
  profit: '5432',
  gas_cost_wei: '678000000000000',
  net_profit_usd: 0.005432 - 678e12 * 3_000e-18,
}
const answer = (body: object) => ({ httpStatus: 200, body: { success: true, status: 'included', ...body } })
const clean = {
  sent: [{ signal: { signal_id: 'one' }, answers: [answer({})] }],
  records: new Map([['one', record as Readonly<Record<string, unknown>>]]),
  transactions: [mined],
  rests: [{ chainId: 1, lane: LANE, minedCount: 5, waiting: 0 }],
  attempts: [attempt],
}
const nothing = {
  duplicates: 0,
  lost: 0,
  permanentGaps: 0,
  unjournaled: 0,
  falseOutcomes: 0,
  brokenPromises: 0,
  eventHoles: 0,
  totalsWrong: 0,
}
const promised = { httpStatus: 202, body: { success: true, status: 'accepted', final: false } }
/** Answered 202, nothing in a block, and this record in the end. */
const promisedAndEnded = (end: object, found = {}) => ({
  sent: [{ signal: { signal_id: 'one' }, answers: [{ ...promised, ...found }] }],
  records: new Map([['one', { ...record, txHash: null, final: true, ...end } as Record<string, unknown>]]),
  transactions: [],
  attempts: [],
})
const withRecord = (change: object) => ({ ...clean, records: new Map([['one', { ...record, ...change }]]) })
const failed = { ...mined, succeeded: false, profit: null }

describe('audit', () => {
  test('finds nothing where server, chain and journal agree', () => {
    expect(audit(clean)).toEqual({
      signals: 1,
      accepted: 1,
      landed: 1,
      reverted: 0,
      ...nothing,
      findings: [],
    })
  })

  test('a refusal that left nothing is nothing', () => {
    const refused = { httpStatus: 503, body: { success: false, code: 'OVERLOADED', retryable: true } }
    const sent = [{ signal: { signal_id: 'two' }, answers: [refused] }]
    expect(audit({ ...clean, sent, transactions: [], attempts: [] })).toMatchObject({
      accepted: 0,
      ...nothing,
    })
  })

  const broken = { brokenPromises: 1 }
  test('a promise that was ended by a reason of its own is kept', () => {
    for (const code of ['SIMULATION_FAILED', 'UNPROFITABLE', 'EXPIRED', 'FEE_LIMIT'])
      expect(audit({ ...clean, ...promisedAndEnded({ status: 'denied', code }) })).toMatchObject(nothing)
  })

  test('what somebody else sent from an account is not the server’s, and displaces', () => {
    const other = { ...mined, signalWord: null, profit: null }
    const change = {
      ...promisedAndEnded({ status: 'displaced', chainId: 1, lane: LANE, nonce: 4 }),
      transactions: [other],
      foreign: new Set([other.hash]),
    }
    expect(audit({ ...clean, ...change })).toMatchObject(nothing)
  })

  test('what was told may become another outcome by a reorg, as long as it was not final', () => {
    const told = (body: object) => ({
      sent: [
        { signal: { signal_id: 'one' }, answers: [answer({ status: 'reverted', final: false, ...body })] },
      ],
    })
    expect(audit({ ...clean, ...told({}), reorgs: 1 })).toMatchObject(nothing)
    expect(audit({ ...clean, ...told({}) })).toMatchObject({ falseOutcomes: 1 })
    expect(audit({ ...clean, ...told({ final: true }), reorgs: 1 })).toMatchObject({ falseOutcomes: 1 })
    expect(audit({ ...clean, ...told({ status: 'denied' }), reorgs: 1 })).toMatchObject({ falseOutcomes: 1 })
  })

  test.each<[string, Partial<Parameters<typeof audit>[0]>, object]>([
    [
      'a second effect',
      {
        transactions: [mined, { ...mined, hash: hash('b'), nonce: 5 }],
        attempts: [attempt, { ...attempt, hash: hash('b') }],
      },
      { duplicates: 1 },
    ],
    [
      'a second nonce, though it reverted',
      {
        transactions: [mined, { ...failed, hash: hash('b'), nonce: 5 }],
        attempts: [attempt, { ...attempt, hash: hash('b') }],
      },
      { duplicates: 1 },
    ],
    ['no record', { records: new Map() }, { lost: 1 }],
    ['a record that is not final', withRecord({ final: false }), { lost: 1 }],
    [
      'an effect nobody answered for',
      { sent: [{ signal: { signal_id: 'one' }, answers: [] }], records: new Map() },
      { lost: 1 },
    ],
    [
      'a nonce that was signed and is in no block',
      { attempts: [attempt, { ...attempt, hash: hash('c'), nonce: 6 }] },
      { permanentGaps: 1 },
    ],
    [
      'a transaction that waits',
      { rests: [{ chainId: 1, lane: LANE, minedCount: 5, waiting: 2 }] },
      { permanentGaps: 2 },
    ],
    ['no attempt', { attempts: [] }, { unjournaled: 1 }],
    ['an attempt of another chain', { attempts: [{ ...attempt, chainId: 10 }] }, { unjournaled: 1 }],
    ['bytes that left before their record', { early: [hash('a'), hash('a')] }, { unjournaled: 1 }],
    ['a hole in the events', { eventFindings: ['a hole'] }, { eventHoles: 1 }],
    ['a wrong sum', { totalFindings: ['a sum'] }, { totalsWrong: 1 }],
    [
      'a promise not found',
      promisedAndEnded({ status: 'expired', code: 'EXPIRED' }, { isFound: false }),
      broken,
    ],
    ['a promise ended by a node', promisedAndEnded({ status: 'denied', code: 'NODE_UNAVAILABLE' }), broken],
    ['a promise ended by waiting', promisedAndEnded({ status: 'denied', code: 'LANES_BUSY' }), broken],
    [
      'a promise ended by the disk',
      promisedAndEnded({ status: 'denied', code: 'JOURNAL_UNAVAILABLE' }),
      broken,
    ],
    [
      'a promise ended for good that may be asked for again',
      promisedAndEnded({ status: 'expired', code: 'EXPIRED', retryable: true }),
      broken,
    ],
    ['a net profit without its gas', withRecord({ net_profit_usd: 0.005432 }), { falseOutcomes: 1 }],
    [
      'displaced by nobody',
      promisedAndEnded({ status: 'displaced', chainId: 1, lane: LANE, nonce: 4 }),
      { falseOutcomes: 1 },
    ],
    [
      'displaced by a transaction of ours',
      {
        ...promisedAndEnded({ status: 'displaced', chainId: 1, lane: LANE, nonce: 4 }),
        transactions: [{ ...mined, signalWord: null }],
        attempts: [attempt],
      },
      { falseOutcomes: 1 },
    ],
    ['a profit the log does not have', withRecord({ profit: '5433' }), { falseOutcomes: 1 }],
    ['gas the receipt does not have', withRecord({ gas_cost_wei: '679000000000000' }), { falseOutcomes: 1 }],
    ['another block', withRecord({ block: 72 }), { falseOutcomes: 1 }],
    ['included, though it reverted', { transactions: [failed] }, { falseOutcomes: 1 }],
    ['included by a hash in no block', withRecord({ txHash: hash('d') }), { falseOutcomes: 1 }],
    [
      'denied, though it is in a block',
      {
        ...withRecord({ status: 'denied' }),
        sent: [{ signal: { signal_id: 'one' }, answers: [answer({ status: 'denied' })] }],
      },
      { falseOutcomes: 1 },
    ],
    [
      'another outcome than was told',
      { sent: [{ signal: { signal_id: 'one' }, answers: [answer({ status: 'reverted' })] }] },
      { falseOutcomes: 1 },
    ],
    [
      'cancelled by a trade',
      {
        ...withRecord({ status: 'cancelled' }),
        sent: [{ signal: { signal_id: 'one' }, answers: [answer({ status: 'cancelled' })] }],
      },
      { falseOutcomes: 1 },
    ],
  ])('finds %s', (_, change, expected) => {
    const found = audit({ ...clean, ...change })
    expect(found).toMatchObject({ ...nothing, ...expected })
    expect(found.findings).toHaveLength(1)
  })
})
