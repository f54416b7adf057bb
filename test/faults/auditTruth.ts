import { expect } from 'vitest'
import { isTradeOf } from '../support/liveChain.ts'
import type { LiveTitan, WorldChain } from '../support/liveTitan.ts'

/** In these states a trade of the signal is, or is not, on the chain for certain. */
const NO_EFFECT = ['denied', 'expired', 'reverted', 'cancelled', 'displaced']

/**
 * Holds a server that has ended against its chains: every transaction of a lane is journaled, and was on disk
 * when its bytes came to an endpoint or relay; a nonce belongs to one signal; no signal has two effects; what
 * is journaled as included is, and nothing else is; and no transaction waits in the pool behind a missing
 * one.
 *
 * @param options.foreign hashes that the case itself sent from a lane
 * @returns what the chain has, in words
 */
export async function auditTruth({
  live,
  foreign,
}: {
  live: LiveTitan
  foreign: readonly string[]
}): Promise<string> {
  const counts = { trades: 0, reverted: 0, noops: 0 }
  expect(live.unjournaled(), 'bytes that left before their record was on disk').toEqual([])
  for (const chain of live.chains) await auditChain({ live, chain, foreign, counts })
  const parts = [
    `${counts.trades} ${counts.trades === 1 ? 'trade' : 'trades'}`,
    counts.reverted > 0 ? `${counts.reverted} reverted` : '',
    counts.noops > 0 ? `${counts.noops} no-op` : '',
    foreign.length > 0 ? `${foreign.length} foreign` : '',
  ]
  return parts.filter((part) => part !== '').join(', ')
}

async function auditChain({
  live,
  chain,
  foreign,
  counts,
}: {
  live: LiveTitan
  chain: WorldChain
  foreign: readonly string[]
  counts: { trades: number; reverted: number; noops: number }
}): Promise<void> {
  const { attempts, executions } = live.journal(chain.chainId)
  const onChain = await chain.transactionsOf(...live.lanes)
  const ours = onChain.filter(({ hash }) => !foreign.includes(hash))
  const journaled = new Map(attempts.map((attempt) => [attempt.hash, attempt]))

  for (const { hash } of ours)
    expect(journaled.has(hash), `transaction ${hash} is on chain and not journaled`).toBe(true)
  const offered = chain.endpoints.flatMap((endpoint) => endpoint.offered)
  for (const { hash } of offered)
    expect(journaled.has(hash), `transaction ${hash} left and is not journaled`).toBe(true)

  const owners = Map.groupBy(attempts, ({ lane, nonce }) => `nonce ${nonce} of ${lane}`)
  for (const [place, tried] of owners) {
    const signals = new Set(tried.map(({ signalId }) => signalId))
    expect([...signals], `${place} belongs to one signal`).toHaveLength(1)
  }
  const places = Map.groupBy(
    attempts.filter(({ signalId }) => signalId !== null),
    ({ signalId }) => signalId,
  )
  for (const [signalId, tried] of places) {
    const nonces = new Set(tried.map(({ lane, nonce }) => `nonce ${nonce} of ${lane}`))
    expect([...nonces], `${signalId} has one nonce`).toHaveLength(1)
  }

  for (const { signalId, state } of executions) {
    const effects = ours.filter((sent) => sent.succeeded && isTradeOf(sent, signalId))
    expect(effects.length, `effects of ${signalId}`).toBeLessThanOrEqual(1)
    if (state === 'included') expect(effects, `${signalId} is ${state}`).toHaveLength(1)
    if (NO_EFFECT.includes(state)) expect(effects, `${signalId} is ${state}`).toHaveLength(0)
  }

  const { queued } = await chain.ask<{ queued: Record<string, object> }>('txpool_content')
  const behindGaps = Object.keys(queued).filter((address) => live.lanes.some((lane) => same(lane, address)))
  expect(behindGaps, 'lanes with transactions behind a missing nonce').toEqual([])

  counts.trades += ours.filter(({ succeeded, to }) => succeeded && to === chain.executor).length
  counts.reverted += ours.filter(({ succeeded }) => !succeeded).length
  counts.noops += ours.filter(({ to, from }) => to === from).length
}

const same = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
