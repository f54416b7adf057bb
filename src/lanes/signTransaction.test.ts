import { Transaction as EthersTransaction, recoverAddress, Signature, Wallet } from 'ethers'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Hex } from '../domain/signal.ts'
import { type Key, loadKeys } from './keys.ts'
import { signTransaction, type Transaction } from './signTransaction.ts'

const secret = `0x${'4c0883a69102937d6231471b5dbb6204'.repeat(2)}`
const wallet = new Wallet(secret)
let key: Key

beforeAll(async () => {
  const { keys } = await loadKeys({ PRIVATE_KEY: secret })
  key = keys[0] as Key
})

const uint = (bits: number) => fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n })
/** Both ends of the range, and lengths of every number of bytes between. */
const wei = fc.oneof(
  fc.constantFrom(0n, 1n, 127n, 128n, 2n ** 256n - 1n),
  fc.integer({ min: 8, max: 256 }).chain(uint),
)
const hexOf = (bytes: Uint8Array): Hex => `0x${Buffer.from(bytes).toString('hex')}`
const data = fc.oneof(
  fc.constant(new Uint8Array()),
  fc.uint8Array({ maxLength: 80 }),
  fc.uint8Array({ minLength: 1_000, maxLength: 20_000, size: 'max' }),
)
const base = {
  chainId: fc.oneof(fc.constantFrom(1, 42_161, 2 ** 32), fc.integer({ min: 1, max: 2 ** 32 })),
  nonce: fc.oneof(fc.constantFrom(0, 127, 128, 256), fc.nat({ max: 2 ** 31 - 1 })),
  gasLimit: uint(64),
  to: fc.option(fc.uint8Array({ minLength: 20, maxLength: 20 }).map(hexOf)),
  value: wei,
  data: data.map(hexOf),
}
const eip1559: fc.Arbitrary<Transaction> = fc
  .record({ type: fc.constant(2 as const), maxFeePerGas: wei, maxPriorityFeePerGas: wei, ...base })
  // ethers refuses a tip above the cap, as every node does.
  .filter(({ maxFeePerGas, maxPriorityFeePerGas }) => maxFeePerGas >= maxPriorityFeePerGas)
const legacy: fc.Arbitrary<Transaction> = fc.record({ type: fc.constant(0 as const), gasPrice: wei, ...base })

/** What ethers makes of the same transaction and key. */
function byEthers(transaction: Transaction): EthersTransaction {
  const reference = EthersTransaction.from(transaction)
  reference.signature = wallet.signingKey.sign(reference.unsignedHash)
  return reference
}

test.each([
  ['EIP-1559', eip1559],
  ['legacy', legacy],
])('%s transactions have the bytes and hash of ethers', (_name, transactions) => {
  fc.assert(
    fc.property(transactions, (transaction) => {
      const { raw, hash } = signTransaction({ key, transaction })
      const reference = byEthers(transaction)
      expect(raw).toBe(reference.serialized)
      expect(hash).toBe(reference.hash)
    }),
    { numRuns: 150 },
  )
})

test("signatures are the wallet's, with s in the lower half of the order", () => {
  const halfOrder = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n
  const seen = new Set<number>()
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (digest) => {
      const { r, s, yParity } = key.sign(digest)
      expect(s).toBeLessThanOrEqual(halfOrder)
      expect(s).toBeGreaterThan(0n)
      const signature = Signature.from({ r: word(r), s: word(s), yParity })
      expect(recoverAddress(digest, signature).toLowerCase()).toBe(key.address)
      seen.add(yParity)
    }),
    { numRuns: 60 },
  )
  expect(seen).toEqual(new Set([0, 1]))
})

test('the bytes are the same every time', () => {
  const transaction: Transaction = {
    type: 2,
    chainId: 8453,
    nonce: 41,
    maxFeePerGas: 31_000_000_007n,
    maxPriorityFeePerGas: 1_500_000_003n,
    gasLimit: 612_345n,
    to: '0x7a250d5630b4cf539739df2c5dacb4c659f2488d',
    value: 0n,
    data: '0xdeadbeef',
  }
  const first = signTransaction({ key, transaction })
  expect(signTransaction({ key, transaction })).toEqual(first)
  expect(signTransaction({ key, transaction: { ...transaction, nonce: 42 } }).hash).not.toBe(first.hash)
})

const word = (value: bigint): string => `0x${value.toString(16).padStart(64, '0')}`
