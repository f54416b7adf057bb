import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../devnet/packageRoot.ts'
import { type Devnet, startDevnet } from '../devnet/startDevnet.ts'
import type { Config } from './config/config.ts'
import { readEnvironment } from './config/env.ts'
import { loadConfig } from './config/loadConfig.ts'
import { missingChain } from './config/missingChain.ts'
import { settingText } from './config/settingText.ts'
import { withDevnet } from './config/withDevnet.ts'
import { createPiscinaDispatcher } from './dispatch/piscinaDispatcher.ts'
import { StartError } from './errors/startError.ts'
import { thrownFacts } from './errors/thrown.ts'
import type { EventLog } from './eventlog/eventLog.ts'
import { openSqliteEventLog } from './eventlog/sqliteEventLog.ts'
import { createChainStateLog } from './observability/chainStateLog.ts'
import { createEndpointStateLog } from './observability/endpointStateLog.ts'
import { createLogger, type Logger } from './observability/logger.ts'
import { createMetrics } from './observability/metrics.ts'
import { openSignalCounts } from './observability/signalCounts.ts'
import { banner } from './server/banner.ts'
import { assertPortFree } from './server/portTaken.ts'
import { createServer } from './server/server.ts'
import { loadUws } from './server/uws/loadUws.ts'
import { refusal } from './wire/encodeFailure.ts'

/**
 * The end of a stop that is kept for the chain threads to close: as much of it as this, and at most so long.
 */
const CLOSE_SHARE = 0.3
const CLOSE_MS_MAX = 2_500
/** For sockets, event log and devnet; what hangs after that is ended with the process. */
const LAST_MS = 750
/** Signals that come within this time are one. */
const TOGETHER_MS = 1_000
/** In a row, of one chain. */
const DEVNET_RESTARTS_MAX = 5
/** Bundled in production, the source in tests. */
const THREAD_FILE = fileURLToPath(
  import.meta.url.endsWith('.ts')
    ? new URL('../workers/chain.ts', import.meta.url)
    : new URL('./workers/chain.js', import.meta.url),
)

/**
 * From configuration to an open port, and the orderly stop: each part is stopped in the reverse order of its
 * start.
 */
