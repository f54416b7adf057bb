import { type BenchWorld, type Measurement, measure } from './measure.ts'

/** Calls in one JSON-RPC batch, and batches in flight: what the node likes best. */
const callsPerBatch = 24
const batchesInFlight = 3

/**
 * The same trades simulated straight at the node with no server between: what can be had at most on this
 * machine.
 */
export function measureBareLoop({
  world,
  seconds,
}: {
  world: BenchWorld
  seconds: number
}): Promise<Measurement> {
  const { address: executor, owner } = world.executor
  return measure({
    world,
    server: null,
    job: {
      kind: 'bare',
      url: world.rpc,
      executor,
      owner,
      seconds,
      inFlight: batchesInFlight,
      batchSize: callsPerBatch,
    },
  })
}
