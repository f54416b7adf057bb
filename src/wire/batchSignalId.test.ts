import { expect, test } from 'vitest'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import { LIMITS } from '../config/limits.ts'
import { batchSignalId } from './batchSignalId.ts'
import { decodeSignal } from './decodeSignal.ts'

test('a signal without an id is named after the key and its place; null is no id (1.6)', () => {
  const named = (signal: unknown) => batchSignalId({ key: 'retry-safe-1', place: 7, signal })
  expect([{}, { signal_id: null }, { signal_id: undefined }, null, 'text'].map(named)).toEqual(
    Array(5).fill('retry-safe-1.7'),
  )
  // What is none is refused with its own sentence.
  expect([{ signal_id: 'own' }, { signal_id: '' }, { signal_id: 7 }].map(named)).toEqual([null, null, null])
  expect(batchSignalId({ key: null, place: 7, signal: {} })).toBeNull()
})

test.each([1, 60, 61, 62, 63, 64])(
  'a key of %d characters gives each place of the largest batch an id of its own (1.7)',
  (length) => {
    const key = 'k'.repeat(length)
    const ids = Array.from({ length: LIMITS.batchSignalsMax }, (_, place) => {
      const idempotencyKey = batchSignalId({ key, place, signal: sampleRequest })
      const headers = { idempotencyKey, executionMode: null }
      const decoded = decodeSignal({ json: sampleRequest, headers, mode: 'PAPER', newSignalId: () => 'new' })
      return decoded.ok ? decoded.value.signalId : decoded.failure.sentence
    })
    expect(new Set(ids).size).toBe(LIMITS.batchSignalsMax)
    expect(ids.filter((id) => !/^[\w.-]{1,64}$/.test(id) || id === 'new')).toEqual([])
    // What a journal of before may have.
    if (length + 2 <= 64) expect(ids[9]).toBe(`${key}.9`)
  },
)

test('long keys that begin alike give different ids', () => {
  const id = (end: string) => batchSignalId({ key: 'k'.repeat(63) + end, place: 0, signal: {} })
  expect(id('a')).not.toBe(id('b'))
})
