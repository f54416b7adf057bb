import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../devnet/createRandom.ts'
import type { Hex } from '../../src/domain/signal.ts'
import { type FaultProxy, readTransaction, startFaultProxy } from '../support/faultProxy.ts'
import { openJournalFiles } from '../support/journalFiles.ts'
import {
  endpointSetting,
  type LiveWorld,
  liveSignal,
  startLiveWorld,
  type TradingChain,
} from '../support/liveWorld.ts'
import { type RelayServer, startRelayServer } from '../support/relayServer.ts'
import { settleTrades } from '../support/settleTrades.ts'
import { type Audit, audit } from './audit.ts'
import { auditEvents } from './auditEvents.ts'
import { auditTotals } from './auditTotals.ts'
import { type BlockRhythm, startBlockRhythm } from './blockRhythm.ts'
import { BOUNDARIES, type Boundary, watchBoundary } from './boundaries.ts'
import { countMoves, type Moves } from './countMoves.ts'
import { countOutcomes } from './countOutcomes.ts'
import { readEventsByHttp, readEventsByWebSocket } from './eventReader.ts'
import { createKillableServer, type KillableServer } from './killableServer.ts'
import { moveMarket } from './moveMarket.ts'
import { readLaneRest, readLaneTransactions } from './readChain.ts'
import { readAttempts } from './readJournal.ts'
import { readStats } from './readStats.ts'
import { type StreamedSignal, startSignalStream } from './signalStream.ts'
import { troubleNodes } from './troubleNodes.ts'

export type KillMode = 'random' | 'boundary'

/** A run, as `npm run crash -- --json` writes it. */
export interface CrashReport extends Audit, Moves {
  readonly mode: KillMode
  readonly seed: number
  /** In front of each chain. */
  readonly endpoints: number
  readonly events: number
  /** Signals by what became of them, with the code where there is one. */
  readonly outcomes: Readonly<Record<string, number>>
  /** Blocks taken back, base fees that jumped, transactions of somebody else from our accounts. */
  readonly reorgs: number
  readonly feeJumps: number
  readonly foreign: number
  /** What single endpoints came to; none where there is only one, nor in mode `boundary`. */
  readonly nodeTroubles: Readonly<Record<string, number>>
  readonly kills: number
  /** Kills before the server was ready again: they strike recovery itself. */
  readonly killsInRecovery: number
  /** In mode `boundary`: kills by where they struck; what was not reached in time is under `none`. */
  readonly struck: Readonly<Record<string, number>>
  /** Longest time from a start to ready, ms. */
  readonly recoveryMsMax: number
  readonly seconds: number
}

/** One chain mines each transaction at once, the other at a rhythm. */
const AUTOMINING = [42161]
const RHYTHMIC = [8453]
const BLOCK_SECONDS = 0.25
const LANES = 3
const BALANCER = 1
const AAVE = 2
const CLIENTS = 10
const READY_TIMEOUT_MS = 60_000
const BOUNDARY_TIMEOUT_MS = 6_000
const SETTLE_TIMEOUT_MS = 90_000
const EVENTS_TIMEOUT_MS = 10_000

/**
 * Kills the server over and over while clients stream signals at it and chains, market and nodes do their
 * worst, lets everything come to rest, and asks the chains what happened. The same seed gives the same
 * signals, moments and moves of the market, as far as a clock allows.
 */