async function start(): Promise<void> {
  const startedAtMs = Date.now()
  const config = loadConfig(readEnvironment())
  const { mode } = config
  const logger = createLogger({ level: config.logLevel, thread: 'main' })
  if (mode === 'LIVE') {
    // A key that is none must stop the start; the chain threads read their own and are the only ones that
    // keep them.
    const [{ loadKeys }, { createRelayIdentity }] = await Promise.all([
      import('./lanes/keys.ts'),
      import('./broadcast/relaySignature.ts'),
    ])
    const environment = readEnvironment()
    const { keys } = await loadKeys(environment)
    createRelayIdentity({
      authKey: settingText(environment.RELAY_AUTH_KEY),
      laneAddresses: keys.map(({ address }) => address),
    })
  }
  for (const warning of config.warnings) logger.warn(warning)

  // Play money has a folder of its own: its figures must never mix with those of real chains.
  const dataDir = join(config.dataDir, config.embeddedDevnet ? 'devnet' : mode.toLowerCase())
  await assertPortFree(config)
  const devnet = config.embeddedDevnet ? await startEmbeddedDevnet({ config, logger }) : null
  // After what most often fails, so that no empty data folder is left behind; the devnet ends with the
  // process.
  const events = openEvents({ dataDir, logger })
  const counts = openSignalCounts({
    path: join(dataDir, 'signals.json'),
    onError: (error) =>
      logger.error({ err: error }, 'The counts of refused and repeated signals are not kept.'),
  })
  const metrics = createMetrics({ mode, version: packageVersion() })
  const chains = devnet === null ? config.chains : withDevnet(config.chains, devnet.chains)

  const dispatcher = createPiscinaDispatcher({
    mode,
    threads: chains.map((chain) => ({
      mode,
      chain,
      embeddedDevnet: config.embeddedDevnet,
      dataDir,
      rpcTimeoutMs: config.rpcTimeoutMs,
      live: config.live,
      queueMax: config.queueMax,
      logLevel: config.logLevel,
    })),
    threadFile: THREAD_FILE,
    queueMax: config.queueMax,
    index: events,
    refuse: (failure, { signalId }) => refusal({ failure, mode, signalId }),
    missingChain,
    events: {
      onEvents: events.append,
      onStages: metrics.stages,
      onRpc: metrics.rpcRequests,
      onThreadLost(chainId, lostSignals) {
        if (lostSignals > 0)
          logger.error(
            { chainId, lostSignals },
            'Signals were lost with the thread of their chain; each was told so.',
          )
      },
      onThreadError(chainId, error) {
        metrics.threadFailed(chainId)
        logger.fatal(
          { chainId, ...thrownFacts(error) },
          'The thread of a chain has ended; it is started again.',
        )
      },
      onEventLoopDelay: (chainId, seconds) => metrics.eventLoopDelay(`chain-${chainId}`, seconds),
    },
  })
  dispatcher.onStatus(createChainStateLog(logger))
  dispatcher.onStatus(createEndpointStateLog({ logger }))
  events.onStored((stored) => {
    const highest = new Map(stored.map(({ chainId, outboxId }) => [chainId, outboxId]))
    for (const [chainId, outboxId] of highest) dispatcher.stored(chainId, outboxId)
  })

  const server = createServer({
    uws: loadUws(),
    config: { ...config, chains },
    dispatcher,
    events,
    counts,
    metrics,
    startedAtMs,
    logger,
  })

  /** The server stays open until the chain threads have closed: their last answers still have to leave. */
  async function stop(): Promise<void> {
    const closeMs = Math.min(config.drainMs * CLOSE_SHARE, CLOSE_MS_MAX)
    server.drain()
    await dispatcher.stop({ drainMs: config.drainMs - closeMs - LAST_MS, closeMs })
    await server.stop()
    await counts.close()
    events.close()
    metrics.close()
    await devnet?.stop()
  }

  try {
    // Who reaches the port finds chains that are ready, or that say why they are not; a node that hangs holds
    // up its own chain only.
    await dispatcher.probed()
    const { host, port } = await server.listen()
    const executor = chains.find((chain) => chain.executor !== null)?.executor ?? null
    process.stdout.write(`${banner({ mode, host, port, chains: chains.length, executor })}\n`)
  } catch (error) {
    await stop()
    throw error
  }
  onFirstSignal(() => {
    logger.info('Stopping: no new signals, answering what runs.')
    setTimeout(() => {
      logger.error(`The stop has not ended within ${config.drainMs} ms.`)
      process.exit(1)
    }, config.drainMs + LAST_MS)
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.fatal({ err: error }, 'The stop failed.')
        process.exit(1)
      },
    )
  })
}

function openEvents({ dataDir, logger }: { dataDir: string; logger: Logger }): EventLog {
  try {
    return openSqliteEventLog({
      path: join(dataDir, 'events.sqlite'),
      onFlushError: (error) =>
        logger.error({ err: error }, 'The event log cannot be written; it is tried again.'),
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError([`The journal cannot be opened: ${why}. Correct DATA_DIR or end the other process.`])
  }
}

async function startEmbeddedDevnet({ config, logger }: { config: Config; logger: Logger }): Promise<Devnet> {
  try {
    return await startDevnet({
      chainIds: config.chains.map(({ chainId }) => chainId),
      restartsMax: DEVNET_RESTARTS_MAX,
      onExit: (exit) => logger.error(exit, 'A devnet node ended; it is started again.'),
      onRestart(restart) {
        if (restart.ok)
          logger.warn(restart, 'The devnet node runs again, as a fresh chain: what was done on it is gone.')
        else logger.error(restart, 'The devnet node could not be started again; its chain stays unavailable.')
      },
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError([`No RPC_* is set, and the devnet cannot start: ${why}`])
  }
}

/**
 * The first SIGINT or SIGTERM stops in order. One that comes with it is the same wish: terminals and process
 * managers signal a whole group, and a launcher in it hands its own on. A later one ends the process at once.
 */
function onFirstSignal(stop: () => void): void {
  let stoppingSinceMs: number | null = null
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stoppingSinceMs === null) {
        stoppingSinceMs = performance.now()
        stop()
      } else if (performance.now() - stoppingSinceMs > TOGETHER_MS) process.exit(130)
    })
  }
}

function packageVersion(): string {
  return String(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).version)
}

start().catch((error: unknown) => {
  if (!(error instanceof StartError)) throw error
  process.stderr.write(`${error.problems.map((problem) => `❌ ${problem}\n`).join('')}`)
  process.exit(3)
})
