import type { TemplatedApp, WebSocket } from 'uWebSockets.js'
import { randomUUID } from 'node:crypto'
import type { Answer } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES } from '../errors/codes.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { Metrics } from '../observability/metrics.ts'
import { decodeMessage, type MessageId } from '../wire/decodeMessage.ts'
import type { SignalHeaders } from '../wire/decodeSignal.ts'
import type { Admission } from './admission.ts'
import { BUG, type OnBug, reportBug } from './bug.ts'
import { readSignalHeaders, write } from './http.ts'
import { problemReply } from './httpMessage.ts'
import type { Intake } from './intake.ts'
import { parseBody } from './parseBody.ts'
import { createSendBuffer, type SendBuffer } from './sendBuffer.ts'
import type { Subscriber, Subscribers } from './subscribers.ts'
import type { UnreadBytes } from './unreadBytes.ts'

/** Close codes of our own; 1012 is "service restart" (IANA registry of RFC 6455 codes). */
const CLOSE = { restart: 1012, slowConsumer: 4008 }
const RECONNECT_AFTER_MS = 1500

interface Session {
  /** Of every signal of this connection. */
  readonly signalHeaders: SignalHeaders
  readonly sendBuffer: SendBuffer
  readonly subscriber: Subscriber
  inFlight: number
  /** Why we have closed it; null while we have not. */
  closeReason: 'restart' | 'slow_consumer' | null
}
/** uWebSockets.js wants the user data at the upgrade; the session begins at `open`. */
type UserData = { session: Session | null; readonly signalHeaders: SignalHeaders }

export interface WebSocketSide {
  /** Tells every client that the server restarts; each is closed once its signals in flight are answered. */
  announceShutdown(): void
  /** Closes who is left. */
  close(): void
}

/**
 * The WebSocket on `/`: the event stream, and signals pipelined in any number. Bad messages are answered and
 * the connection lives on.
 */
