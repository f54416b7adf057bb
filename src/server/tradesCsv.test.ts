import { expect, it } from 'vitest'
import type { StoredEvent } from '../eventlog/eventLog.ts'
import { tradesCsv } from './tradesCsv.ts'

const stored = (trade: object, fields: Partial<StoredEvent> = {}): StoredEvent => ({
  seq: 41,
  chainId: 8453,
  outboxId: 12,
  signalId: 'a.b-c_1',
  type: 'paper_execution',
  outcome: 'filled',
  code: null,
  timestampMs: Date.UTC(2025, 11, 9, 10, 30),
  json: JSON.stringify({ type: 'paper_execution', ...trade }),
  ...fields,
})

it('shows one execution per line under a header', () => {
  const csv = tradesCsv([
    stored({
      mode: 'PAPER',
      signal: { token: '0xA0b8', amount: '1000000000', flashSource: 1, expected_profit: 50.5 },
      simulation: {
        gasUsed: 345678,
        profit: '-1234567',
        net_profit_usd: -3.21,
        gas_cost_wei: '98765',
        block: 321,
      },
      error: null,
    }),
  ])
  expect(csv).toBe(
    [
      'seq,timestamp,mode,chain_id,signal_id,outcome,code,flash_source,token,amount,expected_profit_usd,profit,net_profit_usd,gas_used,gas_cost_wei,block,error,status,tx_hash,leftovers',
      '41,2025-12-09T10:30:00.000Z,PAPER,8453,a.b-c_1,filled,,1,0xA0b8,1000000000,50.5,-1234567,-3.21,345678,98765,321,,,,',
      '',
    ].join('\r\n'),
  )
})

it('shows what the receipt says in LIVE, and nothing simulated in its place', () => {
  const simulation = {
    gasUsed: 345678,
    profit: '7654321',
    net_profit_usd: 5.21,
    gas_cost_wei: '98765',
    block: 321,
  }
  const common = { mode: 'LIVE', simulation, error: null, signal: {} }
  const csv = tradesCsv([
    stored({
      ...common,
      status: 'included',
      txHash: '0xab',
      profit: '7654123',
      net_profit_usd: 4.56,
      gas_used: 298765,
      gas_cost_wei: '87654',
      block: 323,
      leftovers: [
        { hop: 1, token: '0xC02a', amount: '44' },
        { hop: 2, token: '0xdAC1', amount: '7' },
      ],
    }),
    stored({ ...common, status: 'pending', txHash: '0xcd', profit: null, block: null }),
  ])
  const [, included, pending] = csv.split('\r\n')
  expect(included).toMatch(/,7654123,4\.56,298765,87654,323,,included,0xab,44 of 0xC02a; 7 of 0xdAC1$/)
  expect(pending).toMatch(/,filled,,,,,,,,,,,,pending,0xcd,$/)
})

it.each([
  ['plain, "quoted"', '"plain, ""quoted"""'],
  ['two\nlines', '"two\nlines"'],
  ['=HYPERLINK("http://evil.example")', `"'=HYPERLINK(""http://evil.example"")"`],
  ['@SUM(1)', "'@SUM(1)"],
  ['+1', "'+1"],
  ['-2+3', "'-2+3"],
])('writes the error %j so that no spreadsheet runs or breaks it', (error, cell) => {
  const csv = tradesCsv([stored({ error }, { outcome: 'failed', code: 'SIMULATION_FAILED' })])
  expect(csv.split('\r\n')[1]).toBe(
    `41,2025-12-09T10:30:00.000Z,,8453,a.b-c_1,failed,SIMULATION_FAILED,,,,,,,,,,${cell},,,`,
  )
})
