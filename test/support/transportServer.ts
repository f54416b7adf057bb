import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CHAINS } from '../../src/config/chains.ts'
import type { Config } from '../../src/config/config.ts'
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts'
import { missingChain } from '../../src/dispatch/missingChain.ts'
import type { Answer, ChainStatus, ControlEntry, OutboxEvent, Totals } from '../../src/dispatch/protocol.ts'
import type { Signal } from '../../src/domain/signal.ts'
import { succeed } from '../../src/errors/failure.ts'
import type { EventIntake } from '../../src/eventlog/eventLog.ts'
import { createMetrics } from '../../src/observability/metrics.ts'
import { openSignalCounts } from '../../src/observability/signalCounts.ts'
import { createServer } from '../../src/server/server.ts'
import { loadUws } from '../../src/server/uws/loadUws.ts'
import { refusal } from '../../src/wire/encodeFailure.ts'
import { openTestLog } from './testLog.ts'

/**
 * The real front-end and event log in front of a dispatcher that says back what it was given, for tests of
 * the transport alone: chains 1 and 8453 are ready. A signal with `expected_profit` -1 makes it throw, one
 * with `wait` "none" is answered with 202; `hold` keeps answers until `release`.
 */
export async function startTransportServer(
  options: Partial<Omit<Parameters<typeof createServer>[0], 'config' | 'events'>> & {
    config?: Partial<Config>
    events?: Awaited<ReturnType<typeof openTestLog>>
  } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'titan-transport-'))
  const events = options.events ?? (await openTestLog({ path: join(folder, 'events.sqlite') }))
  const dispatcher = createEchoDispatcher(events)
  const counts = openSignalCounts({ path: join(folder, 'signals.json'), onError: () => undefined })
  const metrics = createMetrics({ mode: 'PAPER', version: '0.0.0' })
  const logged: object[] = []
  const debugged: object[] = []
  const log = (facts: object) => void logged.push(facts)
  const config = {
    mode: 'PAPER',
    host: '127.0.0.1',
    port: 0,
    chains: CHAINS.filter(({ chainId }) => chainId === 1 || chainId === 8453).map((chain) => ({
      ...chain,
      endpoints: [],
      relays: [],
      sendOnly: [],
      headAgeIsSet: false,
      executor: null,
    })),
    allowedHosts: ['localhost', '127.0.0.1', '[::1]'],
    allowedOrigins: ['https://brain.example'],
    connectionsMax: 12_000,
    ...options.config,
  } satisfies Partial<Config>
  const server = createServer({
    uws: loadUws(),
    dispatcher,
    events,
    counts,
    metrics,
    startedAtMs: Date.now(),
    logger: {
      isLevelEnabled: () => true,
      debug: (facts) => void debugged.push(facts),
      warn: log,
      error: log,
    },
    ...options,
    config,
  })
  let stopped: Promise<void> | null = null
  const stop = () => {
    stopped ??= server.stop().then(async () => {
      await counts.close()
      await events.close()
      metrics.close()
      rmSync(folder, { recursive: true })
    })
    return stopped
  }
  const { port } = await server.listen().catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}/`,
    dispatcher,
    events,
    logged,
    debugged,
    drain: server.drain,
    stop,
  }
}

export type TransportServer = Awaited<ReturnType<typeof startTransportServer>>

function createEchoDispatcher(events: EventIntake) {
  const statusListeners: ((status: ChainStatus) => void)[] = []
  const held: (() => void)[] = []
  const inFlight = new Map<string, number>()
  let unheard: readonly number[] = []
  const totals = new Map<number, Totals>()
  const given: ControlEntry[] = []
  const outboxIds = new Map<number, number>()
  let holding = false
  /** Says back the command as one that was carried out. */
  const control: Dispatcher['control'] = async (_chainId, request) => {
    if ('newest' in request) return succeed(given.slice(0, request.newest))
    const { command, reason, by } = request.order
    const entry = {
      id: given.length + 1,
      atMs: 1_900_000_000_000 + given.length,
      action: command.action,
      lane: 'lane' in command ? command.lane : null,
      signalId: 'signalId' in command ? command.signalId : null,
      reason,
      by,
      outcome: 'applied',
      code: null,
      sentence: 'Done.',
      doneAtMs: 1_900_000_000_500,
    } satisfies ControlEntry
    given.unshift(entry)
    return succeed([entry])
  }
  const dispatcher: Dispatcher = {
    submit(kind, signal, settle) {
      if (signal.expectedProfitUsd === -1) throw new Error('a bug')
      const { chainId } = signal
      if (chainId !== 1 && chainId !== 8453)
        return settle(
          refusal({ failure: missingChain(CHAINS, chainId), mode: 'PAPER', signalId: signal.signalId }),
        )
      const answer = () => {
        if (kind === 'execute') record(signal)
        inFlight.delete(signal.signalId)
        settle(echo(signal))
      }
      if (kind === 'execute') inFlight.set(signal.signalId, chainId)
      if (holding) held.push(answer)
      else answer()
    },
    chains: () => [chainStatus(1), chainStatus(8453)],
    totals: () => totals,
    inFlight: (signalId) => inFlight.get(signalId) ?? null,
    unheard: () => unheard.map(chainStatus),
    mayKnow: (signalId) => inFlight.has(signalId) || events.mayKnow(signalId),
    chainOf: async (signalId) => inFlight.get(signalId) ?? (await events.chainOf(signalId)),
    control,
    queueDepth: () => held.length,
    onStatus: (listener) => void statusListeners.push(listener),
  }

  function record({ chainId, signalId, expectedProfitUsd }: Signal) {
    const before = totals.get(chainId)
    totals.set(chainId, {
      totalSignals: (before?.totalSignals ?? 0) + 1,
      executed: 0,
      paperExecuted: (before?.paperExecuted ?? 0) + 1,
      failed: 0,
      unpriced: 0,
      profitUsdE8: (before?.profitUsdE8 ?? 0n) + 123_456_789n,
      expectedProfitUsd: (before?.expectedProfitUsd ?? 0) + expectedProfitUsd,
    })
    publish({ chainId, signalId, type: 'paper_execution', outcome: 'filled' })
  }

  function publish({
    chainId,
    signalId,
    type,
    outcome,
    code = null,
  }: Pick<OutboxEvent, 'signalId' | 'type' | 'outcome'> & { chainId: number; code?: string | null }) {
    const outboxId = (outboxIds.get(chainId) ?? 0) + 1
    outboxIds.set(chainId, outboxId)
    const json = JSON.stringify({ type, signal: { signal_id: signalId, chainId } })
    const event = { outboxId, signalId, type, outcome, code, timestampMs: Date.now(), json }
    events.append(chainId, [event])
  }

  return {
    ...dispatcher,
    hold() {
      holding = true
    },
    /** The oldest ones, or all that are held, and all that come. */
    release(count = Number.POSITIVE_INFINITY) {
      if (count === Number.POSITIVE_INFINITY) holding = false
      for (const answer of held.splice(0, count)) answer()
    },
    /** The chains whose journal was not heard yet. */
    unhear(chainIds: readonly number[]) {
      unheard = chainIds
    },
    /** An event as a chain's thread would send it. */
    publish,
    announce(status: Partial<ChainStatus> & { chainId: number }) {
      for (const listener of statusListeners) listener({ ...chainStatus(status.chainId), ...status })
    },
  }
}

const echo = (signal: Signal): Answer => ({
  success: true,
  httpStatus: signal.wait === 'none' ? 202 : 200,
  body: JSON.stringify({
    success: true,
    signal_id: signal.signalId,
    chainId: signal.chainId,
    amount: String(signal.loanAmount),
    expected_profit: signal.expectedProfitUsd,
  }),
  replayed: signal.signalId === 'seen-before',
})

const chainStatus = (chainId: number): ChainStatus => ({
  chainId,
  name: `Chain ${chainId}`,
  state: 'ready',
  reason: null,
  head: 7,
  headAgeMs: 1_250,
  stale: null,
  devnet: true,
  paused: null,
  devnetRpc: null,
  executor: null,
  flashSources: [1, 2],
  notes: [],
  endpoints: chainId === 8453 ? [ENDPOINT] : [],
  lanes: chainId === 8453 ? [LANE] : [],
  gas: chainId === 8453 ? GAS : null,
})

const ENDPOINT = {
  host: 'node.example',
  state: 'behind',
  healthy: true,
  head: 4_711,
  headAgeMs: 31_000,
  behind: { blocks: 12, seconds: 29 },
  clientVersion: null,
  latencyMs: 3.25,
  lastError: null,
} as const

const GAS = {
  trades: {
    allowanceWei: '500000000000000000',
    spentLastHourWei: '120000000000000000',
    atStakeWei: '30000000000000000',
    leftWei: '350000000000000000',
  },
  repairs: {
    allowanceWei: '100000000000000000',
    spentLastHourWei: '4000000000000000',
    atStakeWei: '0',
    leftWei: '96000000000000000',
  },
}

const LANE = {
  address: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48',
  nonce: 43,
  inFlight: 3,
  cap: 4,
  paused: null,
  gaps: [40, 41],
}
