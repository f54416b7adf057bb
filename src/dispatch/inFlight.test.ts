import { expect, test } from 'vitest'
import type { Signal } from '../domain/signal.ts'
import { createInFlight } from './inFlight.ts'
import type { RequestKind } from './protocol.ts'

const one = (signalId: string, chainId = 1, kind: RequestKind = 'execute') => ({
  kind,
  signal: { signalId, chainId } as Signal,
  settle: () => undefined,
})

test('a signal is taken out once, and its id is its chain’s until then', () => {
  const inFlight = createInFlight([1, 137])
  const [a, b] = [inFlight.add(one('a')), inFlight.add(one('b', 137))]
  expect([inFlight.chainOf('a'), inFlight.chainOf('b'), inFlight.depth(137)]).toEqual([1, 137, 1])
  expect(inFlight.take(137, a)).toBeNull()
  expect(inFlight.take(1, a)?.signal.signalId).toBe('a')
  expect(inFlight.take(1, a)).toBeNull()
  expect([inFlight.chainOf('a'), inFlight.depth(1), inFlight.chainOf('b')]).toEqual([null, 0, 137])
  inFlight.take(137, b)
  expect(inFlight.takeAll()).toEqual([])
})

test('an id that is in flight twice is held until both are answered; a simulation holds none', () => {
  const inFlight = createInFlight([1])
  const keys = ['a', 'a'].map((id) => inFlight.add(one(id)))
  inFlight.add(one('asked', 1, 'simulate'))
  expect([inFlight.chainOf('asked'), inFlight.depth(1)]).toEqual([null, 3])
  inFlight.take(1, keys[1] as number)
  expect(inFlight.chainOf('a')).toBe(1)
  inFlight.take(1, keys[0] as number)
  expect(inFlight.chainOf('a')).toBeNull()
})

test('what a thread was lost with stays its chain’s until it has told what it did', async () => {
  const inFlight = createInFlight([1, 137])
  inFlight.add(one('lost'))
  inFlight.add(one('asked', 1, 'simulate'))
  const other = inFlight.add(one('other', 137))
  const emptied = inFlight.emptied(1)
  expect(inFlight.lose(1).map(({ signal }) => signal.signalId)).toEqual(['lost', 'asked'])
  await emptied
  expect([inFlight.depth(1), inFlight.chainOf('lost'), inFlight.chainOf('asked')]).toEqual([0, 1, null])
  // Sent again before the new thread has told, and lost once more.
  inFlight.add(one('lost'))
  inFlight.lose(1)
  inFlight.told(137)
  expect(inFlight.chainOf('lost')).toBe(1)
  inFlight.told(1)
  expect(inFlight.chainOf('lost')).toBeNull()
  inFlight.told(1)
  expect(inFlight.take(137, other)?.signal.signalId).toBe('other')
})
