import { Pool } from 'undici'
import { type Exchange, exchangeFailure, type Transport } from './transport.ts'

/**
 * JSON-RPC over HTTP(S) with connections kept open. Redirects are not followed: they would take the URL's key
 * elsewhere.
 *
 * @param options.headersFor more headers for a body, e.g. its signature
 * @param options.onDisconnect called when the last open connection has ended
 */
export function createHttpTransport({
  url,
  connectionsMax,
  responseBytesMax,
  headersFor,
  onDisconnect = () => {},
}: {
  url: string
  connectionsMax: number
  responseBytesMax: number
  headersFor?: ((body: string) => Readonly<Record<string, string>>) | undefined
  onDisconnect?: (() => void) | undefined
}): Transport {
  const { origin, pathname, search, username, password } = new URL(url)
  // Timeouts are ours, per exchange; undici's own are switched off.
  const pool = new Pool(origin, {
    connections: connectionsMax,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 30_000,
  })
  pool.on('disconnect', () => {
    if (pool.stats.connected === 0) onDisconnect()
  })
  const fixedHeaders: Record<string, string> = { 'content-type': 'application/json' }
  if (username || password) {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    fixedHeaders.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
  }
  const path = pathname + search

  async function exchange({ body, timeoutMs }: { body: string; timeoutMs: number }): Promise<Exchange> {
    const abort = new AbortController()
    const timer = setTimeout(() => abort.abort(), timeoutMs)
    const headers = headersFor ? { ...fixedHeaders, ...headersFor(body) } : fixedHeaders
    try {
      const response = await pool.request({ path, method: 'POST', headers, body, signal: abort.signal })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > responseBytesMax) {
          return exchangeFailure('unusable', `sent more than ${responseBytesMax} bytes in one answer`)
        }
        chunks.push(chunk)
      }
      const text = chunks.length === 1 ? (chunks[0] as Buffer).toString() : Buffer.concat(chunks).toString()
      return readAnswer(response.statusCode, response.headers['retry-after'], text)
    } catch (cause) {
      if (abort.signal.aborted)
        return exchangeFailure('timeout', `did not answer within ${Math.round(timeoutMs)} ms`)
      return readCause(cause)
    } finally {
      clearTimeout(timer)
    }
  }

  return { exchange, close: () => pool.destroy() }
}

/**
 * The body is read whatever the status: some nodes refuse a call or a batch with HTTP 400 or 500 and a proper
 * error in it.
 */
function readAnswer(status: number, retryAfter: string | string[] | undefined, text: string): Exchange {
  let reply: unknown
  try {
    reply = JSON.parse(text)
  } catch {
    reply = undefined
  }
  const said = status >= 400 ? reasonIn(reply, text) : null
  const answered = `answered HTTP ${status}${said === null ? '' : `: ${said}`}`
  if (status === 429) {
    const seconds = retryAfter === undefined ? Number.NaN : Number(retryAfter)
    const waitMs = Number.isFinite(seconds) && seconds >= 0 ? seconds * 1_000 : null
    return exchangeFailure('rate-limited', answered, waitMs)
  }
  if (status === 413) return exchangeFailure('payload-refused', answered)
  // A gateway's own refusal is no answer to the call, in whatever form it is made.
  if (status === 401 || status === 403 || (status >= 300 && status < 400))
    return exchangeFailure('unusable', answered)
  if (isReply(reply)) return { ok: true, reply }
  if (status < 400) return exchangeFailure('unusable', 'answered with something that is not JSON-RPC')
  return exchangeFailure(TOO_MANY.test(said ?? '') ? 'rate-limited' : 'unusable', answered)
}

const TOO_MANY = /too many requests|rate.?limit/i

const isReply = (reply: unknown): boolean =>
  typeof reply === 'object' &&
  reply !== null &&
  (Array.isArray(reply) || 'result' in reply || 'error' in reply)

/** What an answer that is an error says, in one line; null when it says nothing that can be told. */
function reasonIn(reply: unknown, text: string): string | null {
  const of = (value: unknown, depth: number): string | null => {
    if (typeof value === 'string') return value
    if (typeof value !== 'object' || value === null || depth > 2) return null
    const { error, message, detail, reason, title } = value as Readonly<Record<string, unknown>>
    return [error, message, detail, reason, title].reduce<string | null>(
      (found, part) => found ?? of(part, depth + 1),
      null,
    )
  }
  const first = Array.isArray(reply) ? reply[0] : reply
  const words =
    first === undefined
      ? text.slice(0, PAGE_MAX).replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ')
      : of(first, 0)
  const line = (words ?? '').replace(/[\s\p{C}]+/gu, ' ').trim()
  if (line === '') return null
  return line.length > WORDS_MAX ? `${line.slice(0, WORDS_MAX)}…` : line.replace(/[.\s]+$/, '')
}

/** Characters of a page that are read for its words, and of the words that are told. */
const PAGE_MAX = 4_000
const WORDS_MAX = 300

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
])

function readCause(cause: unknown): Exchange {
  const code = causeCode(cause)
  if (UNREACHABLE.has(code) && !wasConnected(cause)) {
    return exchangeFailure('unreachable', `could not be reached (${code})`)
  }
  if (UNREACHABLE.has(code) || code === 'ECONNRESET' || code === 'EPIPE' || code === 'UND_ERR_SOCKET') {
    return exchangeFailure('reset', 'closed the connection before it answered')
  }
  return exchangeFailure('unusable', `could not be used (${code})`)
}

/** ETIMEDOUT and the like also end connections that were open, and then the request may have arrived. */
function wasConnected(cause: unknown): boolean {
  return cause instanceof Error && 'syscall' in cause && /^(read|write)/.test(String(cause.syscall))
}

/** A name that resolves to several addresses fails with an AggregateError, whose parts hold the code. */
function causeCode(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown error'
  if ('code' in cause && typeof cause.code === 'string') return cause.code
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeCode(cause.errors[0])
  return cause.name
}
