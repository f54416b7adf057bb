import { SETTINGS } from '../src/config/settings.ts'
import { startRpcProxy } from '../test/support/rpcProxy.ts'
import { countCalls } from './liveCalls.ts'
import { type Injected, measureInjected } from './liveInjected.ts'
import { type Landed, type LandedRound, measureLanded } from './liveLanded.ts'
import { measureLiveLatency } from './liveLatency.ts'
import { type LiveStage, onLiveStage } from './liveStage.ts'
import { LANES_EACH, LIVE_SETTINGS } from './liveWorld.ts'
import { median, percentile } from './percentile.ts'

interface Spread {
  readonly p50: number
  readonly p99: number
}

/** Calls to the node per landed trade. */
interface Calls {
  /** Besides watching heads. */
  readonly rpcCallsPerTrade: number
  readonly rpcCalls: Readonly<Record<string, number>>
}

/** One server's side. */
interface Side extends Calls {
  /** In blocks with an effect, by the chain's own logs; automining; median of the rounds. */
  readonly landedPerSecond: number
  readonly cpuMicrosPerTrade: Landed['cpuMicros']
  readonly inFlight: number
  readonly injected: Injected
}

export interface LiveFigures extends Side {
  /** How both reach their node. */
  readonly transport: string
  /** Accounts of each. */
  readonly laneCount: number
  /** Transactions of one account that Titan has out at most: its default. */
  readonly laneInFlightMax: number
  /** What Titan is told besides keys, addresses and endpoints; all else is its default. */
  readonly settings: Readonly<Record<string, string>>
  readonly peer: Side
  readonly ratio: number
  /** Signal to answer when a node has it; one in flight. */
  readonly acceptanceMs: Spread
  /** One bare simulation and one bare send, one after the other. */
  readonly bareMs: Spread
  readonly acceptanceRatio: number
  /** Signal to answer when a block has it, a block every 0.25 s; one in flight. */
  readonly inclusionMs: Spread
  readonly rounds: readonly LandedRound[]
}

const rounded = (value: number, digits = 2) => Number(value.toFixed(digits))
const spreadOf = (values: readonly number[]): Spread => ({
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
  const landed = await measureLanded({ entry, rounds, seconds, say })
  const latency = await onLiveStage({
    entry,
    async work(stage) {
      const titan = await stage.world.startTitan()
      await stage.drive({ server: titan, seconds: 1, inFlight: 4, chain: stage.world.rhythmic })
      return await measureLiveLatency({ stage, titan, rounds, seconds, say })
    },
  })
  const proxied = await onLiveStage({
    entry,
    work: (stage) => throughProxy({ stage, seconds, inFlight: landed.inFlight }),
  })

  const side = (name: 'titan' | 'peer'): Side => {
    const stretches = landed.rounds.map((round) => round[name])
    const micros = (part: 'node' | 'server') =>
      Math.round(median(stretches.map(({ cpuMicros }) => cpuMicros[part])))
    return {
      landedPerSecond: rounded(median(stretches.map(({ perSecond }) => perSecond)), 1),
      cpuMicrosPerTrade: { node: micros('node'), server: micros('server') },
      inFlight: landed.inFlight[name],
      ...proxied[name],
    }
  }
  const acceptanceMs = spreadOf(latency.acceptance)
  const bareMs = spreadOf(latency.bare)
  return {
    transport: 'WebSocket',
    laneCount: LANES_EACH,
    laneInFlightMax: SETTINGS.laneInFlightMax.fallback,
    settings: LIVE_SETTINGS,
    ...side('titan'),
    peer: side('peer'),
    ratio: rounded(median(landed.rounds.map(({ ratio }) => ratio))),
    acceptanceMs,
    bareMs,
    acceptanceRatio: rounded(acceptanceMs.p50 / bareMs.p50),
    inclusionMs: spreadOf(latency.inclusion),
    rounds: landed.rounds,
  }
}

/** What needs a proxy in front of the node: counted calls, and sends that are cut off. */
async function throughProxy({
  stage: { world, drive },
  seconds,
  inFlight,
}: {
  stage: LiveStage
  seconds: number
  inFlight: { titan: number; peer: number }
}) {
  const proxy = await startRpcProxy({ target: world.automining.rpc })
  const measure = async (name: 'titan' | 'peer') => {
    const start = name === 'titan' ? world.startTitan : world.startPeer
    const lanes = name === 'titan' ? world.titanLanes : world.peerLanes
    const server = await start({ endpoint: proxy.socketUrl })
    const work = () => drive({ server, seconds, inFlight: inFlight[name] })
    const { perTrade, calls } = await countCalls({ proxy, work })
    const injected = await measureInjected({ chain: world.automining, proxy, lanes, work })
    await server.stop()
    return { rpcCallsPerTrade: rounded(perTrade), rpcCalls: calls, injected }
  }
  try {
    return { titan: await measure('titan'), peer: await measure('peer') }
  } finally {
    await proxy.stop()
  }
}
