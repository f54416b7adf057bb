import { describe, expect, it } from 'vitest'
import { createSpendWindow } from './spendWindow.ts'

const HOUR_MS = 3_600_000
const START_MS = 1_733_700_000_123

describe('createSpendWindow', () => {
  it('adds up what was spent within the hour, to the wei', () => {
    const window = createSpendWindow()
    expect(window.total(START_MS)).toBe(0n)
    window.add({ wei: 9_007_199_254_740_993n, atMs: START_MS })
    window.add({ wei: 17n, atMs: START_MS + 5 })
    expect(window.total(START_MS + 10)).toBe(9_007_199_254_741_010n)
  })

  it('forgets each expense when it is an hour old, and not a millisecond before', () => {
    const window = createSpendWindow()
    window.add({ wei: 31n, atMs: START_MS })
    window.add({ wei: 700n, atMs: START_MS + 9 })
    expect(window.total(START_MS + HOUR_MS - 1)).toBe(731n)
    expect(window.total(START_MS + HOUR_MS)).toBe(700n)
    expect(window.total(START_MS + HOUR_MS + 9)).toBe(0n)
  })

  it('counts what is told late and out of order by its own time', () => {
    const window = createSpendWindow()
    window.add({ wei: 5n, atMs: START_MS + HOUR_MS })
    window.add({ wei: 80n, atMs: START_MS })
    expect(window.total(START_MS + HOUR_MS + 1)).toBe(5n)
  })

  it('keeps counting when the clock goes back', () => {
    const window = createSpendWindow()
    window.add({ wei: 43n, atMs: START_MS })
    expect(window.total(START_MS - 2 * HOUR_MS)).toBe(43n)
  })
})

it('takes back what was not spent after all, once, also when it is forgotten already', () => {
  const window = createSpendWindow()
  window.add({ wei: 5n, atMs: 10 })
  const undo = window.add({ wei: 70n, atMs: 20 })
  window.add({ wei: 900n, atMs: 30 })
  undo()
  undo()
  expect(window.total(40)).toBe(905n)
  expect(window.total(3_600_020)).toBe(900n)
  undo()
  expect(window.total(3_600_029)).toBe(900n)
  expect(window.total(3_600_030)).toBe(0n)
})
