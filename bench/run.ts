/**
 * `npm run bench -- [--quick] [--json FILE] [--seconds N] [--only NAME] [--injected]`: see README.md beside
 * this file.
 */
import { writeFile } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from '../devnet/packageRoot.ts'
import { measureBareLoop } from './bareLoop.ts'
import { journalFileSystem } from './benchFolder.ts'
import { measureLatency } from './latency.ts'
import { measureLive } from './live.ts'
import type { Measurement } from './measure.ts'
import { measurePaperBatch } from './paperBatch.ts'
import { measurePaperHttp } from './paperHttp.ts'
import { measurePeer, type PeerName, tunePeer } from './peer.ts'
import { printReport } from './printReport.ts'
import { type BenchRun, type PaperRun, type Round, summarize } from './report.ts'
import { startBenchWorld } from './startBenchWorld.ts'

const benchmarks = ['peer', 'leanPeer', 'paperHttp', 'paperBatch', 'bareLoop', 'latency', 'live'] as const
type BenchmarkName = (typeof benchmarks)[number]

/** Requests in flight: where more of them give no more trades. */
const httpInFlight = 64
const batchesInFlight = 4

const PEER_DEFAULT = { kind: 'single', inFlight: 20 } as const

/** What fails from now on fails because everything is being stopped. */
let isInterrupted = false

interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly only: readonly BenchmarkName[]
  readonly json: string | null
  readonly injected: boolean
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      seconds: { type: 'string' },
      only: { type: 'string', multiple: true },
      injected: { type: 'boolean', default: false },
    },
  })
  const seconds = values.seconds === undefined ? (values.quick ? 3 : 10) : Number(values.seconds)
  if (!(seconds > 0)) throw new Error('--seconds takes a number above 0: how long each stretch lasts.')
  const only = values.only ?? benchmarks
  const unknown = only.find((name) => !benchmarks.some((known) => known === name))
  if (unknown !== undefined)
    throw new Error(`There is no benchmark ${unknown}; there are ${benchmarks.join(', ')}.`)
  return {
    rounds: values.quick ? 3 : 5,
    seconds,
    only: only as readonly BenchmarkName[],
    json: values.json ?? null,
    injected: values.injected,
  }
}

const say = (text: string) => console.error(text)

async function bench(options: Options): Promise<BenchRun> {
  const loadAverage = loadavg()[0] ?? Number.NaN
  const paper = options.only.some((name) => name !== 'live') ? await benchPaper(options) : null
  const { rounds, seconds, injected } = options
  const live = options.only.includes('live')
    ? await measureLive({ entry: join(packageRoot(), 'dist', 'main.js'), rounds, seconds, say })
    : null
  const fileSystem = await journalFileSystem()
  const settings = { rounds, seconds, httpInFlight, batchesInFlight, injected, fileSystem }
  return { loadAverage, settings, paper, live }
}

async function benchPaper({ rounds, seconds, only, injected }: Options): Promise<PaperRun> {
  const wants = (name: BenchmarkName) => only.includes(name)
  say('Starting the devnet, Titan and the peers ...')
  const world = await startBenchWorld({ injected })
  const interrupted = () => {
    isInterrupted = true
    say('Interrupted.')
    world.stop().finally(() => process.exit(130))
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    say('Warming up ...')
    const warmUp = { world, seconds: Math.max(2, seconds / 2) }
    await measurePaperHttp({ ...warmUp, inFlight: httpInFlight })
    await measurePaperBatch({ ...warmUp, inFlight: batchesInFlight })
    await measureBareLoop(warmUp)
    const tune = async (name: PeerName) => {
      await measurePeer({ ...warmUp, name, setting: PEER_DEFAULT })
      const tried = wants(name) ? await tunePeer({ world, seconds, name }) : []
      return { tried, setting: tried[0]?.setting ?? PEER_DEFAULT }
    }
    const tuning = { peer: await tune('peer'), leanPeer: await tune('leanPeer') }

    const done: Round[] = []
    for (let number = 1; number <= rounds; number++) {
      const stretch = async (name: BenchmarkName, work: () => Promise<Measurement>) => {
        if (!wants(name)) return null
        const measurement = await work()
        say(`round ${number} of ${rounds}: ${name} ${measurement.perSecond.toFixed(0)}/s`)
        return measurement
      }
      // Side by side: what disturbs the machine for a while disturbs neighbours alike.
      done.push({
        peer: await stretch('peer', () => measurePeer({ world, seconds, ...tuning.peer })),
        leanPeer: await stretch('leanPeer', () =>
          measurePeer({ world, seconds, name: 'leanPeer', ...tuning.leanPeer }),
        ),
        http: await stretch('paperHttp', () => measurePaperHttp({ world, seconds, inFlight: httpInFlight })),
        batch: await stretch('paperBatch', () =>
          measurePaperBatch({ world, seconds, inFlight: batchesInFlight }),
        ),
        bare: await stretch('bareLoop', () => measureBareLoop({ world, seconds })),
      })
    }
    const latency = wants('latency') ? await measureLatency({ world, seconds }) : null
    return { tuning, rounds: done, latency }
  } finally {
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted)
    await world.stop()
  }
}

try {
  const options = readOptions()
  const report = summarize(await bench(options))
  printReport(report)
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`)
} catch (error) {
  if (!isInterrupted) console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
