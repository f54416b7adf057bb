import { availableParallelism, cpus, totalmem } from 'node:os'
import type { LiveFigures } from './live.ts'
import type { Latency } from './load.ts'
import type { Measurement } from './measure.ts'
import { batchSize } from './paperBatch.ts'
import type { PeerName, PeerSetting } from './peer.ts'
import { median } from './percentile.ts'

/** Stretches measured one right after the other; null where a benchmark was not asked for. */
export interface Round {
  readonly peer: Measurement | null
  readonly leanPeer: Measurement | null
  readonly http: Measurement | null
  readonly batch: Measurement | null
  readonly bare: Measurement | null
}

/** Everything one run has measured. */
export interface BenchRun {
  /** Of the last minute before the run: above a few tenths, others were using the machine too. */
  readonly loadAverage: number
  readonly settings: {
    readonly rounds: number
    readonly seconds: number
    readonly httpInFlight: number
    readonly batchesInFlight: number
    readonly injected: boolean
    /** Of the journals. */
    readonly fileSystem: string
  }
  /** Null where a benchmark was not asked for. */
  readonly paper: PaperRun | null
  readonly live: LiveFigures | null
}

/** What was measured in PAPER. */
export interface PaperRun {
  readonly tuning: Readonly<Record<PeerName, PeerTuning>>
  readonly rounds: readonly Round[]
  readonly latency: {
    readonly http: Measurement
    readonly batch: Measurement
    readonly peer: Measurement
    readonly leanPeer: Measurement
  } | null
}

interface PeerTuning {
  /** The best of those tried. */
  readonly setting: PeerSetting
  readonly tried: readonly { readonly setting: PeerSetting; readonly perSecond: number }[]
}

/** One benchmark over all rounds; medians. */
export interface Figures {
  readonly tradesPerSecond: number | null
  /** One request in flight; a batch is one request. */
  readonly latencyMs: Latency | null
  readonly latencyAtLoadMs: Latency | null
  readonly cpuMicrosPerTrade: { readonly node: number; readonly server: number; readonly load: number } | null
  readonly successes: number
  readonly failures: number
  /** Successes whose profit was found equal to a direct call's. */
  readonly compared: number
}

export type Report = ReturnType<typeof summarize>

const NOTHING = { rounds: [], latency: null, tuning: null } as const

const isMeasured = (measurement: Measurement | null): measurement is Measurement => measurement !== null
const rounded = (value: number, digits: number) =>
  Number.isFinite(value) ? Number(value.toFixed(digits)) : null

/** The run in figures, as `--json` writes it. */
export function summarize(run: BenchRun) {
  const { settings, live } = run
  const { rounds, latency, tuning } = run.paper ?? NOTHING
  const column = (name: keyof Round) => rounds.map((round) => round[name]).filter(isMeasured)
  const ratioOf = (one: Measurement | null, other: Measurement | null) =>
    one === null || other === null ? null : rounded(one.perSecond / other.perSecond, 2)
  /** Of both ways into the server to one of the others, within each round. */
  const ratios = rounds.map(({ peer, leanPeer, http, batch, bare }) => ({
    http: ratioOf(http, peer),
    batch: ratioOf(batch, peer),
    toLeanPeer: { http: ratioOf(http, leanPeer), batch: ratioOf(batch, leanPeer) },
    toBareLoop: { http: ratioOf(http, bare), batch: ratioOf(batch, bare) },
  }))
  const middle = (values: readonly (number | null)[]) => {
    const known = values.filter((value) => value !== null)
    return known.length === 0 ? null : rounded(median(known), 2)
  }
  const ratioTo = (name: 'toLeanPeer' | 'toBareLoop') => ({
    http: middle(ratios.map((each) => each[name].http)),
    batch: middle(ratios.map((each) => each[name].batch)),
  })
  const peerFigures = (name: PeerName) => ({
    ...figures(column(name), latency?.[name] ?? null),
    setting: tuning?.[name].setting ?? null,
    tried: (tuning?.[name].tried ?? []).map(({ setting, perSecond }) => ({
      ...setting,
      tradesPerSecond: rounded(perSecond, 1),
    })),
  })
  const bare = figures(column('bare'), null)
  return {
    machine: {
      cores: availableParallelism(),
      cpu: cpus()[0]?.model ?? 'unknown',
      memoryGb: rounded(totalmem() / 2 ** 30, 1),
      node: process.version,
      loadAverageBefore: rounded(run.loadAverage, 2),
      platform: `${process.platform}-${process.arch}`,
    },
    settings: { ...settings, batchSize },
    paper: {
      http: figures(column('http'), latency?.http ?? null),
      batch: figures(column('batch'), latency?.batch ?? null),
    },
    peer: peerFigures('peer'),
    leanPeer: peerFigures('leanPeer'),
    live,
    ratio: {
      http: middle(ratios.map(({ http }) => http)),
      batch: middle(ratios.map(({ batch }) => batch)),
      live: live?.ratio ?? null,
      toLeanPeer: ratioTo('toLeanPeer'),
      toBareLoop: ratioTo('toBareLoop'),
    },
    bareLoop: {
      simulationsPerSecond: bare.tradesPerSecond,
      latencyAtLoadMs: bare.latencyAtLoadMs,
      cpuMicrosPerSimulation: bare.cpuMicrosPerTrade,
      successes: bare.successes,
      failures: bare.failures,
    },
    rounds: rounds.map(({ peer, leanPeer, http, batch, bare }, index) => ({
      peer: rounded(peer?.perSecond ?? Number.NaN, 1),
      leanPeer: rounded(leanPeer?.perSecond ?? Number.NaN, 1),
      http: rounded(http?.perSecond ?? Number.NaN, 1),
      batch: rounded(batch?.perSecond ?? Number.NaN, 1),
      bareLoop: rounded(bare?.perSecond ?? Number.NaN, 1),
      ratio: ratios[index],
    })),
  }
}

function figures(measurements: readonly Measurement[], single: Measurement | null): Figures {
  const middle = (pick: (measurement: Measurement) => number, digits: number) =>
    rounded(median(measurements.map(pick)), digits)
  const sum = (pick: (measurement: Measurement) => number) =>
    [...measurements, ...(single === null ? [] : [single])].reduce((total, each) => total + pick(each), 0)
  const latency = (p50: number | null, p99: number | null) =>
    p50 === null || p99 === null ? null : { p50, p99 }
  const [node, server, load] = [
    middle((each) => each.cpuMicros.node, 0),
    middle((each) => each.cpuMicros.server, 0),
    middle((each) => each.cpuMicros.load, 0),
  ]
  return {
    tradesPerSecond: middle((each) => each.perSecond, 1),
    latencyMs: single && latency(rounded(single.latencyMs.p50, 2), rounded(single.latencyMs.p99, 2)),
    latencyAtLoadMs: latency(
      middle((each) => each.latencyMs.p50, 2),
      middle((each) => each.latencyMs.p99, 2),
    ),
    cpuMicrosPerTrade: node === null || server === null || load === null ? null : { node, server, load },
    successes: sum((each) => each.successes),
    failures: sum((each) => each.failures),
    compared: sum((each) => each.compared),
  }
}
