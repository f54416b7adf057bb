import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { keepProbing } from './keepProbing.ts'

const OPTIONS = { retryMs: { first: 100, last: 400 }, recheckMs: 60_000 }
const dead = fail(failure('NODE_UNAVAILABLE', 'Nobody answers.'))

let stop = () => {}
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  stop()
  vi.useRealTimers()
})

/** Probes whose outcome the test decides, and the times they began at. */
function start(outcomeOf: (index: number) => Result<number> | Promise<Result<number>>) {
  const startedAtMs: number[] = []
  const outcomes: Result<number>[] = []
  const thrown: unknown[] = []
  const begin = Date.now()
  const probing = keepProbing({
    ...OPTIONS,
    probe: async () => outcomeOf(startedAtMs.push(Date.now() - begin) - 1),
    onOutcome: (outcome) => outcomes.push(outcome),
    onThrown: (error) => thrown.push(error),
  })
  stop = probing.stop
  return { probing, startedAtMs, outcomes, thrown }
}

test('pauses double up to a limit, and a success is checked again later', async () => {
  const { startedAtMs } = start((index) => (index < 5 ? dead : succeed(index)))
  await vi.advanceTimersByTimeAsync(100 + 200 + 400 + 400 + 400 + 60_000)
  expect(startedAtMs).toEqual([0, 100, 300, 700, 1_100, 1_500, 61_500])
})

test('again probes at once, and pauses begin anew', async () => {
  const { probing, startedAtMs } = start(() => dead)
  await vi.advanceTimersByTimeAsync(1_200)
  expect(startedAtMs).toEqual([0, 100, 300, 700, 1_100])
  probing.again()
  await vi.advanceTimersByTimeAsync(100)
  expect(startedAtMs.slice(5)).toEqual([1_200, 1_300])
})

test('again during a probe is followed by another: what it saw may be old', async () => {
  const { promise, resolve } = Promise.withResolvers<Result<number>>()
  const { probing, startedAtMs, outcomes } = start((index) => (index === 0 ? promise : dead))
  probing.again()
  probing.again()
  expect(startedAtMs).toHaveLength(1)
  resolve(succeed(1))
  await vi.advanceTimersByTimeAsync(1)
  expect([startedAtMs.length, outcomes.map(({ ok }) => ok)]).toEqual([2, [true, false]])
})

test('a probe that throws has failed with its words, and is tried again', async () => {
  const broken = new Error('A relay cannot be used here.')
  const { startedAtMs, outcomes, thrown } = start((index) => {
    if (index < 2) throw broken
    return succeed(index)
  })
  await vi.advanceTimersByTimeAsync(100 + 200)
  expect(startedAtMs).toEqual([0, 100, 300])
  expect(thrown).toEqual([broken, broken])
  expect(outcomes).toEqual([
    fail(failure('INTERNAL', 'The probe could not be made: A relay cannot be used here.')),
    fail(failure('INTERNAL', 'The probe could not be made: A relay cannot be used here.')),
    succeed(2),
  ])
})

test('nothing is probed after a stop', async () => {
  const { probing, startedAtMs } = start(() => dead)
  await vi.advanceTimersByTimeAsync(50)
  probing.stop()
  probing.again()
  await vi.advanceTimersByTimeAsync(10_000)
  expect(startedAtMs).toEqual([0])
})
