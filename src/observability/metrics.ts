import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ChainStatus, RpcTiming, StageTiming, Totals } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { usdNumber } from '../domain/usd.ts'

/** What is read when Prometheus asks. */
export interface MetricSources {
  readonly dispatcher: {
    chains(): readonly ChainStatus[]
    totals(): ReadonlyMap<number, Totals>
    queueDepth(chainId: number): number
  }
  readonly connections: () => number
  readonly webSocketClients: () => number
}

/** One executed signal, as its stored event says. */
export interface TradeMetric {
  readonly chainId: number
  /** `filled` only for one with a profit, after gas where that is known. */
  readonly outcome: string
  readonly code: string | null
}

/**
 * Prometheus metrics of the process, `titan_` by name and in base units. No label ever holds an id, a hash or
 * what a client wrote.
 */
export interface Metrics {
  /**
   * `chain` is a configured chain's id, `unknown` for any other, `invalid` when the signal could not be read.
   */
  signalReceived(chain: string): void
  tradeStored(trade: TradeMetric): void
  stages(chainId: number, timings: readonly StageTiming[]): void
  rpcRequests(chainId: number, requests: readonly RpcTiming[]): void
  httpAnswered(route: string, status: number): void
  webSocketClosed(reason: string): void
  connectionRefused(): void
  /** A chain's thread has ended by an error. */
  threadFailed(chainId: number): void
  /** Of a chain's thread, as it measured itself; the main thread's is measured here. */
  eventLoopDelay(thread: string, seconds: number): void
  /** Where gauges come from, from now on. */
  watch(sources: MetricSources): void
  /** The text exposition. */
  text(): Promise<{ contentType: string; text: string }>
  /** Ends the measuring of the event loop. */
  close(): void
}

const STAGE_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function createMetrics({ mode, version }: { mode: Mode; version: string }): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const signals = new Counter({
    name: 'titan_signals_received_total',
    help: 'Signals received.',
    labelNames: ['chain'],
    registers,
  })
  const trades = new Counter({
    name: 'titan_trades_total',
    help: 'Executions settled, by outcome and code.',
    labelNames: ['chain', 'mode', 'outcome', 'code'],
    registers,
  })
  const foreignNonces = new Counter({
    name: 'titan_foreign_nonce_total',
    help: 'Trades whose nonce was taken by a transaction that is not of this server.',
    labelNames: ['chain'],
    registers,
  })
  const stages = new Histogram({
    name: 'titan_stage_duration_seconds',
    help: 'Time of one stage of an execution.',
    labelNames: ['stage', 'chain'],
    buckets: STAGE_BUCKETS,
    registers,
  })
  const rpc = new Histogram({
    name: 'titan_rpc_request_duration_seconds',
    help: 'Time of one JSON-RPC request.',
    labelNames: ['chain', 'endpoint', 'method', 'ok'],
    buckets: STAGE_BUCKETS,
    registers,
  })
  const http = new Counter({
    name: 'titan_http_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'status'],
    registers,
  })
  const disconnects = new Counter({
    name: 'titan_ws_disconnects_total',
    help: 'WebSocket connections closed.',
    labelNames: ['reason'],
    registers,
  })
  const refused = new Counter({
    name: 'titan_connections_refused_total',
    help: 'Connections refused at CONNECTIONS_MAX.',
    registers,
  })
  const threadErrors = new Counter({
    name: 'titan_chain_thread_errors_total',
    help: 'Ends of a chain thread by an error; it is started again each time.',
    labelNames: ['chain'],
    registers,
  })
  const delay = new Gauge({
    name: 'titan_event_loop_delay_seconds',
    help: '99th percentile of the event loop delay since it was last read.',
    labelNames: ['thread'],
    registers,
  })
  new Gauge({
    name: 'titan_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['version', 'node', 'mode'],
    registers,
  }).set({ version, node: process.version, mode }, 1)

  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()
  const watch = createGauges({ mode, registers })

  return {
    signalReceived: (chain) => signals.inc({ chain }),
    tradeStored({ chainId, outcome, code }) {
      const chain = String(chainId)
      trades.inc({ chain, mode, outcome, code: code ?? '' })
      if (code === 'DISPLACED') foreignNonces.inc({ chain })
    },
    stages(chainId, timings) {
      for (const { stage, seconds } of timings) stages.observe({ stage, chain: String(chainId) }, seconds)
    },
    rpcRequests(chainId, requests) {
      for (const { host, method, seconds, ok } of requests) {
        rpc.observe({ chain: String(chainId), endpoint: host, method, ok: String(ok) }, seconds)
      }
    },
    httpAnswered: (route, status) => http.inc({ route, status: String(status) }),
    webSocketClosed: (reason) => disconnects.inc({ reason }),
    connectionRefused: () => refused.inc(),
    threadFailed: (chainId) => threadErrors.inc({ chain: String(chainId) }),
    eventLoopDelay: (thread, seconds) => delay.set({ thread }, seconds),
    watch,
    async text() {
      delay.set({ thread: 'main' }, loop.percentile(99) / 1e9)
      loop.reset()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    close: () => void loop.disable(),
  }
}

