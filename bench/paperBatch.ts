import { type BenchWorld, type Measurement, measure } from './measure.ts'

/** Signals in one request. */
export const batchSize = 100

/** PAPER trades over `POST /execute/batch`; `inFlight` counts requests. */
export function measurePaperBatch(options: {
  world: BenchWorld
  seconds: number
  inFlight: number
}): Promise<Measurement> {
  const { world, seconds, inFlight } = options
  const { titan } = world
  const job = { kind: 'batch', url: titan.url, answers: 'titan', batchSize, seconds, inFlight } as const
  return measure({ world, server: titan, job })
}
