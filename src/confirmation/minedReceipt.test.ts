import { describe, expect, it } from 'vitest'
import type { Hex } from '../domain/signal.ts'
import { readReceipt } from './minedReceipt.ts'

const HASH: Hex = `0x${'c4'.repeat(32)}`
const BLOCK_HASH: Hex = `0x${'0d'.repeat(32)}`
const LOG = {
  address: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
  topics: [`0x${'DD'.repeat(32)}`, `0x${'1e'.repeat(32)}`],
  data: '0xABCD',
  logIndex: '0x7',
}
const RECEIPT = {
  transactionHash: HASH,
  blockHash: BLOCK_HASH,
  blockNumber: '0x1312d01',
  gasUsed: '0x4b1f3',
  effectiveGasPrice: '0x59682f07',
  status: '0x1',
  logs: [LOG],
}
const read = (change: object = {}) => readReceipt({ result: { ...RECEIPT, ...change }, hash: HASH })
const l1Fee = (change: object) => {
  const outcome = read(change)
  return outcome.kind === 'mined' ? outcome.receipt.inclusion.l1FeeWei : outcome.kind
}

describe('readReceipt', () => {
  it('reads what a block says, in lower case', () => {
    expect(read({ transactionHash: `0x${'C4'.repeat(32)}` })).toEqual({
      kind: 'mined',
      receipt: {
        inclusion: {
          hash: HASH,
          block: 20_000_001,
          blockHash: BLOCK_HASH,
          gasUsed: 307_699n,
          effectiveGasPriceWei: 1_500_000_007n,
          l1FeeWei: 0n,
        },
        success: true,
        logs: [
          {
            address: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48',
            topics: [`0x${'dd'.repeat(32)}`, `0x${'1e'.repeat(32)}`],
            data: '0xabcd',
          },
        ],
      },
    })
  })

  it('reads a reverted one, which has no logs', () => {
    expect(read({ status: '0x0', logs: [] })).toMatchObject({
      kind: 'mined',
      receipt: { success: false, logs: [] },
    })
  })

  it('takes an answer without a block for none', () => {
    for (const result of [null, undefined])
      expect(readReceipt({ result, hash: HASH })).toEqual({ kind: 'none' })
    expect(read({ blockHash: null, blockNumber: null })).toEqual({ kind: 'none' })
    expect(read({ blockHash: null })).toEqual({ kind: 'none' })
  })

  it.each<[string, object]>([
    ['is of another transaction', { transactionHash: BLOCK_HASH }],
    ['is of another transaction', { transactionHash: undefined }],
    ['names no block', { blockNumber: undefined }],
    ['names no block', { blockNumber: 20_000_001 }],
    ['names no block', { blockHash: '0x0d' }],
    ['names no block', { blockNumber: `0x${'f'.repeat(15)}` }],
    ['does not say what its gas cost', { gasUsed: undefined }],
    ['does not say what its gas cost', { gasUsed: '307699' }],
    ['does not say what its gas cost', { effectiveGasPrice: null }],
    ['has no status', { status: undefined }],
    ['has no status', { status: '0x2' }],
    ['has no status', { status: true }],
    ['has no readable logs', { logs: null }],
    ['has no readable logs', { logs: [null] }],
    ['has no readable logs', { logs: [{ ...LOG, address: 'nowhere' }] }],
    ['has no readable logs', { logs: [{ ...LOG, topics: [7] }] }],
    ['has no readable logs', { logs: [{ ...LOG, data: undefined }] }],
    ['has an unreadable L1 fee', { l1Fee: 17 }],
    ['has an unreadable L1 fee', { operatorFeeConstant: 'x' }],
  ])('concludes nothing from one that %s: %j', (what, change) => {
    const outcome = read(change)
    expect(outcome).toEqual({ kind: 'malformed', reason: `the receipt of ${HASH} ${what}` })
  })

  it.each(['a text', 12, true, [], {}])('concludes nothing from %j', (result) => {
    expect(readReceipt({ result, hash: HASH }).kind).toBe('malformed')
  })
})

describe('the fee beside the gas', () => {
  it('is the L1 fee on the OP stack before the operator fee, and on Scroll', () => {
    const opStack = { l1BaseFeeScalar: '0x146b', l1GasPrice: '0x2540be400', l1GasUsed: '0x640' }
    expect(l1Fee({ ...opStack, l1Fee: '0x20000000000001' })).toBe(9_007_199_254_740_993n)
    expect(l1Fee({ l1Fee: '0x2f5' })).toBe(757n)
  })

  it('adds the operator fee of Isthmus, rounded down per million, and its constant', () => {
    // 307,699 × 1,234,567 / 10^6 = 379,875.03…; rounded before the constant is added.
    const receipt = { l1Fee: '0x3e8', operatorFeeScalar: '0x12d687', operatorFeeConstant: '0x2b' }
    expect(l1Fee(receipt)).toBe(1_000n + 379_875n + 43n)
  })

  it('adds the operator fee of Jovian, a hundred times the scalar', () => {
    const receipt = {
      l1Fee: '0x3e8',
      operatorFeeScalar: '0x7',
      operatorFeeConstant: '0x2b',
      daFootprintGasScalar: '0x190',
    }
    expect(l1Fee(receipt)).toBe(1_000n + 307_699n * 700n + 43n)
  })

  it('is nothing where it is part of the gas or not charged', () => {
    expect(l1Fee({ gasUsedForL1: '0x5208', l1BlockNumber: '0x1' })).toBe(0n)
    expect(l1Fee({ l1Fee: null, operatorFeeScalar: null, operatorFeeConstant: null })).toBe(0n)
  })
})
