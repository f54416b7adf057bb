import { Interface } from 'ethers'
import { expect, test } from 'vitest'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import type { Hex } from '../domain/signal.ts'
import { explainSetupRevert } from './explainSetupRevert.ts'

const ACCOUNT = '0x4e59b44847b379578588920cA78FbF26c0B4956C'
const errorData = (name: string, values: readonly unknown[] = []) =>
  new Interface(artifact.abi).encodeErrorResult(name, values) as Hex

test.each<[string, Hex, string | null]>([
  [
    'of the owner alone',
    errorData('OwnableUnauthorizedAccount', [ACCOUNT]),
    `OwnableUnauthorizedAccount(${ACCOUNT}): only the owner may do this, and the owner is another account`,
  ],
  ['without arguments', errorData('TreasuryMissing'), 'TreasuryMissing(): the owner has named no treasury'],
  ['without a clause', errorData('CannotRenounce'), 'CannotRenounce()'],
  ['with arguments cut off', errorData('OwnableUnauthorizedAccount', [ACCOUNT]).slice(0, 40) as Hex, null],
  ['of another contract', '0x12345678', null],
  ["of Solidity's own", `0x08c379a0${'0'.repeat(64)}`, null],
  ['of no data', '0x', null],
])('an error %s', (_name, data, clause) => {
  expect(explainSetupRevert(data)).toBe(clause)
})
