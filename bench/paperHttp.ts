import { type BenchWorld, type Measurement, measure } from './measure.ts'

/** PAPER trades over `POST /execute`, one signal per request. */
export function measurePaperHttp(options: {
  world: BenchWorld
  seconds: number
  inFlight: number
}): Promise<Measurement> {
  const { world, seconds, inFlight } = options
  const { titan } = world
  return measure({
    world,
    server: titan,
    job: { kind: 'single', url: titan.url, answers: 'titan', seconds, inFlight },
  })
}
