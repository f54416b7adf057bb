/** What it costs the main thread to hand signals to a chain thread, a Piscina task each or one per tick. */
import { isMainThread } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { createTradeSource } from '../tradeSource.ts'

const SIGNALS = 32_000
/** As many as a busy server reads in one turn of its event loop. */
const PER_TICK = 16

/** The chain thread's half: takes signals and answers by other ways. */
export default (): void => {}

if (isMainThread) {
  const source = createTradeSource({ run: 'crossing' })
  const signals = Array.from({ length: SIGNALS }, () => source.next())
  const pool = new Piscina({
    filename: import.meta.filename,
    minThreads: 1,
    maxThreads: 1,
    concurrentTasksPerWorker: 4,
    atomics: 'disabled',
  })

  /** Microseconds of this thread per signal. */
  const cost = async (perTask: number): Promise<number> => {
    const before = process.threadCpuUsage()
    for (let from = 0; from < SIGNALS; from += PER_TICK) {
      const tick = signals.slice(from, from + PER_TICK)
      const tasks = Array.from({ length: PER_TICK / perTask }, (_, place) =>
        pool.run({ task: 'signals', signals: tick.slice(place * perTask, (place + 1) * perTask) }),
      )
      await Promise.all(tasks)
    }
    const { user, system } = process.threadCpuUsage(before)
    return (user + system) / SIGNALS
  }

  for (const perTask of [1, PER_TICK]) await cost(perTask) // warms up
  const [single, shared] = [await cost(1), await cost(PER_TICK)]
  console.log(
    `main-thread time per signal: a task each ${single.toFixed(1)} µs, a task for ${PER_TICK} ${shared.toFixed(1)} µs (${(single / shared).toFixed(1)} times)`,
  )
  await pool.destroy()
}
