import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../devnet/createRandom.ts'
import { type FaultProxy, type Injection, startFaultProxy } from '../support/faultProxy.ts'
import { openJournalFiles } from '../support/journalFiles.ts'
import { WIDE } from '../support/keepSpread.ts'
import { liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { freeze } from '../support/nodeStates.ts'
import type { SeenCall } from '../support/rpcProxy.ts'
import { settleTrades } from '../support/settleTrades.ts'
import { type Audit, audit, netUsd } from './audit.ts'
import { auditEvents } from './auditEvents.ts'
import { auditTotals } from './auditTotals.ts'
import { countMoves, type Moves } from './countMoves.ts'
import { countOutcomes } from './countOutcomes.ts'
import { readEventsByHttp, readEventsByWebSocket } from './eventReader.ts'
import { createKillableServer } from './killableServer.ts'
import { readLaneRest, readLaneTransactions } from './readChain.ts'
import { readAttempts } from './readJournal.ts'
import { readStats } from './readStats.ts'
import { startSignalStream } from './signalStream.ts'

/** A run, as `npm run soak -- --json` writes it. */
export interface SoakReport extends Audit, Moves {
  readonly seed: number
  readonly blocks: number
  readonly seconds: number
  readonly outcomes: Readonly<Record<string, number>>
  /** Lanes that are paused when everything has come to rest, or have a transaction that is in no block. */
  readonly lanesStuck: number
  /** Trades that landed for less than their gas. */
  readonly netLosses: number
  /** Calls that failed or were slow at one endpoint or another. */
  readonly failed: number
  readonly slow: number
  /** How often an endpoint went away, or stood still. */
  readonly outages: number
  readonly freezes: number
  /**
   * Calls per trade in a block, finality included, those for the newest block apart. What is asked of several
   * endpoints at once counts once: bytes are sent to all.
   */
  readonly callsPerLandedTrade: number
  /** The same with every endpoint's share. */
  readonly callsOfAllEndpointsPerLandedTrade: number
  /** `callsPerLandedTrade` by method, with the heads. */
  readonly calls: Readonly<Record<string, number>>
  /** Calls of all endpoints besides heads while nothing is traded. */
  readonly idleCallsPerMinute: number
}

const CHAIN_ID = 8453
const BLOCK_SECONDS = 0.25
const LANES = 3
const CLIENTS = 4
const FAILING = 0.01
const SLOW = 0.02
/** Eight times as long on a chain with blocks of two seconds, as everything here is. */
const SLOW_MS = 400
/** In blocks: an endpoint goes away, and another stands still, for so long, in turn. */
const TROUBLE_BLOCKS = 40
const WELL_BLOCKS = 60
const READY_TIMEOUT_MS = 60_000
const SETTLE_TIMEOUT_MS = 90_000
const EVENTS_TIMEOUT_MS = 10_000
const IDLE_MS = 15_000
const SPREAD_EVERY_MS = 1_000

/**
 * Trades on a chain of quick blocks behind three HTTP endpoints, none of which is well all the time: the
 * first stands still now and then, the second goes away and comes back, and of all calls one in a hundred
 * fails and two are slow. Then everything comes to rest and the chain is asked. What fees, markets and kills
 * do besides is the crash run's.
 */
export async function runSoak({
  entry,
  blocks,
  seed,
  say,
}: {
  /** The built server. */
  entry: string
  blocks: number
  seed: number
  say: (sentence: string) => void
}): Promise<SoakReport> {
  const startedMs = performance.now()
  const undo: (() => unknown)[] = []
  try {
    const folder = await mkdtemp(join(tmpdir(), 'titan-soak-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    const dataDir = join(folder, 'data')
    const world = await startLiveWorld({
      chainIds: [CHAIN_ID],
      laneCount: LANES,
      blockTimeSeconds: BLOCK_SECONDS,
    })
    undo.push(world.stop)
    const [chain] = world.chains as [TradingChain]
    const journal = openJournalFiles({ dataDir })
    const proxies = await Promise.all([0, 1, 2].map(() => startFaultProxy({ node: chain.rpc, journal })))
    undo.push(() => Promise.all(proxies.map((proxy) => proxy.stop())))
    const server = await createKillableServer({
      entry,
      cwd: folder,
      env: world.env(new Map([[CHAIN_ID, proxies.map(({ url }) => url).join(',')]])),
    })
    undo.push(() => server.stop())
    server.start()
    await server.ready(READY_TIMEOUT_MS)

    const counter = countCalls()
    const flaky = { failed: 0, slow: 0 }
    const random = createRandom(seed)
    for (const proxy of proxies)
      proxy.inject(makeFlaky({ random, count: (call) => counter.count(proxy, call), flaky }))
    const troubles = troubleInTurn({
      chain,
      freezing: proxies[0] as FaultProxy,
      leaving: proxies[1] as FaultProxy,
    })
    undo.push(() => troubles.stop())
    const reader = readEventsByWebSocket({ url: server.url })
    undo.push(() => reader.stop())
    const market = keepWide(chain)
    undo.push(() => market.stop())
    let made = 0
    const stream = startSignalStream({
      url: server.url,
      clients: CLIENTS,
      pauseMs: () => 200 + random() * 1_000,
      next: () =>
        liveSignal({
          chainId: CHAIN_ID,
          index: made++,
          wait: random() < 0.5 ? 'none' : 'included',
        }),
    })
    const lastBlock = (await chain.head()) + blocks
    for (let head = 0; head < lastBlock; head = await chain.head()) {
      await sleep(5_000)
      say(`${Math.max(0, lastBlock - head)} blocks to go, ${stream.sent.length} signals.`)
    }

    await stream.finish()
    await market.stop()
    await troubles.stop()
    const ids = stream.sent.map(({ signal }) => signal.signal_id)
    const records = await settleTrades({
      url: server.url,
      chains: [chain],
      ids,
      timeoutMs: SETTLE_TIMEOUT_MS,
    })
    const [calls, all] = [new Map(counter.once), counter.all()]
    await sleep(IDLE_MS)
    const idle = counter.all() - all
    const paused = await pausedLanes(server.url)
    const log = await readEventsByHttp({ url: server.url })
    await reader.reached(log.at(-1)?.seq ?? 0, EVENTS_TIMEOUT_MS)
    const stats = await readStats(server.url)
    await server.stop()

    const { lanes, executor } = world
    const transactions = await readLaneTransactions({ chain, lanes, executor })
    const rests = await readLaneRest({ chain, lanes })
    const attempts = readAttempts({ dataDir })
    const found = audit({
      sent: stream.sent,
      records,
      transactions,
      rests,
      attempts,
      early: proxies.flatMap(({ unjournaled }) => unjournaled),
      eventFindings: auditEvents({ log, received: reader.received, records }),
      totalFindings: auditTotals({ stats, transactions, records }),
    })
    const stuck = rests.filter(
      ({ lane, minedCount, waiting }) =>
        paused.has(lane) ||
        waiting > 0 ||
        attempts.some((each) => each.lane === lane && each.nonce >= minedCount),
    )
    const perTrade = (count: number) => Number((count / Math.max(1, found.landed)).toFixed(2))
    return {
      seed,
      blocks,
      seconds: Math.round((performance.now() - startedMs) / 1_000),
      outcomes: countOutcomes([...records.values()]),
      lanesStuck: stuck.length,
      netLosses: transactions.filter((each) => each.profit !== null && netUsd(each) < 0).length,
      ...flaky,
      outages: troubles.outages(),
      freezes: troubles.freezes(),
      callsPerLandedTrade: perTrade(withoutHeads(calls)),
      callsOfAllEndpointsPerLandedTrade: perTrade(all),
      calls: Object.fromEntries([...calls].map(([method, count]) => [method, perTrade(count)])),
      idleCallsPerMinute: Math.round((idle * 60_000) / IDLE_MS),
      ...countMoves(
        proxies.flatMap(({ offered }) => offered.map((offer) => ({ ...offer, chainId: CHAIN_ID }))),
      ),
      ...found,
    }
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

const HEADS = 'heads'

const withoutHeads = (calls: ReadonlyMap<string, number>): number =>
  [...calls].reduce((sum, [method, count]) => sum + (method === HEADS ? 0 : count), 0)

/** The same call to another endpoint within this time is the same question. */
const AT_ONCE_MS = 1_000

/** Counts calls by method, what is asked of several endpoints at once counted once, and all besides heads. */
function countCalls() {
  const once = new Map<string, number>()
  const newest = new Map<string, { atMs: number; endpoints: Set<FaultProxy> }>()
  let all = 0
  return {
    once: once as ReadonlyMap<string, number>,
    all: () => all,
    count(endpoint: FaultProxy, { method, params }: SeenCall): void {
      const isHead =
        method === 'eth_blockNumber' || (method === 'eth_getBlockByNumber' && params[0] === 'latest')
      if (!isHead) all++
      const question = JSON.stringify([method, params])
      const before = newest.get(question)
      const isSame = before && performance.now() - before.atMs < AT_ONCE_MS && !before.endpoints.has(endpoint)
      if (isSame) {
        before.endpoints.add(endpoint)
        return
      }
      newest.set(question, { atMs: performance.now(), endpoints: new Set([endpoint]) })
      const name = isHead ? HEADS : method
      once.set(name, (once.get(name) ?? 0) + 1)
    },
  }
}

/** Counts every call, lets one payload in a hundred fail in one of three ways, and two of a hundred wait. */
function makeFlaky({
  random,
  count,
  flaky,
}: {
  random: () => number
  count: (call: SeenCall) => void
  flaky: { failed: number; slow: number }
}): Injection {
  return ({ calls }) => {
    for (const call of calls) count(call)
    const chance = random()
    if (chance < FAILING) {
      flaky.failed++
      if (chance < FAILING / 3) return { kind: 'drop' }
      const status = chance < (FAILING * 2) / 3 ? 500 : 429
      return { kind: 'answer', status, body: 'the upstream failed' }
    }
    if (chance > FAILING + SLOW) return null
    flaky.slow++
    return { kind: 'delay', ms: SLOW_MS }
  }
}

/** One endpoint stands still, then the other goes away, never both at once. */
function troubleInTurn({
  chain,
  freezing,
  leaving,
}: {
  chain: TradingChain
  freezing: FaultProxy
  leaving: FaultProxy
}) {
  const stopping = new AbortController()
  const blocks = (count: number) =>
    sleep(count * BLOCK_SECONDS * 1_000, undefined, { signal: stopping.signal }).catch(() => {})
  let [outages, freezes] = [0, 0]
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await blocks(WELL_BLOCKS / 2)
      const frozen = freezing.inject(await freeze(chain.rpc))
      freezes++
      await blocks(TROUBLE_BLOCKS)
      frozen.heal()
      await blocks(WELL_BLOCKS / 2)
      await leaving.refuse(true)
      outages++
      await blocks(TROUBLE_BLOCKS)
      await leaving.refuse(false)
    }
  }
  const running = run()
  return {
    outages: () => outages,
    freezes: () => freezes,
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Keeps trades worth making. */
function keepWide(chain: TradingChain) {
  const stopping = new AbortController()
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await chain.spread.set(WIDE).catch(() => {}) // with the next one
      await sleep(SPREAD_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const running = run()
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** Accounts that `/health?verbose` says to be paused. */
async function pausedLanes(url: string): Promise<ReadonlySet<string>> {
  const response = await fetch(`${url}/health?verbose`)
  const { chain_status } = (await response.json()) as {
    chain_status: { lanes: { address: string; paused: string | null }[] }[]
  }
  const lanes = chain_status.flatMap(({ lanes }) => lanes)
  return new Set(lanes.filter(({ paused }) => paused !== null).map(({ address }) => address.toLowerCase()))
}
