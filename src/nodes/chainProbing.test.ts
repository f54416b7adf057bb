import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { ChainFacts } from './chainFacts.ts'
import { createChainProbing } from './chainProbing.ts'

const FACTS: ChainFacts = {
  chainId: 137,
  name: 'Polygon',
  clientVersion: 'bor/v2',
  head: 1_000,
  headTimestampMs: 1_700_000_000_000,
  headAgeMs: 1_500,
  devnet: false,
  executor: { address: `0x${'e0'.repeat(20)}`, deployed: true, caller: `0x${'ca'.repeat(20)}` },
  lenders: { 1: null, 2: `0x${'aa'.repeat(20)}` },
  features: { stateOverride: true, blockOverrideTime: true },
  l1FeeModel: 'none',
  oracle: null,
  wrappedNative: `0x${'ee'.repeat(20)}`,
  notes: [],
}
const UNREAD = fail(failure('NODE_TIMEOUT', 'It did not answer in time.'))
const OTHER_CHAIN = fail(failure('CHAIN_UNAVAILABLE', 'It serves chain 1, not chain 137.'))
const RETRY_MS = 100
const RECHECK_MS = 60_000

let stop = () => {}
beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  stop()
  vi.useRealTimers()
})

/** Probes that give these outcomes in turn, the last one for ever. */
async function start(outcomes: readonly Result<ChainFacts>[]) {
  const begun: ChainFacts[] = []
  let reachable = true
  let begins: Result<number> | null = null
  let index = 0
  const probing = createChainProbing<number>({
    probe: async () => outcomes[Math.min(index++, outcomes.length - 1)] as Result<ChainFacts>,
    begin: async (facts) => begins ?? succeed(begun.push(facts)),
    isReachable: () => reachable,
    onChange: () => {},
    onThrown: () => {},
    retryMs: { first: RETRY_MS, last: RETRY_MS },
    recheckMs: RECHECK_MS,
  })
  stop = probing.stop
  await vi.advanceTimersByTimeAsync(0)
  return {
    probing,
    begun,
    reach: (is: boolean) => {
      reachable = is
    },
    begin: (outcome: Result<number>) => {
      begins = outcome
    },
    pass: (ms: number) => vi.advanceTimersByTimeAsync(ms),
  }
}

test('a re-probe that finds the same begins nothing: head, notes and client name are no change', async () => {
  const later = {
    ...FACTS,
    head: 1_030,
    headTimestampMs: FACTS.headTimestampMs + 60_000,
    headAgeMs: 900,
    notes: ['The newest block is old.'],
    clientVersion: 'erigon/v3',
  }
  const { probing, begun, pass } = await start([succeed(FACTS), succeed(later)])
  expect([begun.length, probing.started()]).toEqual([1, 1])
  await pass(3 * RECHECK_MS)
  expect([begun.length, probing.started()]).toEqual([1, 1])
  // What is told of the chain is the newest all the same.
  expect(probing.facts()).toEqual(later)
})

test.each([
  ['executor', { executor: { ...FACTS.executor, deployed: false } }],
  ['lender', { lenders: { ...FACTS.lenders, 2: null } }],
  ['feature', { features: { ...FACTS.features, blockOverrideTime: false } }],
  ['price oracle', { oracle: `0x${'0a'.repeat(20)}` as const }],
])('another %s is begun with', async (_what, change) => {
  const { probing, begun, pass } = await start([succeed(FACTS), succeed({ ...FACTS, ...change })])
  await pass(RECHECK_MS)
  expect(begun).toHaveLength(2)
  expect(begun[1]).toMatchObject(change)
  expect(probing.started()).toBe(2)
})

test('one failed read of a re-probe does not take a ready chain away', async () => {
  const { probing, begun, pass } = await start([succeed(FACTS), UNREAD, succeed(FACTS)])
  await pass(RECHECK_MS)
  expect([probing.problem(), probing.started()]).toEqual([null, 1])
  await pass(RETRY_MS)
  expect([probing.problem(), begun.length]).toEqual([null, 1])
})

test('one lost call of the only endpoint does not either, a second probe that fails does', async () => {
  const { probing, reach, pass } = await start([succeed(FACTS), UNREAD])
  reach(false)
  probing.again()
  await pass(0)
  expect(probing.problem()).toBeNull()
  await pass(RETRY_MS)
  expect(probing.problem()).toEqual(UNREAD.failure)
  // What was begun goes on.
  expect(probing.started()).toBe(1)
})

test('a chain that cannot be read for long is taken away though its endpoint answers something', async () => {
  const { probing, pass } = await start([succeed(FACTS), UNREAD])
  await pass(RECHECK_MS + 3 * RETRY_MS)
  expect(probing.problem()).toBeNull()
  await pass(RETRY_MS)
  expect(probing.problem()).toEqual(UNREAD.failure)
})

test('what is wrong with the chain counts at once, and is over with the first good probe', async () => {
  const { probing, begun, pass } = await start([succeed(FACTS), OTHER_CHAIN, UNREAD, succeed(FACTS)])
  await pass(RECHECK_MS)
  expect(probing.problem()).toEqual(OTHER_CHAIN.failure)
  await pass(RETRY_MS)
  expect(probing.problem()).toEqual(UNREAD.failure)
  await pass(RETRY_MS)
  expect([probing.problem(), begun.length]).toEqual([null, 1])
})

test('a chain that was never begun is not ready, and tries to begin at each probe', async () => {
  const { probing, begun, begin, pass } = await start([UNREAD, succeed(FACTS)])
  expect([probing.problem(), probing.started()]).toEqual([UNREAD.failure, null])
  const missing = fail(failure('CHAIN_UNAVAILABLE', 'There is no executor contract.'))
  begin(missing)
  await pass(RETRY_MS)
  expect([probing.problem(), probing.facts(), begun.length]).toEqual([missing.failure, null, 0])
  begin(succeed(7))
  await pass(RETRY_MS)
  expect([probing.problem(), probing.started()]).toEqual([null, 7])
})
