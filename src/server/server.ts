import type { us_listen_socket } from 'uWebSockets.js'
import type { Config } from '../config/config.ts'
import { bindAddresses } from '../config/hosts.ts'
import { LIMITS } from '../config/limits.ts'
import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { EventLog } from '../eventlog/eventLog.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { SignalCounts } from '../observability/signalCounts.ts'
import { createAdmission } from './admission.ts'
import { createBodyReader } from './bodyReader.ts'
import { bugAnswer, type OnBug } from './bug.ts'
import { limitConnections } from './connectionLimit.ts'
import { createControl } from './control.ts'
import { createHandle } from './handle.ts'
import { createHistory } from './history.ts'
import { attachHttp } from './http.ts'
import { answerReply } from './httpMessage.ts'
import { createIntake, type DebugLog } from './intake.ts'
import { portTaken } from './portTaken.ts'
import { counters, type ReportSources } from './reports.ts'
import { createSubscribers } from './subscribers.ts'
import { createUnreadBytes } from './unreadBytes.ts'
import type { Uws } from './uws/loadUws.ts'
import { attachWebSocket } from './websocket.ts'

export interface Server {
  /** Opens the port. Throws `StartError` when it is taken, saying what holds it. */
  listen(): Promise<{ host: string; port: number }>
  /**
   * Refuses new signals (DRAINING) and tells WebSocket clients to come back; what is in flight is answered as
   * it gets ready.
   */
  drain(): void
  /** Drains, then closes every connection and the port; the answers given so far leave before. */
  stop(): Promise<void>
}

/** The front-end: HTTP and WebSocket on one port, in front of a dispatcher and an event log. */
export function createServer({
  uws,
  config,
  dispatcher,
  events,
  counts,
  metrics,
  startedAtMs,
  logger,
  bodyTimeoutMs = LIMITS.bodyTimeoutMs,
  bodiesBytesMax = LIMITS.bodiesBytesMax,
  subscriberBytesMax = LIMITS.subscriberBytesMax,
  unreadBytesMax = LIMITS.unreadBytesMax,
  heartbeatMs = 10_000,
  idleTimeoutS = 60,
}: {
  uws: Uws
  config: Pick<
    Config,
    'mode' | 'host' | 'port' | 'chains' | 'allowedHosts' | 'allowedOrigins' | 'connectionsMax'
  >
  dispatcher: Dispatcher
  events: EventLog
  counts: SignalCounts
  metrics: Metrics
  startedAtMs: number
  logger: DebugLog & {
    warn(facts: object, message: string): void
    error(facts: object, message: string): void
  }
  bodyTimeoutMs?: number
  bodiesBytesMax?: number
  subscriberBytesMax?: number
  unreadBytesMax?: number
  heartbeatMs?: number
  idleTimeoutS?: number
}): Server {
  const { mode, host, chains } = config
  const app = uws.App()
  const admission = createAdmission(config)
  const onBug: OnBug = (err, traceId) => logger.error({ err, trace_id: traceId }, 'A bug.')
  const answerBug = (error: unknown) => answerReply(bugAnswer({ error, mode, onBug }), null)
  const intake = createIntake({
    mode,
    chainIds: chains.map(({ chainId }) => chainId),
    dispatcher,
    counts,
    metrics,
    logger,
    onBug,
  })
  const subscribers = createSubscribers({
    events,
    onStatus: dispatcher.onStatus,
    replayBytesMax: subscriberBytesMax / 16,
    onBug,
  })
  const sources: ReportSources = {
    mode,
    startedAtMs,
    dispatcher,
    counts,
    draining: () => intake.draining() !== null,
    logProblem: events.failing,
    webSocketClients: subscribers.count,
  }
  const handle = createHandle({
    intake,
    history: createHistory({ mode, events, dispatcher }),
    control: createControl({ mode, chainIds: chains.map(({ chainId }) => chainId), dispatcher }),
    sources,
    metricsText: metrics.text,
    answerBug,
  })
  const connections = limitConnections({
    app,
    mode,
    connectionsMax: config.connectionsMax,
    onRefused: metrics.connectionRefused,
    logger,
  })
  const unread = createUnreadBytes({ bytesMax: unreadBytesMax })
  const webSocket = attachWebSocket({
    app,
    mode,
    epoch: events.epoch,
    admission,
    intake,
    subscribers,
    stats: () => counters(sources),
    metrics,
    messageBytesMax: LIMITS.signalBytesMax,
    bufferedBytesMax: subscriberBytesMax,
    unread,
    heartbeatMs,
    idleTimeoutS,
    onBug,
    onClosed: connections.webSocketClosed,
  })
  const bodies = createBodyReader({
    largestBytesMax: LIMITS.batchBytesMax,
    bytesSumMax: bodiesBytesMax,
    timeoutMs: bodyTimeoutMs,
  })
  attachHttp({ app, mode, admission, bodies, unread, handle, answerBug, metrics })
  metrics.watch({ dispatcher, connections: connections.count, webSocketClients: subscribers.count })
  events.onStored((stored) => {
    for (const event of stored) if (event.type !== 'execution_update') metrics.tradeStored(event)
  })
  const listening: us_listen_socket[] = []

  /** Exclusive: without it a second process could share the port and take half of the signals. */
  function listenOn(address: string, port: number): Promise<us_listen_socket | false> {
    const listen = app.listen as unknown as (
      address: string,
      port: number,
      options: number,
      done: (socket: us_listen_socket | false) => void,
    ) => void
    return new Promise((resolve) => listen.call(app, address, port, LISTEN_EXCLUSIVE_PORT, resolve))
  }

  function drain(): void {
    if (intake.draining() !== null) return
    intake.refuseNew()
    webSocket.announceShutdown()
  }

  return {
    async listen() {
      let { port } = config
      for (const address of bindAddresses(host)) {
        const socket = await listenOn(address, port)
        if (socket === false) {
          for (const opened of listening) uws.us_listen_socket_close(opened)
          throw await portTaken(address, port)
        }
        listening.push(socket)
        port = uws.us_socket_local_port(socket)
      }
      return { host, port }
    },
    drain,
    async stop() {
      drain()
      webSocket.close()
      bodies.close()
      // Answers given in this turn are on their way to the kernel before the sockets are closed.
      await new Promise((resolve) => setTimeout(resolve, LAST_WORDS_MS))
      app.close()
    },
  }
}

/**
 * `LIBUS_LISTEN_EXCLUSIVE_PORT`, which the declaration file has as an enum that does not exist at run time.
 */
const LISTEN_EXCLUSIVE_PORT = 1
const LAST_WORDS_MS = 50
