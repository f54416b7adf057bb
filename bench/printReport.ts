import type { LiveFigures } from './live.ts'
import type { Injected } from './liveInjected.ts'
import type { Landed } from './liveLanded.ts'
import type { Latency } from './load.ts'
import type { Figures, Report } from './report.ts'

/** The report as a table for people, on stdout. */
export function printReport(report: Report): void {
  const { machine, settings, paper, peer, leanPeer, ratio, bareLoop, live } = report
  const rows: string[][] = [
    [
      '',
      'per second',
      'to peer',
      'to lean peer',
      'to bare loop',
      '1 in flight p50/p99',
      'at load p50/p99',
      'CPU µs node/server/load',
      'ok',
      'failed',
    ],
    row('peer (express, ethers)', peer, []),
    row('lean peer (one call)', leanPeer, []),
    row('PAPER, HTTP', paper.http, [ratio.http, ratio.toLeanPeer.http, ratio.toBareLoop.http]),
    row(`PAPER, HTTP batch of ${settings.batchSize}`, paper.batch, [
      ratio.batch,
      ratio.toLeanPeer.batch,
      ratio.toBareLoop.batch,
    ]),
    [
      'bare loop on the node',
      number(bareLoop.simulationsPerSecond),
      ...Array<string>(RATIOS).fill(''),
      '',
      pair(bareLoop.latencyAtLoadMs),
      cpu(bareLoop.cpuMicrosPerSimulation),
      `${bareLoop.successes}`,
      `${bareLoop.failures}`,
    ],
  ]
  const widths =
    rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? []
  console.log(
    `\n${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${settings.rounds} rounds of ${settings.seconds} s; load average before: ${machine.loadAverageBefore}`,
  )
  console.log(
    `Titan's executor: ${settings.injected ? 'injected' : 'deployed'}; journals on ${settings.fileSystem}; latencies in ms of whole requests\n`,
  )
  for (const cells of rows) {
    const line = cells.map((cell, column) => {
      const width = widths[column] ?? 0
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    console.log(line.join('  '))
  }
  const compared = paper.http.compared + paper.batch.compared
  if (compared > 0)
    console.log(`\n${compared} answers drawn by chance had the profit of a direct eth_call, to the unit.`)
  if (live !== null) printLive(live)
}

function printLive({ peer, injected, ...live }: LiveFigures): void {
  const losses = ({ cutSends, landed, lostNonces, stuck }: Injected) =>
    `${cutSends} sends cut: ${landed} landed, ${lostNonces} nonces lost, ${stuck} transactions stuck`
  const micros = ({ node, server }: Landed['cpuMicros']) => `${node} / ${server}`
  const lines = [
    ['LIVE, both by', `${live.transport}, ${live.laneCount} accounts each`],
    [
      "  Titan's settings",
      `LANE_IN_FLIGHT_MAX=${live.laneInFlightMax} (default), ${Object.entries(live.settings).map((pair) => pair.join('='))}`,
    ],
    ['landed per second', `${live.landedPerSecond} (${live.ratio}x), ${live.inFlight} in flight`],
    ['  peer (ethers Wallet, NonceManager)', `${peer.landedPerSecond}, ${peer.inFlight} in flight`],
    [
      'CPU µs per landed trade, node/server',
      `${micros(live.cpuMicrosPerTrade)}, the peer ${micros(peer.cpuMicrosPerTrade)}`,
    ],
    ['RPC calls per landed trade', `${live.rpcCallsPerTrade}, the peer ${peer.rpcCallsPerTrade}`],
    ['signal to acceptance p50/p99', `${pair(live.acceptanceMs)} (${live.acceptanceRatio}x bare)`],
    ['  bare simulation and send', pair(live.bareMs)],
    ['signal to inclusion p50/p99', `${pair(live.inclusionMs)} with a block every 250 ms`],
    ['under failing sends', losses(injected)],
    ['  peer', losses(peer.injected)],
  ] as const
  console.log()
  for (const [name, value] of lines) console.log(`${name.padEnd(36)}  ${value}`)
}

const number = (value: number | null) => (value === null ? '-' : value.toFixed(0))
const pair = (latency: Latency | null) => (latency === null ? '-' : `${latency.p50} / ${latency.p99}`)
const cpu = (micros: Figures['cpuMicrosPerTrade']) =>
  micros === null ? '-' : `${micros.node} / ${micros.server} / ${micros.load}`

/** Columns of ratios. */
const RATIOS = 3

function row(title: string, figures: Figures, ratios: readonly (number | null)[]): string[] {
  return [
    title,
    number(figures.tradesPerSecond),
    ...Array.from({ length: RATIOS }, (_, place) => {
      const ratio = ratios[place]
      return ratio === undefined ? '' : ratio === null ? '-' : `${ratio.toFixed(2)}x`
    }),
    pair(figures.latencyMs),
    pair(figures.latencyAtLoadMs),
    cpu(figures.cpuMicrosPerTrade),
    `${figures.successes}`,
    `${figures.failures}`,
  ]
}
