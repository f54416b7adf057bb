import { type BenchWorld, type Measurement, measure } from './measure.ts'
import { batchSize } from './paperBatch.ts'

/** How the peer is driven: requests in flight, and whether each is a batch. */
export interface PeerSetting {
  readonly kind: 'single' | 'batch'
  readonly inFlight: number
}

const tried: readonly PeerSetting[] = [
  { kind: 'single', inFlight: 8 },
  { kind: 'single', inFlight: 20 },
  { kind: 'single', inFlight: 64 },
  { kind: 'batch', inFlight: 1 },
]

/** The server of the usual design, or the lean one. */
export type PeerName = 'peer' | 'leanPeer'

/** PAPER trades of a peer. */
export function measurePeer(options: {
  world: BenchWorld
  seconds: number
  setting: PeerSetting
  name?: PeerName
}): Promise<Measurement> {
  const { world, seconds, setting, name = 'peer' } = options
  const server = world[name]
  const answers = name === 'peer' ? 'document' : 'lean'
  const job = { url: server.url, answers, seconds, inFlight: setting.inFlight } as const
  return measure({
    world,
    server,
    job: setting.kind === 'single' ? { kind: 'single', ...job } : { kind: 'batch', batchSize, ...job },
  })
}

/**
 * Drives a peer in several ways, a batch among them, and tells the best that each gave in two tries, the best
 * first.
 */
export async function tunePeer(options: { world: BenchWorld; seconds: number; name: PeerName }) {
  const seconds = options.seconds / 2
  const best = new Map<PeerSetting, number>()
  for (let pass = 0; pass < 2; pass++)
    for (const setting of tried) {
      const { perSecond } = await measurePeer({ ...options, setting, seconds })
      best.set(setting, Math.max(perSecond, best.get(setting) ?? 0))
    }
  const outcomes = [...best].map(([setting, perSecond]) => ({ setting, perSecond }))
  return outcomes.sort((one, other) => other.perSecond - one.perSecond)
}
