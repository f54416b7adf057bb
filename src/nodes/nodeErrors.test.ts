import { describe, expect, test } from 'vitest'
import { readNodeError } from './nodeErrors.ts'

const kindOf = (code: number, message: string) => readNodeError({ code, message }).kind

test.each([
  [3, 'execution reverted: UniswapV2: K'],
  [-32000, 'execution reverted'],
  // A revert reason is free text.
  [-32000, 'execution reverted: nonce too low, rate limit, batch'],
  [-32015, 'VM execution error.'],
  [-32603, 'VM Exception while processing transaction: reverted with custom error'],
  [-32000, 'out of gas'],
  [-32003, 'EVM error OutOfGas'],
  [-32000, 'gas required exceeds allowance (10000000)'],
  [-32000, 'invalid opcode: opcode 0xfe not defined'],
])('%i %s: the call ran and failed', (code, message) => {
  expect(kindOf(code, message)).toBe('execution')
})

test.each([
  [-32005, 'limit exceeded'],
  [429, 'Your app has exceeded its compute units per second capacity.'],
  [-32000, 'Too Many Requests'],
  [-32007, '50/second request limit reached - reduce calls per second'],
])('%i %s: the node asks for fewer requests', (code, message) => {
  expect(kindOf(code, message)).toBe('rate-limited')
})

test.each([
  [-32600, 'batch too large'],
  [-32003, 'response too large'],
  [-32000, 'Batch requests are only available on paid plans'],
])('%i %s: the batch is refused', (code, message) => {
  expect(kindOf(code, message)).toBe('batch-refused')
})

test.each([
  [-32000, 'missing trie node 5c1f (path )'],
  [-32000, 'header not found'],
  [-32603, 'internal error'],
  [-32000, 'request timed out'],
  [-32000, 'node is over capacity'],
  [-32002, 'request timed out'],
  [0, 'no reason given'],
])('%i %s: trouble of the node', (code, message) => {
  expect(kindOf(code, message)).toBe('trouble')
})

test.each([
  [-32601, 'the method eth_call does not exist/is not available'],
  [-32602, 'too many arguments, want at most 3'],
  [-32004, 'method not supported'],
  [-32000, 'Method eth_getBlockReceipts not available on your plan'],
])('%i %s: the node knows no such call', (code, message) => {
  expect(kindOf(code, message)).toBe('unsupported')
})

test.each([
  [-32000, 'insufficient funds for gas * price + value: have 0 want 21000'],
  [-32000, 'max fee per gas less than block base fee: address 0x…, maxFeePerGas: 1, baseFee: 7'],
  [-32000, 'intrinsic gas too low: have 21000, want 53000'],
])('%i %s: such a transaction would run nowhere', (code, message) => {
  expect(kindOf(code, message)).toBe('execution')
})

describe('revert data', () => {
  const dataOf = (data: unknown) => {
    const meaning = readNodeError({ code: 3, message: 'execution reverted', data })
    return meaning.kind === 'execution' ? meaning.data : undefined
  }
  test('is found bare, in objects and behind a word', () => {
    expect(dataOf('0x08C379A0')).toBe('0x08c379a0')
    expect(dataOf({ message: 'reverted', data: '0x4e487b71' })).toBe('0x4e487b71')
    expect(dataOf({ data: { data: '0xaa' } })).toBe('0xaa')
    expect(dataOf('Reverted 0x1f2a')).toBe('0x1f2a')
    expect(dataOf('0x')).toBe('0x')
  })
  test('is null when there is none', () => {
    expect([undefined, null, 7, 'no data', '0x123'].map(dataOf)).toEqual([null, null, null, null, null])
  })
})
