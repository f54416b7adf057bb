import { expect, test } from 'vitest'
import { LIMITS } from './limits.ts'

test('a batch of the largest usual signals fits into a body', () => {
  // One signal: fixed fields, and per hop an address twice, a protocol and its extras in hexadecimal.
  const signalBytes = 512 + LIMITS.signalIdCharsMax + LIMITS.hopsMax * (2 * 45 + 4 + 2 * 64 + 5)
  expect(LIMITS.batchSignalsMax * signalBytes).toBeLessThan(LIMITS.batchBytesMax)
  expect(signalBytes * 16).toBeLessThan(LIMITS.signalBytesMax)
})

test('many of the largest bodies may be on their way at once', () => {
  expect(LIMITS.batchBytesMax * 16).toBeLessThanOrEqual(LIMITS.bodiesBytesMax)
})

test('a chain can hold more than one batch, and an RPC batch is small beside its queue', () => {
  expect(LIMITS.queueMax).toBeGreaterThan(LIMITS.batchSignalsMax)
  expect(LIMITS.rpcBatchMax * LIMITS.rpcBatchesInFlightMax).toBeLessThan(LIMITS.queueMax)
})

test('a page of events fits into what one subscriber may be owed', () => {
  expect(LIMITS.pageRowsMax * 4_096).toBeLessThan(LIMITS.subscriberBytesMax)
})

test('what all clients together can take fits into the memory of a small machine', () => {
  const { bodiesBytesMax, unreadBytesMax, unstoredBytesMax, connectionsMax, signalBytesMax } = LIMITS
  const bytes = bodiesBytesMax + unreadBytesMax + 2 * unstoredBytesMax + connectionsMax * signalBytesMax
  expect(bytes).toBeLessThan(1.5 * 1024 ** 3)
})