export function attachWebSocket({
  app,
  mode,
  epoch,
  admission,
  intake,
  subscribers,
  stats,
  metrics,
  messageBytesMax,
  bufferedBytesMax,
  unread,
  heartbeatMs,
  idleTimeoutS,
  onBug,
  onClosed,
}: {
  app: TemplatedApp
  mode: Mode
  epoch: () => string
  admission: Admission
  intake: Intake
  subscribers: Subscribers
  /** For the `connected` message. */
  stats: () => object
  metrics: Metrics
  messageBytesMax: number
  bufferedBytesMax: number
  /** Of all clients. */
  unread: UnreadBytes
  heartbeatMs: number
  /**
   * Seconds without a sign of life (pings are answered by every client's library) after which a socket counts
   * as dead.
   */
  idleTimeoutS: number
  onBug: OnBug
  /** A socket is gone. */
  onClosed: () => void
}): WebSocketSide {
  const sessions = new Set<Session>()
  const heartbeat = setInterval(() => subscribers.heartbeat(), heartbeatMs).unref()

  function open(socket: WebSocket<UserData>) {
    const sendBuffer = createSendBuffer({
      socket: socket as WebSocket<unknown>,
      bytesMax: bufferedBytesMax,
      unread,
      onSlow: () => {
        const sentence = `More than ${bufferedBytesMax} bytes were unread, or all clients together had too many; reconnect with from_seq.`
        session.closeReason ??= 'slow_consumer'
        // Its socket lives on until it has read what was sent, or its time to do so is over.
        subscribers.remove(session.subscriber)
        sendBuffer.send(errorText(failure('SLOW_CONSUMER', sentence), null))
        sendBuffer.close(CLOSE.slowConsumer, 'slow consumer')
      },
    })
    const subscriber = subscribers.add(sendBuffer)
    const userData = socket.getUserData()
    const { signalHeaders } = userData
    const session: Session = { signalHeaders, sendBuffer, subscriber, inFlight: 0, closeReason: null }
    sessions.add(session)
    userData.session = session
    const seq = subscriber.cursor
    sendBuffer.send(
      JSON.stringify({
        type: 'connected',
        mode,
        stats: stats(),
        session: randomUUID(),
        seq,
        epoch: epoch(),
        heartbeat_ms: heartbeatMs,
      }),
    )
    if (intake.draining() !== null) announce(session)
  }

  function receive(session: Session, data: ArrayBuffer, isBinary: boolean) {
    const refuse = (reason: Failure) => session.sendBuffer.send(errorText(reason, readId(reason)))
    if (isBinary)
      return refuse(failure('INVALID_MESSAGE', 'Binary messages are not taken; send JSON as text.'))
    const json = parseBody(Buffer.from(data))
    if (!json.ok) return refuse(failure('INVALID_MESSAGE', json.failure.sentence.replace('body', 'message')))
    const message = decodeMessage(json.value)
    if (!message.ok) return refuse(message.failure)
    const { type, id } = message.value
    switch (type) {
      case 'ping':
        return session.sendBuffer.send(JSON.stringify({ type: 'pong', id }))
      case 'subscribe':
        return subscribers.subscribe(session.subscriber, message.value)
      case 'execute':
      case 'simulate': {
        const { signal } = message.value
        session.inFlight++
        return intake.take(type, signal, session.signalHeaders, (answer) => {
          session.inFlight--
          session.sendBuffer.send(resultText(id, answer))
          if (session.inFlight === 0 && intake.draining() !== null) closeForRestart(session)
        })
      }
      default:
        return type satisfies never
    }
  }

  function announce(session: Session) {
    session.sendBuffer.send(`{"type":"shutdown","reconnect_after_ms":${RECONNECT_AFTER_MS}}`)
    if (session.inFlight === 0) closeForRestart(session)
  }

  function closeForRestart(session: Session) {
    session.closeReason ??= 'restart'
    session.sendBuffer.close(CLOSE.restart, 'restart')
  }

  app.ws<UserData>('/', {
    maxPayloadLength: messageBytesMax,
    // The send buffer bounds what is buffered, and says so before it closes.
    maxBackpressure: 0,
    idleTimeout: idleTimeoutS,
    sendPingsAutomatically: true,
    upgrade(res, req, context) {
      const refusal =
        admission.refusal({ host: req.getHeader('host'), origin: req.getHeader('origin') }) ??
        intake.draining()
      if (refusal !== null) return write({ res, reply: problemReply({ failure: refusal, mode }) })
      res.upgrade<UserData>(
        // A connection has one mode; a key would name all its signals alike.
        { session: null, signalHeaders: { ...readSignalHeaders(req), idempotencyKey: null } },
        req.getHeader('sec-websocket-key'),
        req.getHeader('sec-websocket-protocol'),
        req.getHeader('sec-websocket-extensions'),
        context,
      )
    },
    open,
    message(socket, data, isBinary) {
      const { session } = socket.getUserData()
      if (session === null || !session.sendBuffer.isOpen()) return
      try {
        receive(session, data, isBinary)
      } catch (error) {
        session.sendBuffer.send(errorText(BUG, null, reportBug(error, onBug)))
      }
    },
    drain(socket) {
      const { session } = socket.getUserData()
      if (session === null) return
      session.sendBuffer.drained()
      subscribers.drained(session.subscriber)
    },
    close(socket, code) {
      onClosed()
      const { session } = socket.getUserData()
      if (session === null) return
      session.sendBuffer.closed()
      subscribers.remove(session.subscriber)
      sessions.delete(session)
      metrics.webSocketClosed(session.closeReason ?? describeClose(code))
    },
  })

  return {
    announceShutdown() {
      for (const session of sessions) announce(session)
    },
    close() {
      clearInterval(heartbeat)
      for (const session of sessions) closeForRestart(session)
    },
  }
}

function resultText(id: MessageId, { body, replayed }: Answer): string {
  const mark = replayed ? ',"replayed":true' : ''
  return `{"type":"execution_result","id":${JSON.stringify(id)}${mark},"result":${body}}`
}

function errorText({ code, sentence, hint }: Failure, id: MessageId, traceId: string | null = null): string {
  return JSON.stringify({
    type: 'error',
    id,
    code,
    error: sentence,
    hint: hint ?? CODES[code].fix,
    ...(traceId !== null && { trace_id: traceId }),
  })
}

function readId({ facts }: Failure): MessageId {
  return typeof facts.id === 'string' || typeof facts.id === 'number' ? facts.id : null
}

/** A closed set of words, since the code is what the client chose to send. */
function describeClose(code: number): string {
  if (code === 1000 || code === 1001 || code === 1005) return 'client'
  return code === 1006 ? 'lost' : 'protocol'
}
