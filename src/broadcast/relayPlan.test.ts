import fc from 'fast-check'
import { expect, test } from 'vitest'
import { relayPlan } from './relayPlan.ts'

const plain = { kind: 'plain' }
const bundle = { kind: 'bundle' }
const both = [plain, bundle]

test.each([
  ['public', both, 0, { way: 'public', replace: false }],
  ['public', [], 7, { way: 'public', replace: false }],
  ['private', both, 0, { way: 'private', relays: both }],
  ['private', both, 1, { way: 'private', relays: [bundle] }],
  ['private', [plain], 1, { way: 'wait' }],
  ['private', both, 4, { way: 'private', relays: [bundle] }],
  ['private', both, 5, { way: 'cancel' }],
  ['private_then_public', both, 0, { way: 'private', relays: both }],
  ['private_then_public', [plain], 4, { way: 'wait' }],
  ['private_then_public', both, 5, { way: 'public', replace: true }],
  ['private_then_public', both, 9, { way: 'public', replace: true }],
] as const)('%s with %j after %i blocks', (policy, relays, blocksWaited, expected) => {
  expect(relayPlan({ policy, relays, blocksWaited, privateBlocksMax: 5 })).toEqual(expected)
})

test('nothing private is shown for want of a relay', () => {
  for (const policy of ['private', 'private_then_public'] as const) {
    expect(relayPlan({ policy, relays: [], blocksWaited: 0, privateBlocksMax: 5 })).toMatchObject({
      way: 'impossible',
      failure: { code: 'UNSUPPORTED_ON_CHAIN', sentence: expect.stringContaining(policy) },
    })
  }
})

test('the policy private never becomes public, and private_then_public does so at its block and not before', () => {
  const relays = fc.array(fc.constantFrom(plain, bundle), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(
      relays,
      fc.nat(60),
      fc.integer({ min: 1, max: 50 }),
      (some, blocksWaited, privateBlocksMax) => {
        const plan = (policy: 'private' | 'private_then_public') =>
          relayPlan({ policy, relays: some, blocksWaited, privateBlocksMax }).way
        expect(plan('private')).not.toBe('public')
        expect(plan('private_then_public') === 'public').toBe(blocksWaited >= privateBlocksMax)
      },
    ),
  )
})
