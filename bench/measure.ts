import type { BenchExecutor } from './benchExecutor.ts'
import { cpuSeconds } from './cpuTime.ts'
import type { Latency, Load, LoadJob } from './load.ts'
import type { ServerProcess } from './serverProcess.ts'

/** Everything the benchmarks work on: one node, and each server on that node as a process of its own. */
export interface BenchWorld {
  readonly rpc: string
  readonly nodePid: number
  readonly executor: BenchExecutor
  readonly titan: ServerProcess
  readonly peer: ServerProcess
  readonly leanPeer: ServerProcess
  readonly load: Load
}

/** One stretch of one benchmark. */
export interface Measurement {
  /** Successes only. */
  readonly perSecond: number
  readonly latencyMs: Latency
  readonly successes: number
  readonly failures: number
  /** Successes whose profit was compared with a direct call to the chain. */
  readonly compared: number
  /** Processor time per success, µs; NaN where it cannot be read. */
  readonly cpuMicros: { readonly node: number; readonly server: number; readonly load: number }
}

/**
 * Runs one job and holds a sample of its answers against the chain.
 *
 * @param options.server the process that is measured; null for none between the load and the node
 * @throws when nothing succeeded, or when a profit is not what the chain itself gives, to the unit: then no
 *   figure of the run can be trusted
 */
export async function measure({
  world,
  server,
  job,
}: {
  world: BenchWorld
  server: ServerProcess | null
  job: LoadJob
}): Promise<Measurement> {
  const used = () => ({
    node: cpuSeconds(world.nodePid),
    server: server === null ? 0 : cpuSeconds(server.pid),
    load: cpuSeconds(world.load.pid),
  })
  const before = used()
  const result = await world.load.run(job)
  const after = used()
  const { successes, failures, firstFailure } = result
  if (successes === 0) throw new Error(`No trade succeeded (${job.kind}, ${job.url}). ${firstFailure}`)
  if (firstFailure !== null)
    console.error(`${failures} of ${job.kind} at ${job.url} failed, the first: ${firstFailure}`)

  let compared = 0
  for (const { signal, profit } of result.samples) {
    if (profit === null) continue
    const direct = await world.executor.profitOf(signal)
    if (BigInt(profit) !== direct)
      throw new Error(`The answered profit ${profit} is not the chain's ${direct}: ${JSON.stringify(signal)}`)
    compared++
  }
  const perTrade = (part: 'node' | 'server' | 'load') => ((after[part] - before[part]) * 1e6) / successes
  return {
    perSecond: (successes * 1_000) / result.elapsedMs,
    latencyMs: result.latencyMs,
    successes,
    failures,
    compared,
    cpuMicros: { node: perTrade('node'), server: perTrade('server'), load: perTrade('load') },
  }
}
