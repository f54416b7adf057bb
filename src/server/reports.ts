import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { ChainStatus, Totals } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { usdNumber } from '../domain/usd.ts'
import type { SignalCounts, UnrecordedSignals } from '../observability/signalCounts.ts'
import { chainStatusFields } from '../wire/encodeChainStatus.ts'

/** What the reports are made of; read at each request. */
export interface ReportSources {
  readonly mode: Mode
  readonly startedAtMs: number
  readonly dispatcher: Pick<Dispatcher, 'chains' | 'totals' | 'queueDepth'>
  /** Of the signals that the chains' journals do not have; since those began, as their totals are. */
  readonly counts: Pick<SignalCounts, 'of' | 'sum'>
  readonly draining: () => boolean
  /** Why executed trades cannot be put into the event log; null while they can. */
  readonly logProblem: () => string | null
  readonly webSocketClients: () => number
}

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy' | 'starting' | 'paused' | 'draining'

/**
 * The state of all chains and the event log in one word: `healthy` when some chains are ready and nothing is
 * wrong, `degraded` when some are ready and some unavailable or stale or the log cannot be written,
 * `unhealthy` when none is ready and something is wrong, `starting` before the first is ready or has failed,
 * `paused` when all that are ready are paused by the operator.
 */
export function healthStatus(
  chains: readonly ChainStatus[],
  { draining, logProblem }: { draining: boolean; logProblem: string | null },
): HealthStatus {
  if (draining) return 'draining'
  const ready = chains.some(takesSignals)
  const wrong = logProblem !== null || chains.some(isWrong)
  if (wrong) return ready ? 'degraded' : 'unhealthy'
  if (ready) return 'healthy'
  return chains.some(({ paused }) => paused !== null) ? 'paused' : 'starting'
}

/** The body of `GET /health`; `verbose` adds each chain's status. */
export function health(sources: ReportSources, verbose: boolean): object {
  const chains = sources.dispatcher.chains()
  return {
    status: healthStatus(chains, { draining: sources.draining(), logProblem: sources.logProblem() }),
    mode: sources.mode,
    chains: chains.length,
    uptime: uptimeS(sources),
    stats: counters(sources),
    ...(verbose && {
      chain_status: chains.map((chain) =>
        chainStatusFields(chain, { queueDepth: sources.dispatcher.queueDepth(chain.chainId) }),
      ),
    }),
  }
}

/** The body of `GET /stats`: sums over all chains, and the same per chain. */
export function stats(sources: ReportSources): object {
  const { counts, dispatcher, mode } = sources
  const perChain = [...dispatcher.totals()].map(([chainId, totals]) => [
    chainId,
    report(totals, counts.of(chainId)),
  ])
  return {
    ...summary(sources),
    mode,
    connected_clients: sources.webSocketClients(),
    providers: dispatcher.chains().length,
    uptime: uptimeS(sources),
    per_chain: Object.fromEntries(perChain),
  }
}

/** The `stats` of `GET /health` and of the `connected` message. */
export function counters(sources: Pick<ReportSources, 'dispatcher' | 'counts'>): object {
  const { total_signals, executed, failed, paper_executed } = summary(sources)
  return { total_signals, executed, failed, paper_executed }
}

export interface Readiness {
  readonly ready: boolean
  readonly body: object
}

/**
 * `GET /readyz`: ready while signals are taken, at least one chain can work on them, and what they did can be
 * told.
 */
export function readiness(sources: ReportSources, verbose: boolean): Readiness {
  const chains = sources.dispatcher.chains()
  const draining = sources.draining()
  const logProblem = sources.logProblem()
  const readyChains = chains.filter(takesSignals).length
  const ready = !draining && logProblem === null && readyChains > 0
  const checks = chains.map(({ chainId, name, state, reason, stale, paused }) => ({
    chainId,
    name,
    state,
    reason: reason ?? stale,
    paused,
  }))
  return {
    ready,
    body: {
      ready,
      status: healthStatus(chains, { draining, logProblem }),
      ...(logProblem !== null && { reason: logProblem }),
      chains_ready: readyChains,
      chains: chains.length,
      ...(verbose && { checks }),
    },
  }
}

const takesSignals = ({ state, stale, paused }: ChainStatus) =>
  state === 'ready' && stale === null && paused === null

const isWrong = ({ state, stale }: ChainStatus) =>
  state === 'unavailable' || (state === 'ready' && stale !== null)

const uptimeS = ({ startedAtMs }: ReportSources) => (Date.now() - startedAtMs) / 1000

/** Of all chains. */
const summary = ({ dispatcher, counts }: Pick<ReportSources, 'dispatcher' | 'counts'>) =>
  report(sum([...dispatcher.totals().values()]), counts.sum())

function sum(totals: readonly Totals[]): Totals {
  return totals.reduce(
    (all, each) => ({
      totalSignals: all.totalSignals + each.totalSignals,
      executed: all.executed + each.executed,
      paperExecuted: all.paperExecuted + each.paperExecuted,
      failed: all.failed + each.failed,
      unpriced: all.unpriced + each.unpriced,
      profitUsdE8: all.profitUsdE8 + each.profitUsdE8,
      expectedProfitUsd: all.expectedProfitUsd + each.expectedProfitUsd,
    }),
    {
      totalSignals: 0,
      executed: 0,
      paperExecuted: 0,
      failed: 0,
      unpriced: 0,
      profitUsdE8: 0n,
      expectedProfitUsd: 0,
    },
  )
}

/**
 * `total_signals` are those received: `recorded` in a journal, `refused`, and `repeated` under an id that has
 * a record. What is on its way in PAPER is counted when it is answered.
 */
const report = (totals: Totals, { refused, repeated }: UnrecordedSignals) => ({
  total_signals: totals.totalSignals + refused + repeated,
  recorded: totals.totalSignals,
  refused,
  repeated,
  executed: totals.executed,
  paper_executed: totals.paperExecuted,
  failed: totals.failed,
  unpriced: totals.unpriced,
  total_profit: usdNumber(totals.profitUsdE8),
  total_expected_profit: totals.expectedProfitUsd,
})
