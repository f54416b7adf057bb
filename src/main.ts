import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageRoot } from '../devnet/packageRoot.ts'
import { type Devnet, startDevnet } from '../devnet/startDevnet.ts'
import { watchParent } from '../devnet/watchParent.ts'
import { CHAINS } from './config/chains.ts'
import type { Config } from './config/config.ts'
import { LIMITS } from './config/limits.ts'
import { withDevnet } from './config/withDevnet.ts'
import { missingChain } from './dispatch/missingChain.ts'
import { createPiscinaDispatcher } from './dispatch/piscinaDispatcher.ts'
import { StartError } from './errors/startError.ts'
import { thrownFacts } from './errors/thrown.ts'
import type { EventIntake, EventLog } from './eventlog/eventLog.ts'
import { openThreadedEventLog } from './eventlog/threadedEventLog.ts'
import { createChainStateLog } from './observability/chainStateLog.ts'
import { createEndpointStateLog } from './observability/endpointStateLog.ts'
import { createLogger, type Logger } from './observability/logger.ts'
import { createMetrics } from './observability/metrics.ts'
import { openSignalCounts } from './observability/signalCounts.ts'
import { devnetSentence, eventLogPath, journalSentence, prepareStart } from './prepareStart.ts'
import { banner } from './server/banner.ts'
import { createServer } from './server/server.ts'
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
const MIB = 1024 * 1024
const DAY_MS = 86_400_000
/** Bundled in production, the source in tests. */
const threadFile = (name: string) =>
  fileURLToPath(
    import.meta.url.endsWith('.ts')
      ? new URL(`../workers/${name}.ts`, import.meta.url)
      : new URL(`./workers/${name}.js`, import.meta.url),
  )

/**
 * From configuration to an open port, and the orderly stop: each part is stopped in the reverse order of its
 * start.
 */
async function start(): Promise<void> {
  const startedAtMs = Date.now()
  const { config, secrets, dataDir, anvil, uws, warnings } = await prepareStart()
  const { mode } = config
  const logger = createLogger({ level: config.logLevel, thread: 'main' })
  for (const warning of warnings) logger.warn(warning)

  const devnet = config.embeddedDevnet ? await startEmbeddedDevnet({ config, anvil, logger }) : null
  // After what most often fails, so that no empty data folder is left behind; the devnet ends with the
  // process.
  const events = await openEvents({ config, dataDir, logger, chains: () => dispatcher })
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
      secrets,
      queueMax: config.queueMax,
      logLevel: config.logLevel,
    })),
    threadFile: threadFile('chain'),
    queueMax: config.queueMax,
    log: events,
    refuse: (failure, { signalId }) => refusal({ failure, mode, signalId }),
    missingChain: (chainId) => missingChain(CHAINS, chainId),
    events: {
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
    uws,
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
    await events.close()
    metrics.close()
    await devnet?.stop()
  }

  ends.inOrder = { logger, drainMs: config.drainMs, stop }
  try {
    // Who reaches the port finds chains that are ready, or that say why they are not; a node that hangs holds
    // up its own chain only.
    await dispatcher.probed()
    if (ends.begun) return
    const { host, port } = await server.listen()
    const executor = chains.find((chain) => chain.executor !== null)?.executor ?? null
    process.stdout.write(`${banner({ mode, host, port, chains: chains.length, executor })}\n`)
  } catch (error) {
    if (!ends.begun) await stop()
    throw error
  }
}

/** @param options.chains are asked for events that the log lacks */
async function openEvents({
  config,
  dataDir,
  logger,
  chains,
}: {
  config: Config
  dataDir: string
  logger: Logger
  chains: () => Pick<ReturnType<typeof createPiscinaDispatcher>, 'resend' | 'behind' | 'caughtUp'>
}): Promise<EventLog & EventIntake> {
  try {
    return await openThreadedEventLog({
      path: eventLogPath(dataDir),
      threadFile: threadFile('eventLog'),
      retention: { keepMs: config.eventsKeepDays * DAY_MS, keepBytes: config.eventsKeepMb * MIB },
      unstoredBytesMax: LIMITS.unstoredBytesMax,
      onTrouble: (level, sentence) => logger[level](sentence),
      onMissing: (chainId, aboveOutboxId) => chains().resend(chainId, aboveOutboxId),
      onBehind: (chainId) => chains().behind(chainId),
      onCaughtUp: (chainId) => chains().caughtUp(chainId),
    })
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new StartError([journalSentence(why)])
  }
}

async function startEmbeddedDevnet({
  config,
  anvil,
  logger,
}: {
  config: Config
  anvil: string | null
  logger: Logger
}): Promise<Devnet> {
  try {
    return await startDevnet({
      anvil,
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
    throw new StartError([devnetSentence(why)])
  }
}

/** How the process ends; `inOrder` is null until there is something to be put in order. */
const ends: {
  begun: boolean
  inOrder: { readonly logger: Logger; readonly drainMs: number; readonly stop: () => Promise<void> } | null
} = { begun: false, inOrder: null }

/** A start that is told to stop has accepted nothing yet; what it left open is closed by its end. */
function end(): void {
  ends.begun = true
  if (ends.inOrder === null) process.exit(0)
  const { logger, drainMs, stop } = ends.inOrder
  logger.info('Stopping: no new signals, answering what runs.')
  setTimeout(() => {
    logger.error(`The stop has not ended within ${drainMs} ms.`)
    process.exit(1)
  }, drainMs + LAST_MS)
  stop().then(
    () => process.exit(0),
    (error: unknown) => {
      logger.fatal({ err: error }, 'The stop failed.')
      process.exit(1)
    },
  )
}

/**
 * The first SIGINT, SIGTERM or SIGHUP stops in order. One that comes with it is the same wish: terminals and process
 * managers signal a whole group, and a launcher in it hands its own on. A later one ends the process at once.
 *
 * From the first moment, because process 1 of a container gets no signal that it does not listen to.
 */
function onSignals(): void {
  let stoppingSinceMs: number | null = null
  function wanted(): void {
    if (stoppingSinceMs === null) {
      stoppingSinceMs = performance.now()
      end()
    } else if (performance.now() - stoppingSinceMs > TOGETHER_MS) process.exit(130)
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, wanted)
  // npm and our own launcher say so: without them a server would keep port, keys and data, and nobody knew.
  if (process.argv.includes('--with-parent')) watchParent({ environment: {}, onGone: wanted })
}

function packageVersion(): string {
  return String(JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')).version)
}

onSignals()
start().catch((error: unknown) => {
  if (!(error instanceof StartError)) throw error
  process.stderr.write(`${error.problems.map((problem) => `❌ ${problem}\n`).join('')}`)
  process.exit(3)
})
