import { describe, expect, test } from 'vitest'
import { createFreshValue } from './freshValue.ts'

/** A value whose readings are finished by hand, on a clock moved by hand. */
function fixture() {
  let nowMs = 5_000
  const readings: ((value: string | undefined) => void)[] = []
  const current = createFreshValue<string>({
    read: () => new Promise((resolve) => readings.push(resolve)),
    freshMs: 100,
    staleMs: 700,
    now: () => nowMs,
  })
  return {
    current,
    readings,
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('a value that ages', () => {
  test('is read once for all who ask at once, and kept while fresh', async () => {
    const { current, readings, pass } = fixture()
    const asked = [current(), current()]
    readings[0]?.('first')
    expect(await Promise.all(asked)).toEqual(['first', 'first'])
    pass(99)
    expect(await current()).toBe('first')
    expect(readings).toHaveLength(1)
  })

  test('is served while it is read again', async () => {
    const { current, readings, pass } = fixture()
    const first = current()
    readings[0]?.('first')
    await first
    pass(100)
    expect([await current(), await current()]).toEqual(['first', 'first'])
    expect(readings).toHaveLength(2)
    readings[1]?.('second')
    await expect.poll(current).toBe('second')
  })

  test('is waited for once it is too old', async () => {
    const { current, readings, pass } = fixture()
    const first = current()
    readings[0]?.('first')
    await first
    pass(700)
    const second = current()
    readings[1]?.('second')
    expect(await second).toBe('second')
  })

  test('that cannot be read is not kept, and the old one holds until it is too old', async () => {
    const { current, readings, pass } = fixture()
    const nothing = current()
    readings[0]?.(undefined)
    expect(await nothing).toBeUndefined()
    const first = current()
    readings[1]?.('first')
    await first
    pass(400)
    expect(await current()).toBe('first')
    readings[2]?.(undefined)
    pass(299)
    expect(await current()).toBe('first')
    readings[3]?.(undefined)
    pass(1)
    const gone = current()
    readings.at(-1)?.(undefined)
    expect(await gone).toBeUndefined()
  })
})