export async function runCrash({
  entry,
  kills,
  mode,
  seed,
  endpoints = 2,
  say,
}: {
  /** The built server. */
  entry: string
  kills: number
  mode: KillMode
  seed: number
  /** In front of each chain; every second one is reached by WebSocket. */
  endpoints?: number
  say: (sentence: string) => void
}): Promise<CrashReport> {
  const startedMs = performance.now()
  const random = createRandom(seed)
  const undo: (() => unknown)[] = []
  try {
    const folder = await mkdtemp(join(tmpdir(), 'titan-crash-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    const dataDir = join(folder, 'data')
    const journal = openJournalFiles({ dataDir })
    const worlds = await Promise.all([
      startLiveWorld({ chainIds: AUTOMINING, laneCount: LANES }),
      startLiveWorld({ chainIds: RHYTHMIC, laneCount: LANES, blockTimeSeconds: BLOCK_SECONDS }),
    ])
    for (const world of worlds) undo.push(world.stop)
    const [world, rhythmic] = worlds as [LiveWorld, LiveWorld]
    const chains = worlds.flatMap((each) => each.chains)

    const proxies = new Map<number, FaultProxy[]>()
    const relays: RelayServer[] = []
    for (const { chainId, rpc } of chains) {
      const started = Array.from({ length: endpoints }, () => startFaultProxy({ node: rpc, journal }))
      proxies.set(chainId, await Promise.all(started))
      relays.push(await startRelayServer({ target: rpc, includes: true, journal }))
    }
    const allProxies = [...proxies.values()].flat()
    undo.push(() => Promise.all([...allProxies, ...relays].map((each) => each.stop())))
    const urls = [...proxies].map(
      ([chainId, each]) =>
        [chainId, each.map((proxy, index) => (index % 2 ? proxy.socketUrl : proxy.url)).join(',')] as const,
    )
    const relaySettings = chains.map(({ chainId }, index) => [
      endpointSetting(chainId).replace('RPC_', 'RELAY_'),
      `plain|${relays[index]?.url}`,
    ])
    const server = await createKillableServer({
      entry,
      cwd: folder,
      env: Object.assign(Object.fromEntries(relaySettings), ...worlds.map((each) => each.env(new Map(urls)))),
    })
    undo.push(() => server.stop())
    server.start()
    await server.ready(READY_TIMEOUT_MS)

    const reader = readEventsByWebSocket({ url: server.url })
    undo.push(() => reader.stop())
    const rhythms = new Map<TradingChain, BlockRhythm>()
    for (const chain of rhythmic.chains)
      rhythms.set(chain, await startBlockRhythm({ chain, everyMs: BLOCK_SECONDS * 1_000 }))
    undo.push(() => Promise.all([...rhythms.values()].map((rhythm) => rhythm.stop())))
    const market = moveMarket({ chains, rhythms, keys: world.keys, random: createRandom(seed + 1), say })
    undo.push(() => market.stop())
    const troubles = troubleNodes({
      chains: mode === 'random' ? [...proxies.values()] : [],
      random: createRandom(seed + 3),
    })
    undo.push(() => troubles.stop())
    const stream = startSignalStream({
      url: server.url,
      clients: CLIENTS,
      pauseMs: () => 5 + random() * 60,
      next: createSignals({ chains, random: createRandom(seed + 2) }),
    })

    const killed = {
      inRecovery: 0,
      recoveryMsMax: 0,
      unwritten: [] as string[],
      struck: {} as Record<string, number>,
    }
    for (let kill = 1; kill <= kills; kill++) {
      if (mode === 'random') await killAtRandom({ server, random, killed })
      else
        await killAtBoundary({
          server,
          random,
          proxies: allProxies,
          boundary: BOUNDARIES[(kill - 1) % BOUNDARIES.length] as Boundary,
          dataDir,
          killed,
        })
      server.start()
      if (kill % 10 === 0) say(`${kill} of ${kills} kills, ${stream.sent.length} signals.`)
    }

    await troubles.stop()
    await server.ready(READY_TIMEOUT_MS)
    await stream.finish()
    await market.stop()
    const ids = stream.sent.map(({ signal }) => signal.signal_id)
    const records = await settleTrades({ url: server.url, chains, ids, timeoutMs: SETTLE_TIMEOUT_MS })
    const log = await readEventsByHttp({ url: server.url })
    await reader.reached(log.at(-1)?.seq ?? 0, EVENTS_TIMEOUT_MS)
    const stats = await readStats(server.url)
    await server.stop()

    const { lanes, executor } = world
    const mined = await Promise.all(chains.map((chain) => readLaneTransactions({ chain, lanes, executor })))
    const transactions = mined.flat()
    const ours = transactions.filter(({ hash }) => !market.foreign.has(hash))
    const found = audit({
      sent: stream.sent,
      records,
      transactions,
      rests: (await Promise.all(chains.map((chain) => readLaneRest({ chain, lanes })))).flat(),
      attempts: readAttempts({ dataDir }),
      foreign: market.foreign,
      reorgs: market.reorgs(),
      early: [...allProxies, ...relays].flatMap(({ unjournaled }) => unjournaled),
      eventFindings: auditEvents({ log, received: reader.received, records }),
      totalFindings: auditTotals({ stats, transactions: ours, records }),
    })
    const offered = chains.flatMap(({ chainId }, index) =>
      [
        ...(proxies.get(chainId) ?? []).flatMap((proxy) => proxy.offered),
        ...(relays[index]?.offered ?? []).map((raw) => readTransaction(raw as Hex)),
      ].map((offer) => ({ ...offer, chainId })),
    )
    return {
      mode,
      seed,
      endpoints,
      kills,
      killsInRecovery: killed.inRecovery,
      struck: killed.struck,
      recoveryMsMax: Math.round(killed.recoveryMsMax),
      seconds: Math.round((performance.now() - startedMs) / 1_000),
      events: log.length,
      outcomes: countOutcomes([...records.values()]),
      ...countMoves(offered),
      reorgs: market.reorgs(),
      feeJumps: market.feeJumps(),
      foreign: market.foreign.size,
      nodeTroubles: troubles.happened,
      ...found,
      unjournaled: found.unjournaled + killed.unwritten.length,
      findings: [...found.findings, ...killed.unwritten],
    }
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

interface Killed {
  inRecovery: number
  recoveryMsMax: number
  /** Bytes that were about to leave and are in no journal. */
  readonly unwritten: string[]
  readonly struck: Record<string, number>
}

/** A fifth of the kills strike while the server starts, the others within two seconds of being ready. */
async function killAtRandom({
  server,
  random,
  killed,
}: {
  server: KillableServer
  random: () => number
  killed: Killed
}) {
  if (random() < 0.2) {
    killed.inRecovery++
    await sleep(random() * 800)
  } else {
    killed.recoveryMsMax = Math.max(killed.recoveryMsMax, await timeToReady(server))
    await sleep(random() * 2_000)
  }
  await server.kill()
}

async function killAtBoundary({
  server,
  random,
  proxies,
  boundary,
  dataDir,
  killed,
}: {
  server: KillableServer
  random: () => number
  proxies: readonly FaultProxy[]
  boundary: Boundary
  dataDir: string
  killed: Killed
}) {
  // Every third time from the first step of the start on, so that recovery's own steps are boundaries too.
  const inRecovery = random() < 0.33
  if (!inRecovery) killed.recoveryMsMax = Math.max(killed.recoveryMsMax, await timeToReady(server))
  const struck = Promise.withResolvers<boolean>()
  const watch = watchBoundary({
    boundary,
    skip: Math.floor(random() * 4),
    dataDir,
    strike() {
      void server.kill()
      struck.resolve(true)
    },
  })
  const injected = proxies.map((proxy) => proxy.inject(watch.interfere))
  const hit = await Promise.race([struck.promise, sleep(BOUNDARY_TIMEOUT_MS).then(() => false)])
  await server.kill()
  watch.stop()
  for (const each of injected) each.heal()
  const name = hit ? boundary : 'none'
  killed.struck[name] = (killed.struck[name] ?? 0) + 1
  if (inRecovery && hit) killed.inRecovery++
  if (watch.leaving.length === 0) return
  const written = new Set(readAttempts({ dataDir }).map(({ hash }) => hash))
  for (const hash of watch.leaving)
    if (!written.has(hash))
      killed.unwritten.push(`unjournaled: ${hash} was about to leave and is in no journal.`)
}

async function timeToReady(server: KillableServer): Promise<number> {
  const startedMs = performance.now()
  await server.ready(READY_TIMEOUT_MS)
  return performance.now() - startedMs
}

/** Most signals pay, some take the way that loses; they wait as far as chance says. */
function createSignals({ chains, random }: { chains: readonly TradingChain[]; random: () => number }) {
  const waits = ['none', 'broadcast', 'included'] as const
  let made = 0
  return (): StreamedSignal['signal'] => {
    const index = made++
    const chain = chains[index % chains.length] as TradingChain
    return liveSignal({
      chainId: chain.chainId,
      index,
      losing: random() < 0.1,
      wait: waits[Math.floor(random() * waits.length)],
      flashSource: random() < 0.3 ? AAVE : BALANCER,
      relay: random() < 0.15 ? 'private_then_public' : 'public',
    })
  }
}
