import { connect } from 'node:net'
import { createJsonSplitter } from './jsonSplitter.ts'
import { type Exchange, exchangeFailure, type StreamListener, type Transport } from './transport.ts'

interface Pending {
  readonly ids: readonly number[]
  finish(exchange: Exchange): void
}

/**
 * What a stream does to its owner: `onText` with each whole JSON text, then `onEnd` once, whatever ended it.
 */
interface StreamEvents {
  onOpen(): void
  onText(text: string): void
  onEnd(detail: string, opened: boolean): void
}
interface Stream {
  write(text: string): void
  destroy(): void
}
type OpenStream = (events: StreamEvents) => Stream

/**
 * JSON-RPC over a connection that both sides may speak on: a WebSocket or an IPC socket. It connects when
 * first needed and again after it was lost; replies are told apart by their ids, so many exchanges share it.
 */
function createStreamTransport(openStream: OpenStream, onDisconnect = () => {}): Transport {
  let stream: Stream | null = null
  let opening: Promise<Exchange | null> | null = null
  let listener: StreamListener | null = null
  let closed = false
  /** When the last answer came, `performance.now()`. */
  let answeredAtMs = 0
  const pending = new Map<number, Pending>()

  /** Null when the stream is open, else why it is not. */
  function open(): Promise<Exchange | null> {
    opening ??= new Promise((resolve) => {
      const opened: Stream = openStream({
        onOpen() {
          resolve(null)
        },
        onText: receive,
        onEnd(detail, wasOpen) {
          if (stream !== opened) return
          stream = null
          opening = null
          const why = exchangeFailure(wasOpen ? 'reset' : 'unreachable', detail)
          resolve(why)
          onDisconnect()
          if (wasOpen) listener?.onEnd()
          for (const waiting of new Set(pending.values())) waiting.finish(why)
        },
      })
      stream = opened
    })
    return opening
  }

  function receive(text: string): void {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      stream?.destroy()
      return
    }
    if (isNotification(message)) {
      listener?.onNotification(message)
      return
    }
    answeredAtMs = performance.now()
    owner(message)?.finish({ ok: true, reply: message })
  }

  function owner(message: unknown): Pending | undefined {
    for (const item of Array.isArray(message) ? message : [message]) {
      const { id } = (item ?? {}) as { id?: unknown }
      const waiting = typeof id === 'number' || typeof id === 'string' ? pending.get(Number(id)) : undefined
      if (waiting) return waiting
    }
    // A refused payload is answered with id null: it can only be meant for the one that waits.
    const waiting = new Set(pending.values())
    return waiting.size === 1 ? waiting.values().next().value : undefined
  }

  async function exchange({
    body,
    ids,
    timeoutMs,
  }: {
    body: string
    ids: readonly number[]
    timeoutMs: number
  }) {
    if (closed) return exchangeFailure('unreachable', 'was closed')
    return new Promise<Exchange>((resolve) => {
      const askedAtMs = performance.now()
      const timer = setTimeout(() => {
        waiting.finish(exchangeFailure('timeout', `did not answer within ${Math.round(timeoutMs)} ms`))
        // Open and dead, or stuck in half an answer: nothing that is asked on it will be answered any more.
        if (answeredAtMs < askedAtMs) stream?.destroy()
      }, timeoutMs)
      const waiting: Pending = {
        ids,
        finish(outcome) {
          clearTimeout(timer)
          for (const id of ids) pending.delete(id)
          resolve(outcome)
        },
      }
      for (const id of ids) pending.set(id, waiting)
      void open().then((refused) => {
        if (refused) waiting.finish(refused)
        else if (pending.get(ids[0] as number) === waiting) stream?.write(body)
      })
    })
  }

  return {
    exchange,
    listen(newListener) {
      listener = newListener
    },
    async close() {
      closed = true
      stream?.destroy()
    },
  }
}

function isNotification(message: unknown): message is { method: string; params: unknown } {
  return typeof message === 'object' && message !== null && 'method' in message && !('id' in message)
}

/** JSON-RPC over ws:// or wss://. */
export function createWebSocketTransport({
  url,
  responseBytesMax,
  onDisconnect,
}: {
  url: string
  responseBytesMax: number
  onDisconnect?: (() => void) | undefined
}): Transport {
  const target = new URL(url)
  const credentials = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`
  const headers: Record<string, string> =
    credentials === ':' ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }
  target.username = ''
  target.password = ''
  return createStreamTransport(({ onOpen, onText, onEnd }) => {
    const socket = new WebSocket(target, { headers } as never) // Node takes headers here; the DOM's type does not know them
    let opened = false
    let ended = false
    const end = (detail: string) => {
      if (ended) return
      ended = true
      socket.close()
      onEnd(detail, opened)
    }
    socket.onopen = () => {
      opened = true
      onOpen()
    }
    socket.onmessage = ({ data }: MessageEvent) => {
      if (typeof data !== 'string') return
      if (data.length > responseBytesMax) end(`sent more than ${responseBytesMax} bytes in one answer`)
      else onText(data)
    }
    const lost = () => end(opened ? 'closed the connection before it answered' : 'could not be reached')
    socket.onerror = lost
    socket.onclose = lost
    return { write: (text) => socket.send(text), destroy: lost }
  }, onDisconnect)
}

/** JSON-RPC over a local socket file. */
export function createIpcTransport({
  path,
  responseBytesMax,
  onDisconnect,
}: {
  path: string
  responseBytesMax: number
  onDisconnect?: (() => void) | undefined
}): Transport {
  return createStreamTransport(({ onOpen, onText, onEnd }) => {
    const socket = connect(path)
    let opened = false
    let detail: string | null = null
    const splitter = createJsonSplitter({ bytesMax: responseBytesMax, onText })
    socket.on('connect', () => {
      opened = true
      onOpen()
    })
    socket.on('data', (chunk) => {
      if (splitter.push(chunk as Buffer)) return
      detail = `sent more than ${responseBytesMax} bytes in one answer`
      socket.destroy()
    })
    socket.on('error', (cause) => {
      if (!opened) detail = `could not be reached (${'code' in cause ? cause.code : cause.name})`
    })
    socket.on('close', () => onEnd(detail ?? 'closed the connection before it answered', opened))
    return { write: (text) => void socket.write(`${text}\n`), destroy: () => void socket.destroy() }
  }, onDisconnect)
}
