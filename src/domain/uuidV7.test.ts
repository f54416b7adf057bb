import { expect, it } from 'vitest'
import { createUuidV7, uuidV7 } from './uuidV7.ts'

it('has the time, the version and the variant of RFC 9562 where they belong', () => {
  // The time of the example in appendix A.6: 2022-02-22T19:22:22Z.
  const id = createUuidV7(() => 0x017f22e279b0)()
  expect(id).toMatch(/^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(uuidV7()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})

it('sorts as made: within a millisecond, beyond its counter, and over a clock that is set back', () => {
  let nowMs = 1_900_000_000_000
  const next = createUuidV7(() => nowMs)
  const ids = Array.from({ length: 10_000 }, next)
  nowMs += 1_000
  ids.push(next())
  nowMs -= 60_000
  ids.push(next(), next())
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})