/** Gauges that are read from their source at each scrape. */
function createGauges({ mode, registers }: { mode: Mode; registers: Registry[] }) {
  let sources: MetricSources | null = null
  const gauge = (
    name: string,
    help: string,
    labelNames: string[],
    read: (from: MetricSources, to: Gauge) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        if (sources !== null) read(sources, this)
      },
    })

  gauge(
    'titan_pnl_usd',
    'Net and claimed profit of all journaled trades.',
    ['chain', 'mode', 'kind'],
    (from, to) => {
      for (const [chainId, totals] of from.dispatcher.totals()) {
        const chain = String(chainId)
        to.set({ chain, mode, kind: 'net' }, usdNumber(totals.profitUsdE8))
        to.set({ chain, mode, kind: 'expected' }, totals.expectedProfitUsd)
      }
    },
  )
  gauge(
    'titan_unpriced_trades',
    'Executed trades without a known price; they are in no sum of profits.',
    ['chain', 'mode'],
    (from, to) => {
      for (const [chainId, { unpriced }] of from.dispatcher.totals())
        to.set({ chain: String(chainId), mode }, unpriced)
    },
  )
  gauge(
    'titan_gas_native',
    'Gas of a chain in whole native coins: spent within the hour, at stake in what is in flight, left, and allowed.',
    ['chain', 'purpose', 'kind'],
    (from, to) => {
      for (const { chainId, gas } of from.dispatcher.chains())
        for (const [purpose, report] of Object.entries(gas ?? {})) {
          const set = (kind: string, wei: string) =>
            to.set({ chain: String(chainId), purpose, kind }, Number(wei) / 1e18)
          set('spent', report.spentLastHourWei)
          set('at_stake', report.atStakeWei)
          set('left', report.leftWei)
          set('allowed', report.allowanceWei)
        }
    },
  )
  gauge('titan_head_age_seconds', 'Age of the newest block when last seen.', ['chain'], (from, to) => {
    for (const { chainId, headAgeMs } of from.dispatcher.chains()) {
      if (headAgeMs !== null) to.set({ chain: String(chainId) }, headAgeMs / 1000)
    }
  })
  gauge(
    'titan_rpc_endpoint_state',
    '1 for the state an RPC endpoint is in.',
    ['chain', 'endpoint', 'state'],
    (from, to) => {
      for (const { chainId, endpoints } of from.dispatcher.chains())
        for (const { host, state } of endpoints) to.set({ chain: String(chainId), endpoint: host, state }, 1)
    },
  )
  gauge(
    'titan_rpc_endpoint_head',
    'Number of the newest block an RPC endpoint has shown.',
    ['chain', 'endpoint'],
    (from, to) => {
      for (const { chainId, endpoints } of from.dispatcher.chains())
        for (const { host, head } of endpoints)
          if (head !== null) to.set({ chain: String(chainId), endpoint: host }, head)
    },
  )
  gauge('titan_chain_ready', '1 when the chain takes signals.', ['chain'], (from, to) => {
    for (const { chainId, state } of from.dispatcher.chains()) {
      to.set({ chain: String(chainId) }, state === 'ready' ? 1 : 0)
    }
  })
  gauge('titan_chain_paused', '1 while the operator has paused the chain.', ['chain'], (from, to) => {
    for (const { chainId, paused } of from.dispatcher.chains())
      to.set({ chain: String(chainId) }, paused === null ? 0 : 1)
  })
  gauge('titan_lane_paused', '1 while the lane takes no trades.', ['chain', 'lane'], (from, to) => {
    for (const { chainId, lanes } of from.dispatcher.chains())
      for (const { address, paused } of lanes)
        to.set({ chain: String(chainId), lane: address }, paused === null ? 0 : 1)
  })
  gauge(
    'titan_nonce_gap',
    'Nonces of a lane below one in use that no transaction holds.',
    ['chain', 'lane'],
    (from, to) => {
      for (const { chainId, lanes } of from.dispatcher.chains())
        for (const { address, gaps } of lanes) to.set({ chain: String(chainId), lane: address }, gaps.length)
    },
  )
  gauge(
    'titan_lane_in_flight',
    'Transactions of a lane that are not settled.',
    ['chain', 'lane'],
    (from, to) => {
      for (const { chainId, lanes } of from.dispatcher.chains())
        for (const { address, inFlight } of lanes) to.set({ chain: String(chainId), lane: address }, inFlight)
    },
  )
  gauge('titan_queue_depth', 'Signals of a chain that wait or run.', ['chain'], (from, to) => {
    for (const { chainId } of from.dispatcher.chains()) {
      to.set({ chain: String(chainId) }, from.dispatcher.queueDepth(chainId))
    }
  })
  gauge('titan_connections', 'Open client connections, HTTP and WebSocket.', [], (from, to) =>
    to.set(from.connections()),
  )
  gauge('titan_ws_clients', 'Open WebSocket connections.', [], (from, to) => to.set(from.webSocketClients()))

  return (next: MetricSources) => {
    sources = next
  }
}
