import { randomBytes } from 'node:crypto'
import { executorInterface } from '../test/support/devnetTrades.ts'
import type { TradingChain } from '../test/support/liveWorld.ts'
import { startRpcProxy } from '../test/support/rpcProxy.ts'
import { cpuSeconds } from './cpuTime.ts'
import { measureBareSends } from './liveBare.ts'
import { countCalls } from './liveCalls.ts'
import { type Injected, measureInjected } from './liveInjected.ts'
import { createLiveSignals, driveLive, type LiveSignal, type LiveStretch } from './liveLoad.ts'
import { type LiveBenchWorld, startLiveBenchWorld } from './liveWorld.ts'
import { median, percentile } from './percentile.ts'
import type { ServerProcess } from './serverProcess.ts'

/** As many as Titan's four accounts may have in flight; the peer is tried with others too. */
const IN_FLIGHT = 16
const PEER_IN_FLIGHT = [4, 16, 32] as const
const BARE_PAIRS = 60
/** Between trades of one client: few enough for the accounts to have room within a block. */
const PACE_MS = 30

/** One stretch of one server. */
export interface Landed {
  readonly perSecond: number
  /** Processor time per landed trade, µs: of the chain's node and of the server. */
  readonly cpuMicros: { readonly node: number; readonly server: number }
}

export interface LiveFigures {
  /** In blocks with an effect, by the chain's own logs; automining; median of the rounds. */
  readonly landedPerSecond: number
  readonly cpuMicrosPerTrade: Landed['cpuMicros']
  readonly peer: {
    readonly landedPerSecond: number
    readonly cpuMicrosPerTrade: Landed['cpuMicros']
    readonly inFlight: number
    readonly rpcCallsPerTrade: number
    readonly injected: Injected
  }
  readonly ratio: number
  /** Besides watching heads. */
  readonly rpcCallsPerTrade: number
  readonly rpcCalls: Readonly<Record<string, number>>
  /** Signal to answer when a node has it; one in flight. */
  readonly acceptanceMs: { readonly p50: number; readonly p99: number }
  /** One bare simulation and one bare send, one after the other. */
  readonly bareMs: { readonly p50: number; readonly p99: number }
  readonly acceptanceRatio: number
  /** Signal to answer when a block has it, a block every 0.25 s; one in flight. */
  readonly inclusionMs: { readonly p50: number; readonly p99: number }
  readonly injected: Injected
  readonly rounds: readonly { readonly titan: Landed; readonly peer: Landed; readonly ratio: number }[]
}

const rounded = (value: number, digits = 2) => Number(value.toFixed(digits))
const spreadOf = (values: readonly number[]) => ({
  p50: rounded(percentile(values, 0.5)),
  p99: rounded(percentile(values, 0.99)),
})

