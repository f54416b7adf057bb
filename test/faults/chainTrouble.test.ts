import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { median } from '../../bench/percentile.ts'
import { audit } from '../crash/audit.ts'
import { readLaneRest, readLaneTransactions } from '../crash/readChain.ts'
import { readAttempts } from '../crash/readJournal.ts'
import type { Answered } from '../crash/signalStream.ts'
import { eventually } from '../support/liveTitan.ts'
import { type LiveWorld, liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { endNode } from '../support/restartNode.ts'
import { settleTrades } from '../support/settleTrades.ts'
import { type Json, startTitan, type Titan } from '../support/startTitan.ts'

const TROUBLED = 42161
const CALM = 8453
/**
 * How long the trouble lasts. Longer than every timer of the server that counts seconds instead of blocks.
 */
const TROUBLE_MS = 8_000
const HALT_MS = 120_000

let world: LiveWorld
let titan: Titan
let dataDir: string
let sent: Map<string, Answered>
let index: number

beforeEach(async () => {
  world = await startLiveWorld({ chainIds: [TROUBLED, CALM], laneCount: 2 })
  dataDir = mkdtempSync(join(tmpdir(), 'titan-trouble-'))
  titan = await startTitan({ env: { ...world.env(), RPC_TIMEOUT_MS: '1000' }, dataDir })
  await eventually(async () => ((await titan.get('/readyz')).json.chains_ready === 2 ? true : null))
  sent = new Map()
  index = 0
})
afterEach(async () => {
  await titan?.stop()
  await world?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const troubled = () => world.chains[0] as TradingChain

async function trade(chainId: number, wait = 'included'): Promise<Json> {
  const signal = liveSignal({ chainId, index: index++, wait })
  const { status, json } = await titan.post('/execute', signal)
  sent.set(signal.signal_id, { httpStatus: status, body: json })
  return json
}

const record = async (id: string): Promise<Json> => (await titan.get(`/trades/${id}`)).json
const until = (id: string, status: string) =>
  eventually(async () => {
    const found = await record(id)
    return found.status === status ? found : null
  })

/** Three trades whose bytes the troubled chain's node holds, in no block. */
async function threePending(): Promise<Json[]> {
  await troubled().automine(false)
  const told = [
    await trade(TROUBLED, 'broadcast'),
    await trade(TROUBLED, 'broadcast'),
    await trade(TROUBLED, 'broadcast'),
  ]
  expect(told.map(({ status }) => status)).toEqual(['pending', 'pending', 'pending'])
  expect([...(await troubled().pooled())].sort()).toEqual(told.map(({ txHash }) => txHash).sort())
  return told
}

/** Milliseconds that trades of the calm chain take, one after another for a while; all of them must land. */
async function calmLatencies(durationMs: number, pauseMs = 100): Promise<number[]> {
  const latencies: number[] = []
  const end = performance.now() + durationMs
  while (performance.now() < end) {
    const startedMs = performance.now()
    const { status } = await trade(CALM)
    latencies.push(performance.now() - startedMs)
    expect(status).toBe('included')
    await sleep(pauseMs)
  }
  return latencies
}

/** The other chain's trades go on as before; what the machine does meanwhile is allowed for. */
function expectUnaffected(during: readonly number[], before: readonly number[]) {
  expect(during.length).toBeGreaterThan(10)
  expect(median(during)).toBeLessThan(3 * median(before) + 100)
  expect(Math.max(...during)).toBeLessThan(5_000)
}

/** Everything that was told is what the chains say. */
async function expectTrue() {
  const ids = [...sent.keys()]
  for (const chain of world.chains) await chain.automine(true)
  const records = await settleTrades({ url: titan.url, chains: world.chains, ids, timeoutMs: 60_000 })
  await titan.end()
  const { lanes, executor } = world
  const found = audit({
    sent: ids.map((id) => ({ signal: { signal_id: id }, answers: [sent.get(id) as Answered] })),
    records,
    transactions: (
      await Promise.all(world.chains.map((chain) => readLaneTransactions({ chain, lanes, executor })))
    ).flat(),
    rests: (await Promise.all(world.chains.map((chain) => readLaneRest({ chain, lanes })))).flat(),
    attempts: readAttempts({ dataDir }),
  })
  expect(found).toMatchObject({ findings: [], landed: ids.length, accepted: ids.length })
}

it('a chain that makes no blocks for two minutes: nothing is bumped, the other chain trades on', async () => {
  const before = await calmLatencies(2_000)
  const told = await threePending()
  expectUnaffected(await calmLatencies(HALT_MS, 1_000), before)
  for (const { signal_id, txHash } of told)
    expect(await record(signal_id)).toMatchObject({ status: 'pending', tx_hashes: [txHash] })
  await troubled().automine(true)
  await troubled().mine()
  for (const { signal_id, txHash } of told)
    expect(await until(signal_id, 'included')).toMatchObject({ txHash })
  expect(await trade(TROUBLED)).toMatchObject({ status: 'included' })
  await expectTrue()
}, 300_000)

it('a node that hangs: the other chain trades on, and what was on its way lands once', async () => {
  const before = await calmLatencies(2_000)
  const told = await threePending()
  process.kill(troubled().pid, 'SIGSTOP')
  try {
    expectUnaffected(await calmLatencies(TROUBLE_MS), before)
  } finally {
    process.kill(troubled().pid, 'SIGCONT')
  }
  await troubled().automine(true)
  await troubled().mine()
  for (const { signal_id, txHash } of told)
    expect(await until(signal_id, 'included')).toMatchObject({ txHash })
  await expectTrue()
})

it('a node that restarts without its mempool gets the same bytes again', async () => {
  const before = await calmLatencies(2_000)
  const told = await threePending()
  const ended = await endNode(troubled())
  expectUnaffected(await calmLatencies(TROUBLE_MS / 2), before)
  const node = await ended.start()
  try {
    await troubled().mine(2) // as chains do by themselves: silence is counted in blocks
    for (const { signal_id, txHash } of told)
      expect(await until(signal_id, 'included')).toMatchObject({ txHash, tx_hashes: [txHash] })
    const after = await eventually(async () => {
      const json = await trade(TROUBLED)
      if (json.retryable === true) sent.delete(json.signal_id)
      return json.status === 'included' ? json : null
    })
    expect(after).toMatchObject({ nonce: expect.any(Number) })
    await expectTrue()
  } finally {
    await node.stop()
  }
})

it.each([
  ['whose transactions are back in the mempool', false],
  ['whose transactions the node forgets', true],
])('a reorg of three blocks %s: pending again, the same bytes, included once', async (_, forgets) => {
  const first = await trade(TROUBLED)
  const second = await trade(TROUBLED)
  expect([first.status, second.status]).toEqual(['included', 'included'])
  await troubled().mine()
  await troubled().reorg({ depth: 3, forgets })
  for (const { signal_id, txHash } of [first, second])
    expect(await until(signal_id, 'pending')).toMatchObject({
      block: null,
      profit: null,
      tx_hashes: [txHash],
    })
  expect(await trade(CALM)).toMatchObject({ status: 'included' })
  await eventually(async () => ((await troubled().pooled()).length === 2 ? true : null))
  await troubled().mine()
  for (const { signal_id, txHash } of [first, second])
    expect(await until(signal_id, 'included')).toMatchObject({ txHash, tx_hashes: [txHash] })
  await expectTrue()
})
