import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Transaction } from 'ethers'
import { expect } from 'vitest'
import type { FeeQuote } from '../../src/domain/fees.ts'
import { openDatabase } from '../../src/journal/openDatabase.ts'
import { loadKeys } from '../../src/lanes/keys.ts'
import { signTransaction } from '../../src/lanes/signTransaction.ts'
import { devAccount } from '../support/liveTitan.ts'
import { SECP256K1_ORDER } from './curve.ts'
import { impossibleRow, liveCase } from './faultRow.ts'

const key = async () => {
  const { keys } = await loadKeys({ PRIVATE_KEY: devAccount(1).privateKey })
  const [first] = keys
  if (first === undefined) throw new Error('There is no key.')
  return first
}
const draft = (fee: FeeQuote, nonce = 7) =>
  ({
    ...fee,
    chainId: 1,
    nonce,
    gasLimit: 300_000n,
    to: devAccount(2).address,
    value: 0n,
    data: '0x',
  }) as const
const EIP1559: FeeQuote = { type: 2, maxFeePerGas: 9_000_000_007n, maxPriorityFeePerGas: 1_000_000_003n }
const LEGACY: FeeQuote = { type: 0, gasPrice: 5_000_000_011n }

impossibleRow(
  {
    row: 6,
    failure: 'blob and normal transactions of one account exclude each other',
    reason: 'lanes sign types 0 and 2 only; there is no code that makes a blob transaction',
    against: 'lanes/signTransaction.ts',
  },
  async () => {
    const signer = await key()
    const types = [EIP1559, LEGACY].map(
      (fee) => Transaction.from(signTransaction({ key: signer, transaction: draft(fee) }).raw).type,
    )
    expect(types).toEqual([2, 0])
    return 'Types 2 and 0, as ethers reads them.'
  },
)

impossibleRow(
  {
    row: 20,
    failure: 'a KMS signs the same bytes differently each time',
    reason: 'keys are in the process and sign by RFC 6979: the same transaction has one hash, and s is low',
    against: 'lanes/keys.ts',
  },
  async () => {
    const signer = await key()
    for (let nonce = 0; nonce < 50; nonce++) {
      const [once, again] = [0, 1].map(() =>
        signTransaction({ key: signer, transaction: draft(EIP1559, nonce) }),
      )
      expect(once).toEqual(again)
      const { signature } = Transaction.from(once?.raw ?? '')
      expect(BigInt(signature?.s ?? 0)).toBeLessThanOrEqual(SECP256K1_ORDER / 2n)
    }
    return 'Fifty transactions signed twice: the same bytes, every s in the lower half.'
  },
)

impossibleRow(
  {
    row: 34,
    failure: 'the signer is down or slow',
    reason: 'signing is a function call in the chain thread; a key that cannot be read ends the start',
    against: 'lanes/keys.ts',
  },
  async () => {
    const signer = await key()
    expect(signer.sign(new Uint8Array(32).fill(7))).not.toBeInstanceOf(Promise)
    await expect(loadKeys({ KEYSTORE: '/nowhere', KEYSTORE_PASSPHRASE_FILE: '/nowhere' })).rejects.toThrow()
    return 'Signatures come at once; an unreadable keystore is a failed start.'
  },
)

liveCase(
  {
    row: 38,
    failure: 'a nonce is allocated from a stale read replica',
    injected: "a second connection to the running server's journal",
    expected: 'Cannot happen: a nonce comes from its lane, and the journal has one writer; others may read',
  },
  {
    async run(live) {
      await live.submit({ signal_id: 'row-38', wait: 'included' })
      const path = join(live.titan.dataDir, 'live', `chain-${live.chain.chainId}.sqlite`)
      const reader = new DatabaseSync(path, { readOnly: true })
      try {
        reader.exec('BEGIN')
        const attempts = () => reader.prepare('SELECT count(*) AS n FROM attempts').get()?.n
        expect(attempts()).toBe(1)
        // The reader keeps its old view: the server neither waits for it nor takes a nonce by it.
        await live.submit({ signal_id: 'row-38-b', wait: 'included' })
        expect(attempts()).toBe(1)
      } finally {
        reader.close()
      }
      expect(() => openDatabase({ path, schema: '', version: 1 })).toThrow('in use by another process')
      return 'Read beside the server, with one trade in an old view while a second landed; a second writer was locked out.'
    },
  },
)