/** Titan in LIVE and the peer on the same chain, in turns; each side has as many accounts as the other. */
export async function measureLive({
  entry,
  rounds,
  seconds,
  say,
}: {
  /** The built server. */
  entry: string
  rounds: number
  seconds: number
  say: (sentence: string) => void
}): Promise<LiveFigures> {
  const world = await startLiveBenchWorld({ entry })
  const interrupted = () => void world.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const run = randomBytes(6).toString('hex')
    const makers = new Map(
      [world.automining, world.rhythmic].map(({ chainId }) => [
        chainId,
        createLiveSignals({ chainId, run: `${run}-${chainId}` }),
      ]),
    )
    const signals = (chain: TradingChain) =>
      makers.get(chain.chainId) as (wait: LiveSignal['wait']) => LiveSignal
    const drive = (options: {
      server: ServerProcess
      chain?: TradingChain
      inFlight?: number
      wait?: LiveSignal['wait']
      pauseMs?: number
      seconds?: number
    }) => {
      const {
        server,
        chain = world.automining,
        inFlight = IN_FLIGHT,
        wait = 'included',
        pauseMs = 0,
      } = options
      return driveLive({
        url: server.url,
        seconds: options.seconds ?? seconds,
        inFlight,
        pauseMs,
        next: () => signals(chain)(wait),
      })
    }

    let titan = await world.startTitan()
    let peer = await world.startPeer()
    await drive({ server: titan, seconds: 2 })
    await drive({ server: peer, seconds: 2 })

    const landed = async (server: ServerProcess, inFlight: number, forSeconds = seconds): Promise<Landed> => {
      const from = await world.automining.head()
      const used = () => ({ node: cpuSeconds(world.automining.pid), server: cpuSeconds(server.pid) })
      const before = used()
      const stretch = await drive({ server, inFlight, seconds: forSeconds })
      if (stretch.firstFailure !== null) say(`${stretch.failures} failed, the first: ${stretch.firstFailure}`)
      const count = await countLanded(world, from)
      if (count < stretch.successes)
        throw new Error(`${stretch.successes} were said to be landed, ${count} are.`)
      const after = used()
      const micros = (part: 'node' | 'server') => Math.round(((after[part] - before[part]) * 1e6) / count)
      const perSecond = rounded((count * 1_000) / stretch.elapsedMs, 1)
      return { perSecond, cpuMicros: { node: micros('node'), server: micros('server') } }
    }

    let peerInFlight: number = IN_FLIGHT
    let best = 0
    for (const inFlight of PEER_IN_FLIGHT) {
      const { perSecond } = await landed(peer, inFlight, Math.max(2, seconds / 2))
      say(`the peer with ${inFlight} in flight: ${perSecond.toFixed(1)} landed/s`)
      if (perSecond > best) [best, peerInFlight] = [perSecond, inFlight]
    }
    const done: { titan: Landed; peer: Landed; ratio: number }[] = []
    for (let round = 1; round <= rounds; round++) {
      const theirs = await landed(peer, peerInFlight)
      const ours = await landed(titan, IN_FLIGHT)
      done.push({ titan: ours, peer: theirs, ratio: rounded(ours.perSecond / theirs.perSecond) })
      say(`round ${round} of ${rounds}: Titan ${ours.perSecond}, peer ${theirs.perSecond} landed/s`)
    }

    const acceptance: number[] = []
    const bare: number[] = []
    for (let round = 0; round < rounds; round++) {
      const pairs = Array.from({ length: BARE_PAIRS }, () => signals(world.rhythmic)('broadcast'))
      const { rpc, chainId } = world.rhythmic
      bare.push(
        ...(await measureBareSends({
          rpc,
          chainId,
          executor: world.executor,
          key: world.bareKey,
          signals: pairs,
          pauseMs: PACE_MS,
        })),
      )
      acceptance.push(
        ...good(
          await drive({
            server: titan,
            chain: world.rhythmic,
            inFlight: 1,
            pauseMs: PACE_MS,
            wait: 'broadcast',
          }),
          say,
        ),
      )
    }
    const inclusion = good(
      await drive({ server: titan, chain: world.rhythmic, inFlight: 1, seconds: 2 * seconds }),
      say,
    )

    await titan.stop()
    await peer.stop()
    const proxy = await startRpcProxy({ target: world.automining.rpc })
    try {
      titan = await world.startTitan({ endpoint: proxy.url })
      const ours = await countCalls({ proxy, work: () => drive({ server: titan }) })
      const titanInjected = await measureInjected({
        chain: world.automining,
        proxy,
        lanes: world.titanLanes,
        work: () => drive({ server: titan }),
      })
      await titan.stop()
      peer = await world.startPeer({ endpoint: proxy.url })
      const theirs = await countCalls({ proxy, work: () => drive({ server: peer }) })
      const peerInjected = await measureInjected({
        chain: world.automining,
        proxy,
        lanes: world.peerLanes,
        work: () => drive({ server: peer }),
      })
      await peer.stop()

      const bareMs = spreadOf(bare)
      const acceptanceMs = spreadOf(acceptance)
      return {
        ...middle(done.map((round) => round.titan)),
        peer: {
          ...middle(done.map((round) => round.peer)),
          inFlight: peerInFlight,
          rpcCallsPerTrade: rounded(theirs.perTrade),
          injected: peerInjected,
        },
        ratio: rounded(median(done.map((round) => round.ratio))),
        rpcCallsPerTrade: rounded(ours.perTrade),
        rpcCalls: ours.calls,
        acceptanceMs,
        bareMs,
        acceptanceRatio: rounded(acceptanceMs.p50 / bareMs.p50),
        inclusionMs: spreadOf(inclusion),
        injected: titanInjected,
        rounds: done,
      }
    } finally {
      await proxy.stop()
    }
  } finally {
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted)
    await world.stop()
  }
}

const middle = (stretches: readonly Landed[]) => ({
  landedPerSecond: rounded(median(stretches.map(({ perSecond }) => perSecond)), 1),
  cpuMicrosPerTrade: {
    node: Math.round(median(stretches.map(({ cpuMicros }) => cpuMicros.node))),
    server: Math.round(median(stretches.map(({ cpuMicros }) => cpuMicros.server))),
  },
})

function good(
  { latenciesMs, failures, firstFailure }: LiveStretch,
  say: (sentence: string) => void,
): readonly number[] {
  if (failures > 0) say(`${failures} failed, the first: ${firstFailure}`)
  return latenciesMs
}

/** Trades with an effect after a block, by the executor's own logs: one server works at a time. */
async function countLanded({ automining, executor }: LiveBenchWorld, from: number): Promise<number> {
  const fromBlock = `0x${(from + 1).toString(16)}`
  const topics = [executorInterface.getEvent('ArbitrageExecuted')?.topicHash]
  const logs = await automining.ask<unknown[]>('eth_getLogs', { address: executor, fromBlock, topics })
  return logs.length
}
