import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRandom } from '../../devnet/createRandom.ts'
import { INVERTED, WIDE } from '../support/keepSpread.ts'
import { type LiveWorld, liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { type RpcProxy, startRpcProxy } from '../support/rpcProxy.ts'
import { settleTrades } from '../support/settleTrades.ts'
import { type Audit, audit } from './audit.ts'
import { BOUNDARIES, type Boundary, watchBoundary } from './boundaries.ts'
import { createKillableServer, type KillableServer } from './killableServer.ts'
import { readLaneRest, readLaneTransactions } from './readChain.ts'
import { readAttempts } from './readJournal.ts'
import { type StreamedSignal, startSignalStream } from './signalStream.ts'

export type KillMode = 'random' | 'boundary'

/** A run, as `npm run crash -- --json` writes it. */
export interface CrashReport extends Audit {
  readonly mode: KillMode
  readonly seed: number
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
const CLIENTS = 6
const READY_TIMEOUT_MS = 60_000
const BOUNDARY_TIMEOUT_MS = 6_000
const SETTLE_TIMEOUT_MS = 90_000
const SPREAD_EVERY_MS = 1_500

/**
 * Kills the server over and over while clients stream signals at it, lets everything come to rest, and asks the chains what happened.
 * The same seed gives the same signals, moments and moves of the market, as far as a clock allows.
 */
export async function runCrash({
  entry,
  kills,
  mode,
  seed,
  say,
}: {
  /** The built server. */
  entry: string
  kills: number
  mode: KillMode
  seed: number
  say: (sentence: string) => void
}): Promise<CrashReport> {
  const startedMs = performance.now()
  const random = createRandom(seed)
  const undo: (() => unknown)[] = []
  try {
    const folder = await mkdtemp(join(tmpdir(), 'titan-crash-'))
    undo.push(() => rm(folder, { recursive: true, force: true }))
    const worlds = await Promise.all([
      startLiveWorld({ chainIds: AUTOMINING, laneCount: LANES }),
      startLiveWorld({ chainIds: RHYTHMIC, laneCount: LANES, blockTimeSeconds: BLOCK_SECONDS }),
    ])
    for (const world of worlds) undo.push(world.stop)
    const [world] = worlds
    const chains = worlds.flatMap((each) => each.chains)
    const proxies = new Map<number, RpcProxy>()
    if (mode === 'boundary')
      for (const { chainId, rpc } of chains) {
        const proxy = await startRpcProxy({ target: rpc })
        undo.push(() => proxy.stop())
        proxies.set(chainId, proxy)
      }
    const urls = new Map([...proxies].map(([chainId, { url }]) => [chainId, url]))
    const server = await createKillableServer({
      entry,
      cwd: folder,
      env: Object.assign({}, ...worlds.map((each) => each.env(urls))),
    })
    undo.push(() => server.stop())
    server.start()
    await server.ready(READY_TIMEOUT_MS)

    const market = moveMarket({ chains, random: createRandom(seed + 1), say })
    undo.push(() => market.stop())
    const stream = startSignalStream({
      url: server.url,
      clients: CLIENTS,
      pauseMs: () => 5 + random() * 60,
      next: createSignals({ chains, random: createRandom(seed + 2) }),
    })

    const dataDir = join(folder, 'data')
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
          proxies: [...proxies.values()],
          boundary: BOUNDARIES[(kill - 1) % BOUNDARIES.length] as Boundary,
          dataDir,
          killed,
        })
      server.start()
      if (kill % 10 === 0) say(`${kill} of ${kills} kills, ${stream.sent.length} signals.`)
    }

    await server.ready(READY_TIMEOUT_MS)
    await stream.finish()
    await market.stop()
    const ids = stream.sent.map(({ signal }) => signal.signal_id)
    const records = await settleTrades({ url: server.url, chains, ids, timeoutMs: SETTLE_TIMEOUT_MS })
    await server.stop()
    const lanes = (world as LiveWorld).lanes
    const executor = (world as LiveWorld).executor
    const found = audit({
      sent: stream.sent,
      records,
      transactions: (
        await Promise.all(chains.map((chain) => readLaneTransactions({ chain, lanes, executor })))
      ).flat(),
      rests: (await Promise.all(chains.map((chain) => readLaneRest({ chain, lanes })))).flat(),
      attempts: readAttempts({ dataDir }),
    })
    return {
      mode,
      seed,
      kills,
      killsInRecovery: killed.inRecovery,
      struck: killed.struck,
      recoveryMsMax: Math.round(killed.recoveryMsMax),
      seconds: Math.round((performance.now() - startedMs) / 1_000),
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
  proxies: readonly RpcProxy[]
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
  for (const proxy of proxies) proxy.interfere = watch.interfere
  const hit = await Promise.race([struck.promise, sleep(BOUNDARY_TIMEOUT_MS).then(() => false)])
  await server.kill()
  watch.stop()
  for (const proxy of proxies) proxy.interfere = null
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
    })
  }
}

/** Keeps trades worth making, and turns the market against them now and then, so that some revert in their block. */
function moveMarket({
  chains,
  random,
  say,
}: {
  chains: readonly TradingChain[]
  random: () => number
  say: (sentence: string) => void
}) {
  const stopping = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const running = Promise.all(
    chains.map(async ({ chainId, spread }) => {
      while (!stopping.signal.aborted) {
        try {
          if (random() < 0.2) {
            await spread.set(INVERTED)
            await pause(random() * 500)
          }
          await spread.set(WIDE)
        } catch (error) {
          say(
            `The market of chain ${chainId} did not move: ${error instanceof Error ? error.message : error}`,
          )
        }
        await pause(SPREAD_EVERY_MS)
      }
    }),
  )
  return {
    async stop() {
      stopping.abort()
      await running
    },
  }
}
