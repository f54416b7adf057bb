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

/** PAPER trades of the peer. */
export function measurePeer(options: {
  world: BenchWorld
  seconds: number
  setting: PeerSetting
}): Promise<Measurement> {
  const { world, seconds, setting } = options
  const { peer } = world
  const job = { url: peer.url, answers: 'document', seconds, inFlight: setting.inFlight } as const
  return measure({
    world,
    server: peer,
    job: setting.kind === 'single' ? { kind: 'single', ...job } : { kind: 'batch', batchSize, ...job },
  })
}

/** Drives the peer in several ways, a batch among them, and tells the best that each gave in two tries, the best first. */
export async function tunePeer({ world, seconds }: { world: BenchWorld; seconds: number }) {
  const best = new Map<PeerSetting, number>()
  for (let pass = 0; pass < 2; pass++)
    for (const setting of tried) {
      const { perSecond } = await measurePeer({ world, setting, seconds: seconds / 2 })
      best.set(setting, Math.max(perSecond, best.get(setting) ?? 0))
    }
  const outcomes = [...best].map(([setting, perSecond]) => ({ setting, perSecond }))
  return outcomes.sort((one, other) => other.perSecond - one.perSecond)
}
