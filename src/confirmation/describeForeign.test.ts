import { expect, it } from 'vitest'
import { PAYING_TRADES } from '../../test/support/devnetTrades.ts'
import type { Address, Hex, Signal } from '../domain/signal.ts'
import { encodeExecute } from '../route/encodeExecute.ts'
import { readExecute } from '../route/readExecute.ts'
import { describeForeign } from './describeForeign.ts'

const EXECUTOR: Address = `0x${'e0'.repeat(20)}`
const OTHER: Address = `0x${'0c'.repeat(20)}`
const signal = PAYING_TRADES[0]?.signal as Signal
const id: Hex = `0x${'1d'.repeat(32)}`
const { loanAmount, loanToken } = signal
const loan = `a trade on the executor with a loan of ${loanAmount} base units of ${loanToken}`

it.each<[string, { to?: Address | null; input?: Hex; isAuthorisation?: boolean }, string]>([
  ['a transfer', {}, `which sends 19 wei to ${OTHER}`],
  ['a call', { input: '0xa9059cbb00' }, `which calls 0xa9059cbb of ${OTHER}`],
  ['a creation', { to: null, input: '0x6080' }, 'which creates a contract'],
  ['an authorisation', { isAuthorisation: true }, 'with an EIP-7702 authorisation of the account'],
  ['a trade', { to: EXECUTOR, input: encodeExecute(signal) }, loan],
  [
    'a trade of a signal',
    { to: EXECUTOR, input: encodeExecute(signal, { deadlineSeconds: null, consumedId: id }) },
    `${loan} for a signal_id with the SHA-256 ${id}`,
  ],
  [
    'another call of the executor',
    { to: EXECUTOR, input: '0x12345678' },
    'which calls 0x12345678 of the executor',
  ],
  ['a trade on another contract', { input: encodeExecute(signal) }, `which calls 0xd47b33fb of ${OTHER}`],
])('says of %s what it did', (_, over, sentence) => {
  const transaction = {
    hash: id,
    block: 7,
    to: OTHER,
    input: '0x' as const,
    valueWei: 19n,
    isAuthorisation: false,
    ...over,
  }
  expect(describeForeign({ transaction, executor: EXECUTOR, readExecute })).toBe(sentence)
})
