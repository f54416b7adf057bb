/** What a chain thread costs, bundled and from source. */
import { execFileSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Piscina } from 'piscina'
import { packageRoot } from '../../devnet/packageRoot.ts'
import { CHAINS } from '../../src/config/chains.ts'
import type { ChainThreadData } from '../../src/dispatch/protocol.ts'
import { median } from '../percentile.ts'

const FILES = { bundled: 'dist/workers/chain.js', 'from source': 'workers/chain.ts' } as const

const [file] = process.argv.slice(2)
if (file === undefined) {
  for (const [name, path] of Object.entries(FILES)) {
    // A process for each, so that neither has what the other has loaded.
    const args = [fileURLToPath(import.meta.url), join(packageRoot(), path)]
    const { startMs, megabytes } = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
    console.log(`a chain thread, ${name}: starts in ${startMs} ms, costs ${megabytes} MB`)
  }
} else console.log(JSON.stringify(await measure(file)))

/**
 * One thread per chain, as the server starts them, each asked to do nothing; the median of their starts, one
 * after another.
 */
async function measure(filename: string): Promise<{ startMs: number; megabytes: number }> {
  const before = process.memoryUsage.rss()
  const startsMs: number[] = []
  for (const chain of CHAINS) {
    const startedMs = performance.now()
    const data = { mode: 'PAPER', logLevel: 'silent', dataDir: tmpdir(), chain: { ...chain, endpoints: [] } }
    const pool = new Piscina({
      filename,
      minThreads: 1,
      maxThreads: 1,
      idleTimeout: Number.POSITIVE_INFINITY,
      atomics: 'disabled',
      workerData: data as unknown as ChainThreadData,
    })
    await pool.run({ task: 'close' })
    startsMs.push(performance.now() - startedMs)
  }
  const bytes = (process.memoryUsage.rss() - before) / CHAINS.length
  setImmediate(() => process.exit())
  return { startMs: Math.round(median(startsMs)), megabytes: Math.round(bytes / 2 ** 20) }
}
