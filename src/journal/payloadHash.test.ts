import { describe, expect, it } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import type { Signal } from '../domain/signal.ts'
import { decodeSignal, NO_SIGNAL_HEADERS } from '../wire/decodeSignal.ts'
import { isSamePayload, payloadHash } from './payloadHash.ts'

function signal(over: object = {}): Signal {
  const json = { ...sampleRequest, signal_id: 'a', ...over }
  const decoded = decodeSignal({ json, headers: NO_SIGNAL_HEADERS, mode: 'PAPER', newSignalId: () => 'none' })
  if (!decoded.ok) throw new Error(decoded.failure.sentence)
  return decoded.value
}

/** As the first version of the journal has them, for the sample signal, with and without a `valid_until`. */
const OF_FIRST_VERSION = {
  plain: 'lXdGLeykKnKhPiq6ASWMJIxqyEDKAwN3zmAuH_wke6k',
  until: 'PCVipouO2DY0oYrE9CK4DHUyQXRiBxHQF0e5NO7nc6o',
}

describe('a signal under the same id', () => {
  const first = payloadHash(signal())

  it.each([
    ['amount', { amount: '1000000001' }],
    ['min_profit', { min_profit: '1' }],
    ['flash source', { flashSource: 2 }],
    ['chain', { chainId: 8453 }],
    ['relay', { relay: 'private' }],
    ['route', { protocols: [0, 0], routers: [sampleRequest.routers[0], sampleRequest.routers[0]] }],
    ['venue data', { extras: ['0x', `0x${'0'.repeat(61)}1f4`] }],
  ])('with another %s is another trade', (_what, over) => {
    expect(isSamePayload(signal(over), first)).toBe(false)
  })

  it.each([
    ['wait', { wait: 'none' }],
    ['expected_profit', { expected_profit: 51.25 }],
    ['valid_until', { valid_until: 1_900_000_000_000 }],
    ['max_block', { max_block: 123_456 }],
    ['spelling', { token: sampleRequest.token.toLowerCase() }],
  ])('with another %s is the same trade', (_what, over) => {
    expect(isSamePayload(signal(over), first)).toBe(true)
  })
})

describe('a hash of the first version', () => {
  it('goes on answering to the signal that it was made of', () => {
    expect(isSamePayload(signal(), OF_FIRST_VERSION.plain)).toBe(true)
    expect(isSamePayload(signal({ valid_until: 1_900_000_000_000 }), OF_FIRST_VERSION.until)).toBe(true)
  })

  it('tells apart what it was made of', () => {
    expect(isSamePayload(signal({ wait: 'none' }), OF_FIRST_VERSION.plain)).toBe(false)
    expect(isSamePayload(signal({ amount: '1000000001' }), OF_FIRST_VERSION.plain)).toBe(false)
    expect(isSamePayload(signal(), OF_FIRST_VERSION.until)).toBe(false)
  })
})
