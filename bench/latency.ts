import type { BenchWorld, Measurement } from './measure.ts'
import { measurePaperBatch } from './paperBatch.ts'
import { measurePaperHttp } from './paperHttp.ts'
import { measurePeer } from './peer.ts'

/** One request in flight at a time: what a trade takes on an idle server, from the client's side. */
export async function measureLatency(options: { world: BenchWorld; seconds: number }): Promise<{
  readonly http: Measurement
  readonly batch: Measurement
  readonly peer: Measurement
  readonly leanPeer: Measurement
}> {
  const setting = { kind: 'single', inFlight: 1 } as const
  return {
    http: await measurePaperHttp({ ...options, inFlight: 1 }),
    batch: await measurePaperBatch({ ...options, inFlight: 1 }),
    peer: await measurePeer({ ...options, setting }),
    leanPeer: await measurePeer({ ...options, name: 'leanPeer', setting }),
  }
}
