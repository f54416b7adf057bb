import { Interface, zeroPadBytes } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import behindArtifact from '../../contracts/artifacts/BehindLens.json' with { type: 'json' }
import artifact from '../../contracts/artifacts/SimulationLens.json' with { type: 'json' }
import type { Address, Hex } from '../domain/signal.ts'
import { createLensEncoder, decodeBehindAnswer, decodeLensAnswer } from './lensCall.ts'
import { transactionGas } from './transactionGas.ts'

const lens = new Interface(artifact.abi)
const behindLens = new Interface(behindArtifact.abi)
const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((value): Hex => `0x${Buffer.from(value).toString('hex')}`)
const address = bytes(20, 20)
const amount = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })

test('calls are written as ethers writes them', () => {
  fc.assert(
    fc.property(
      address,
      address,
      bytes(0, 300),
      fc.integer({ min: 0, max: 4 }),
      fc.array(address, { maxLength: 3 }),
      (target, token, calldata, l1FeeModel, passing) => {
        const written = createLensEncoder({ target: target as Address, l1FeeModel })({
          calldata,
          token: token as Address,
          passing,
        })
        const arguments_ = [target, calldata, token, l1FeeModel, passing]
        expect(written).toBe(lens.encodeFunctionData('simulate', arguments_))
      },
    ),
  )
})

test('calls behind pending trades are written as ethers writes them', () => {
  fc.assert(
    fc.property(
      bytes(0, 300),
      fc.array(bytes(0, 100), { minLength: 1, maxLength: 5 }),
      fc.array(address, { maxLength: 3 }),
      (calldata, pending, passing) => {
        const [target, token] = [`0x${'a1'.repeat(20)}`, `0x${'b2'.repeat(20)}`] as [Address, Address]
        const written = createLensEncoder({ target, l1FeeModel: 3 })({ calldata, token, passing, pending })
        const arguments_ = [target, calldata, token, 3, passing, pending]
        expect(written).toBe(behindLens.encodeFunctionData('simulateBehind', arguments_))
      },
    ),
  )
})

test('answers behind pending trades are read as ethers wrote them', () => {
  const answer = (ok: boolean, gain: number) =>
    lens.encodeFunctionResult('simulate', [
      ok,
      300_000,
      5,
      19,
      1_795_403_379,
      7,
      7 + gain,
      '0xaabb',
      [5, 0],
      11,
    ])
  const encoded = (...values: unknown[]) => behindLens.encodeFunctionResult('simulateBehind', values)
  const [alone, behind] = [answer(true, 9), answer(true, 4)]
  expect(decodeBehindAnswer(encoded(alone, behind, 3))).toEqual({
    alone: decodeLensAnswer(alone),
    behind: decodeLensAnswer(behind),
    takenBy: 3,
  })
  expect(decodeBehindAnswer(encoded(answer(false, 0), '0x', 0))).toEqual({
    alone: decodeLensAnswer(answer(false, 0)),
    behind: null,
    takenBy: 0,
  })
  const nonsense = [
    encoded(alone, '0x', 1),
    encoded('0x', behind, 0),
    encoded(alone, behind, 3).slice(0, -64),
  ]
  expect([...nonsense, alone, '0x', null, 7].map(decodeBehindAnswer)).toEqual(Array(7).fill(null))
})

test('answers are read as ethers wrote them', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(amount, { minLength: 5, maxLength: 5 }),
      fc.nat(),
      bytes(0, 200),
      fc.array(amount, { maxLength: 7 }),
      (ok, words, block, data, left) => {
        const [gasUsed = 0n, l1FeeWei = 0n, balanceBefore = 0n, balanceAfter = 0n, fundsWei = 0n] = words
        const answer = {
          ok,
          gasUsed,
          l1FeeWei,
          block,
          timestamp: 1_795_403_379,
          balanceBefore,
          balanceAfter,
          data,
          left,
          fundsWei,
        }
        expect(decodeLensAnswer(lens.encodeFunctionResult('simulate', Object.values(answer)))).toEqual(answer)
      },
    ),
  )
})

test('anything else is no answer', () => {
  const whole = lens.encodeFunctionResult('simulate', [true, 1, 2, 3, 4, 5, 6, '0xaabb', [9], 8])
  expect(decodeLensAnswer(whole)?.data).toBe('0xaabb')
  expect(
    ['0x', null, undefined, 7, {}, '0x01', whole.slice(0, -64), whole.replace('aabb', 'aabz')].map(
      decodeLensAnswer,
    ),
  ).toEqual(Array(8).fill(null))
  // An offset that points far outside.
  expect(
    decodeLensAnswer(
      whole.slice(0, 2 + 7 * 64) + zeroPadBytes('0xff', 32).slice(2) + whole.slice(2 + 8 * 64),
    ),
  ).toBeNull()
})

test('a transaction pays its base, its bytes and its execution, or the floor of its bytes', () => {
  // Three zero bytes at 4, two others at 16.
  expect(transactionGas({ calldata: '0x00a100b200', executionGas: 100_003n })).toBe(
    21_000n + 12n + 32n + 100_003n,
  )
  expect(transactionGas({ calldata: '0x', executionGas: 7n })).toBe(21_007n)
  // Eleven tokens at 10: the floor of EIP-7623 is above 44 + 5.
  expect(transactionGas({ calldata: '0x00a100b200', executionGas: 5n })).toBe(21_000n + 110n)
})
