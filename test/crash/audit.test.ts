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
  gasCostWei: 678n,
}
const attempt = { chainId: 1, hash: hash('a'), lane: LANE, nonce: 4, signedAtMs: 1_700_000_008_500 }
const record = {
  status: 'included',
  final: true,
  txHash: hash('a'),
  block: 71,
  profit: '5432',
  gas_cost_wei: '678',
}
const answer = (body: object) => ({ httpStatus: 200, body: { success: true, status: 'included', ...body } })
const clean = {
  sent: [{ signal: { signal_id: 'one' }, answers: [answer({})] }],
  records: new Map([['one', record as Readonly<Record<string, unknown>>]]),
  transactions: [mined],
  rests: [{ chainId: 1, lane: LANE, minedCount: 5, waiting: 0 }],
  attempts: [attempt],
}
const nothing = { duplicates: 0, lost: 0, permanentGaps: 0, unjournaled: 0, falseOutcomes: 0 }
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

  test.each<[string, Partial<typeof clean>, object]>([
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
    [
      'an attempt after its block',
      { attempts: [{ ...attempt, signedAtMs: 1_700_000_011_001 }] },
      { unjournaled: 1 },
    ],
    ['a profit the log does not have', withRecord({ profit: '5433' }), { falseOutcomes: 1 }],
    ['gas the receipt does not have', withRecord({ gas_cost_wei: '679' }), { falseOutcomes: 1 }],
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
