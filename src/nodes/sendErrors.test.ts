import { expect, test } from 'vitest'
import { sendErrorCorpus } from '../../test/support/sendErrorCorpus.ts'
import { classifySendError, type SendErrorClass } from './sendErrors.ts'

const corpus = sendErrorCorpus()

test('the corpus is large and has every client and class', () => {
  expect(corpus.length).toBeGreaterThan(150)
  const sources = corpus.map(({ source }) => source).join('\n')
  for (const client of [
    'go-ethereum',
    'reth',
    'erigon',
    'nethermind',
    'besu',
    'anvil',
    'hardhat',
    'nitro',
    'op-geth',
    'zksync',
    'bor',
    'coreth',
    'opera',
    'celo',
    'mantle',
    'linea',
  ]) {
    expect(sources).toContain(client)
  }
  expect(new Set(corpus.map(({ expected }) => expected)).size).toBe(17)
  expect(new Set(corpus.map(({ code, message }) => `${code} ${message}`)).size).toBeGreaterThan(180)
})

test.each(corpus)('$expected: $message ($source)', ({ expected, code, message }) => {
  expect(classifySendError({ code, message })).toBe(expected)
})

test('a gateway may put words around the node’s', () => {
  const changed = corpus
    .filter(({ expected, message }) => expected !== 'unknown' && !/^(mined|fee too low)$/.test(message))
    .filter(({ message }) => !message.startsWith('INTERNAL_ERROR'))
    .filter(({ expected, code, message }) => {
      const wrapped = { code, message: `primary http (https://rpc.example) call failed: ${message}` }
      return classifySendError(wrapped) !== expected
    })
  expect(changed).toEqual([])
})

const traps: [string, number, SendErrorClass][] = [
  // A contract's own words.
  ['execution reverted: nonce too low', 3, 'execution_reverted'],
  ['execution reverted: EntryPoint: nonce is too low', -32000, 'execution_reverted'],
  ['execution reverted: ERC20: insufficient balance for transfer', 3, 'execution_reverted'],
  ['execution reverted: already known', 3, 'execution_reverted'],
  ['execution reverted: replacement transaction underpriced', -32000, 'execution_reverted'],
  [
    "Error: VM Exception while processing transaction: reverted with reason string 'insufficient funds'",
    -32603,
    'execution_reverted',
  ],
  [
    'execution reverted (unknown custom error) (action="estimateGas", data="0x356680b7", reason=null, code=CALL_EXCEPTION)',
    -32000,
    'execution_reverted',
  ],
  // zkSync answers everything with geth's code of a revert, Besu this with the code of a rate limit.
  ['nonce too low. allowed nonce range: 427 - 447, actual: 426', 3, 'nonce_too_low'],
  ['Transaction gas limit exceeds block gas limit', -32005, 'gas_limit'],
  // Words inside words.
  ['unknown transaction', -32000, 'unknown'],
  ['unknown transaction type', -32000, 'unknown'],
  ['not a known transaction', -32000, 'unknown'],
  ['block already known', -32000, 'unknown'],
  ['authority nonce too low', -32000, 'invalid_transaction'],
  ['replacement transaction underpriced', -32000, 'replacement_underpriced'],
  ['gas required exceeds allowance (21000)', -32000, 'execution_reverted'],
  ['method handler crashed', -32000, 'unknown'],
  ['determined', -32000, 'unknown'],
  ['', Number.NaN, 'unknown'],
  ['undefined', Number.NaN, 'unknown'],
  // An HTTP page is no verdict on a transaction.
  ['<html><title>Invalid</title></html>', -32603, 'unknown'],
]
test.each(traps)('%s (%i) is %s', (message, code, expected) => {
  expect(classifySendError({ code, message })).toBe(expected)
})
