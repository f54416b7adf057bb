import { describe, expect, test } from 'vitest'
import type { FinalRecord } from './audit.ts'
import { auditEvents } from './auditEvents.ts'
import { auditTotals } from './auditTotals.ts'
import { countMoves } from './countMoves.ts'
import type { ToldEvent } from './eventReader.ts'
import type { MinedTransaction } from './readChain.ts'

const events: ToldEvent[] = [
  { seq: 1, signal_id: 'one', status: 'signed', final: false, txHash: '0xa' },
  { seq: 2, signal_id: 'two', status: 'denied', final: true, txHash: null },
  { seq: 3, signal_id: 'one', status: 'included', final: false, txHash: '0xa' },
  { seq: 4, signal_id: 'one', status: 'included', final: true, txHash: '0xa' },
]
const records = new Map<string, FinalRecord>([
  ['one', { status: 'included', final: true, txHash: '0xa' }],
  ['two', { status: 'denied', final: true, txHash: null }],
])
const clean = { log: events, received: events, records }
const [first, second, third, fourth] = events as [ToldEvent, ToldEvent, ToldEvent, ToldEvent]

describe('auditEvents', () => {
  test('finds nothing where log, WebSocket and records agree, whatever came before an event on its stream', () => {
    const received = events.map((event) => (event.seq === 3 ? { prev_seq: 2, ...event } : event))
    expect(auditEvents({ ...clean, received })).toEqual([])
  })

  test.each<[string, Partial<typeof clean>, number]>([
    ['a hole in the log', { log: [first, third, fourth] }, 2],
    ['an event that never came', { received: [first, second, third] }, 1],
    ['an event that came twice', { received: [first, second, second, third, fourth] }, 1],
    ['an event told under two numbers', { log: [...events, { ...fourth, seq: 5 }] }, 2],
    [
      'another event than the log has',
      { received: [first, second, { ...third, status: 'reverted' }, fourth] },
      1,
    ],
    ['a record that no event tells', { records: new Map([...records, ['three', { status: 'denied' }]]) }, 1],
    ['a record beyond its last event', { log: [first, second, third], received: [first, second, third] }, 1],
  ])('finds %s', (_, change, findings) => {
    expect(auditEvents({ ...clean, ...change })).toHaveLength(findings)
  })
})

describe('auditTotals', () => {
  const transaction = { chainId: 1, profit: 5_000_000n, gasCostWei: 10n ** 15n } as MinedTransaction
  const noop = { ...transaction, profit: null, gasCostWei: 10n ** 14n }
  const stats = { recorded: 2, executed: 1, failed: 1, total_profit: 5 - 3 - 0.3 }
  const found = (change: object) =>
    auditTotals({
      stats: new Map([[1, { ...stats, ...change }]]),
      transactions: [transaction, noop],
      records: new Map([
        ['one', { chainId: 1 }],
        ['two', { chainId: 1 }],
        ['three', { chainId: 10 }],
      ]),
    })

  test('takes the gas of everything that was sent off the profit', () => {
    expect(found({})).toEqual([])
    expect(found({ total_profit: 5 - 3 })).toEqual([expect.stringContaining('total_profit of 1 is 2')])
  })

  test.each(['recorded', 'executed', 'failed'])('finds a wrong count: %s', (name) => {
    expect(found({ [name]: 7 })).toEqual([expect.stringContaining(`${name} of 1 is 7`)])
  })
})

test('bumps, cancels and fillers are told apart by what came at a nonce', () => {
  const offer = (hash: string, nonce: number, to = '0xe') => ({ chainId: 1, from: '0xa', hash, nonce, to })
  const offered = [
    offer('1', 0),
    offer('1', 0),
    offer('2', 0),
    offer('3', 0),
    offer('4', 1),
    offer('5', 1, '0xa'),
    offer('6', 2, '0xa'),
    offer('7', 2, '0xa'),
    offer('8', 3),
  ]
  expect(countMoves(offered as never)).toEqual({ bumps: 2, cancels: 1, fillers: 1 })
})
