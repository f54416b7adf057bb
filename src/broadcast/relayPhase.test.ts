import fc from 'fast-check'
import { expect, test } from 'vitest'
import { relayPhase } from './relayPhase.ts'

test.each([
  ['public', true, 0, 'public'],
  ['public', false, 7, 'public'],
  ['private', true, 0, 'private'],
  ['private', true, 4, 'private'],
  ['private', true, 5, 'cancel'],
  ['private_then_public', true, 4, 'private'],
  ['private_then_public', true, 5, 'publish'],
  // The relay was taken out of the settings while the trade was open.
  ['private', false, 0, 'cancel'],
  ['private_then_public', false, 0, 'publish'],
] as const)('%s, relays %s, after %i blocks: %s', (policy, hasRelays, blocksWaited, phase) => {
  expect(relayPhase({ policy, hasRelays, blocksWaited, privateBlocksMax: 5 })).toBe(phase)
})

test('what must not be shown is never shown', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.nat(60), fc.integer({ min: 1, max: 50 }), (hasRelays, blocksWaited, max) => {
      const phase = relayPhase({ policy: 'private', hasRelays, blocksWaited, privateBlocksMax: max })
      expect(['private', 'cancel']).toContain(phase)
    }),
  )
})
