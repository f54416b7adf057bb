import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js'
import { STATUS_CODES } from 'node:http'
import { LIMITS } from '../config/limits.ts'
import type { Mode } from '../domain/mode.ts'
import type { Failure } from '../errors/failure.ts'
import type { Metrics } from '../observability/metrics.ts'
import { NO_SIGNAL_HEADERS, type SignalHeaders } from '../wire/decodeSignal.ts'
import { type Admission, PREFLIGHT_HEADERS, refuseMediaType } from './admission.ts'
import type { BodyReader } from './bodyReader.ts'
import { findPath } from './endpoints.ts'
import type { Handle } from './handle.ts'
import { problemReply, type ServerReply } from './httpMessage.ts'
import type { UnreadBytes } from './unreadBytes.ts'

const NO_BODY = Buffer.alloc(0)

/**
 * Puts the handler behind uWebSockets.js, whose rules are: `onAborted` before anything else, `req` only until
 * the first return to the loop, nothing done to `res` after its end or abort, writes inside `cork`, and no
 * exception ever (it would end the process).
 */
export function attachHttp({
  app,
  mode,
  admission,
  bodies,
  unread,
  handle,
  answerBug,
  metrics,
}: {
  app: TemplatedApp
  mode: Mode
  admission: Admission
  bodies: BodyReader
  /** Of all clients. */
  unread: UnreadBytes
  handle: Handle
  answerBug: (error: unknown) => ServerReply
  metrics: Metrics
}): void {
  app.any('/*', (res, req) => {
    let open = true
    let answered = false
    let reading: { abandon(): void } | null = null
    let writing: { abandon(): void } | null = null
    res.onAborted(() => {
      open = false
      reading?.abandon()
      writing?.abandon()
    })
    const head = { host: req.getHeader('host'), origin: req.getHeader('origin') }
    const method = req.getCaseSensitiveMethod()
    const path = req.getUrl()

    function respond(reply: ServerReply, close = false) {
      if (answered) return
      answered = true
      metrics.httpAnswered(findPath(path) ?? 'unknown', reply.status)
      if (!open) return
      const allowed = admission.corsHeaders(head)
      const cors = method === 'OPTIONS' && allowed.length > 0 ? [...allowed, ...PREFLIGHT_HEADERS] : allowed
      if (method === 'HEAD' || reply.body === '' || close)
        res.cork(() => write({ res, reply, cors, method, close }))
      else writing = writeAsTaken({ res, reply, cors, unread })
    }
    const refuse = (failure: Failure, close = false) => respond(problemReply({ failure, mode }), close)

    try {
      const refusal = admission.refusal(head)
      if (refusal !== null) return refuse(refusal)
      const request = {
        method,
        path,
        query: req.getQuery() ?? '', // undefined without a question mark, whatever its type says
        accept: req.getHeader('accept'),
        signalHeaders: NO_SIGNAL_HEADERS,
        source: path.startsWith('/control/') ? readSource(res, req) : null,
        body: NO_BODY,
      }
      if (method !== 'POST' || findPath(path) === null) return handle(request, respond)
      const badType = refuseMediaType(mediaType(req))
      if (badType !== null) return refuse(badType)
      const signalHeaders = readSignalHeaders(req)
      reading = bodies.read({
        res,
        declaredBytes: Number(req.getHeader('content-length')),
        bytesMax: findPath(path) === '/execute/batch' ? LIMITS.batchBytesMax : LIMITS.signalBytesMax,
        onBody: (body) => handle({ ...request, signalHeaders, body }, respond),
        onRefused: (reason) => refuse(reason, true),
      })
    } catch (error) {
      respond(answerBug(error))
    }
  })
}

/** Headers by which a proxy says that it passes a request on. */
const FORWARDING_HEADER =
  /^(x-forwarded-.*|forwarded|via|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/

function readSource(res: HttpResponse, req: HttpRequest) {
  let isForwarded = false
  req.forEach((name) => {
    isForwarded ||= FORWARDING_HEADER.test(name)
  })
  return { address: Buffer.from(res.getRemoteAddressAsText()).toString(), isForwarded }
}

const mediaType = (req: HttpRequest) => ({
  contentType: req.getHeader('content-type'),
  contentEncoding: req.getHeader('content-encoding'),
})

/**
 * Each is null when absent, and joined by commas when given more than once, as RFC 9110 reads it. `getHeader`
 * would take an empty header for an absent one, and the first of two for both. Bytes that are not ASCII at
 * either end of a header are cut off by uWebSockets.js, as spaces are.
 */
export function readSignalHeaders(req: HttpRequest): SignalHeaders {
  let idempotencyKey: string | null = null
  let executionMode: string | null = null
  req.forEach((name, value) => {
    if (name === 'idempotency-key') idempotencyKey = joined(idempotencyKey, value)
    else if (name === 'execution-mode') executionMode = joined(executionMode, value)
  })
  return { idempotencyKey, executionMode }
}

const joined = (before: string | null, value: string): string =>
  before === null || before === value ? value : `${before}, ${value}`

/**
 * Writes a whole reply, for HEAD without its body; to be called where the socket is corked. `close` ends the
 * connection.
 */
export function write({
  res,
  reply,
  cors = [],
  method = 'GET',
  close = false,
}: {
  res: HttpResponse
  reply: ServerReply
  cors?: ServerReply['headers']
  method?: string
  close?: boolean
}): void {
  writeHead(res, reply, cors)
  if (method === 'HEAD') res.endWithoutBody(Buffer.byteLength(reply.body), close)
  // With a length given, even undefined, it would be written into the answer.
  else if (reply.status === 204) res.endWithoutBody()
  else res.end(reply.body, close)
}

function writeHead(res: HttpResponse, reply: ServerReply, cors: ServerReply['headers']): void {
  res.writeStatus(`${reply.status} ${STATUS_CODES[reply.status] ?? ''}`)
  if (reply.contentType !== '') res.writeHeader('Content-Type', reply.contentType)
  for (const [name, value] of reply.headers) res.writeHeader(name, value)
  for (const [name, value] of cors) res.writeHeader(name, value)
}

/**
 * Writes a reply as its client takes it: `end` would copy the rest into uWebSockets.js, out of sight, and that of every
 * answer to a client that asks on and reads none. Who leaves too much unread is cut off. `abandon` when the client has
 * left; null when it has taken all.
 */
function writeAsTaken({
  res,
  reply,
  cors,
  unread,
}: {
  res: HttpResponse
  reply: ServerReply
  cors: ServerReply['headers']
  unread: UnreadBytes
}): { abandon(): void } | null {
  const length = Buffer.byteLength(reply.body)
  let isWhole = false
  res.cork(() => {
    writeHead(res, reply, cors)
    isWhole = res.tryEnd(reply.body, length)[1]
  })
  if (isWhole) return null
  const body = Buffer.from(reply.body)
  const held = unread.add(() => res.close())
  res.onWritable((offset) => {
    const [isTaken, hasEnded] = res.tryEnd(body.subarray(offset), length)
    if (hasEnded) held.remove()
    return isTaken
  })
  // It is kept whole until its end.
  held.set(length)
  return { abandon: held.remove }
}
