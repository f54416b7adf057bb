import { expect, test } from 'vitest'
import { createHeadAge, headAgeLimit } from './headAge.ts'

const T0 = 1_700_000_000_000
const head = (atMs: number) => ({ number: 7, timestamp: atMs / 1_000 })

/** A machine whose clocks are moved by hand. */
function machine({ offMs = 0, maxMs = 30_000 }: { offMs?: number; maxMs?: number | null } = {}) {
  let [wallMs, upMs] = [T0 + offMs, 5_000]
  const age = createHeadAge({ maxMs: () => maxMs, wall: () => wallMs, monotonic: () => upMs })
  return {
    age,
    pass(ms: number) {
      wallMs += ms
      upMs += ms
    },
    jump(ms: number) {
      wallMs += ms
    },
    sleep(ms: number) {
      wallMs += ms
    },
  }
}

test('a head gets older with time, and is too old above the limit only', () => {
  const { age, pass } = machine()
  expect([age.ageMs(head(T0 - 2_000)), age.ageMs(head(T0 + 4_000))]).toEqual([2_000, 0])
  pass(28_000)
  expect(age.isTooOld(head(T0 - 2_000))).toBe(false)
  pass(1)
  expect(age.isTooOld(head(T0 - 2_000))).toBe(true)
})

test('where blocks are made on demand none is too old', () => {
  expect(machine({ maxMs: null }).age.isTooOld(head(0))).toBe(false)
})

test.each([3_600_000, -3_600_000])('a system clock that jumps by %i ms changes no age', (jumpMs) => {
  const { age, pass, jump } = machine()
  jump(jumpMs)
  pass(12_000)
  age.arrived(head(T0 + 11_000))
  expect(age.ageMs(head(T0 + 11_000))).toBe(1_000)
  pass(31_000)
  expect(age.ageMs(head(T0 + 11_000))).toBe(32_000)
})

test('one that was wrong at the start and is put right is followed at the next block', () => {
  const { age, pass, jump } = machine({ offMs: 7_200_000 })
  expect(age.isTooOld(head(T0))).toBe(true)
  jump(-7_200_000)
  pass(2_000)
  age.arrived(head(T0 + 1_000))
  expect(age.ageMs(head(T0 + 1_000))).toBe(1_000)
})

test('after the machine has slept, in which the monotonic clock stands, a new block puts it right', () => {
  const { age, pass, sleep } = machine()
  sleep(600_000)
  pass(1_000)
  age.arrived(head(T0 + 600_500))
  expect(age.ageMs(head(T0))).toBe(601_000)
})

test('the limit is the chain’s own, none where blocks are made on demand, and what is set always', () => {
  const chain = { headAgeMaxMs: 60_000, headAgeIsSet: false }
  const facts = { devnet: false, clientVersion: 'Geth/v1.16.4' }
  expect(headAgeLimit({ chain, facts })).toBe(60_000)
  expect(headAgeLimit({ chain, facts: { ...facts, clientVersion: 'anvil/v1.7.1' } })).toBeNull()
  expect(headAgeLimit({ chain, facts: { ...facts, devnet: true } })).toBeNull()
  expect(headAgeLimit({ chain, facts: null })).toBeNull()
  expect(
    headAgeLimit({ chain: { headAgeMaxMs: 3_000, headAgeIsSet: true }, facts: { ...facts, devnet: true } }),
  ).toBe(3_000)
})
