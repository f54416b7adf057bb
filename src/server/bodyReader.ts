import type { HttpResponse } from 'uWebSockets.js'
import { type Failure, failure } from '../errors/failure.ts'

/** How far beyond the limit a body is read and thrown away, so that an honest client can read why it was refused. */
const DISCARD_FACTOR = 4
const SWEEP_MS = 250

export interface BodyReader {
  /**
   * Reads one body, then calls one of the two, unless the client leaves first. The buffer given to `onBody` is valid only during the call.
   * Errors: TOO_LARGE, REQUEST_TIMEOUT.
   */
  read(request: {
    readonly res: HttpResponse
    readonly declaredBytes: number
    readonly onBody: (body: Buffer) => void
    readonly onRefused: (reason: Failure) => void
  }): { /** The client has left. */ abandon(): void }
  close(): void
}

/** Reads bodies within a size and a time; uWebSockets.js has no limit of its own for either. */
export function createBodyReader({
  bytesMax,
  timeoutMs,
}: {
  bytesMax: number
  timeoutMs: number
}): BodyReader {
  /** Bodies on their way, oldest first. */
  const incoming = new Map<object, { startedAtMs: number; expire: () => void }>()
  const sweep = setInterval(() => {
    const latestStartMs = performance.now() - timeoutMs
    for (const { startedAtMs, expire } of incoming.values()) {
      if (startedAtMs > latestStartMs) return
      expire()
    }
  }, SWEEP_MS).unref()

  return {
    read({ res, declaredBytes, onBody, onRefused }) {
      const key = {}
      let chunks: Buffer[] = []
      let bytes = 0
      const end = () => {
        chunks = []
        return incoming.delete(key)
      }
      const refuse = (reason: Failure) => {
        if (end()) onRefused(reason)
      }
      const tooLarge = () =>
        refuse(
          failure('TOO_LARGE', `The body is larger than ${bytesMax} bytes.`, { body_bytes_max: bytesMax }),
        )
      const expire = () =>
        refuse(failure('REQUEST_TIMEOUT', `The body did not arrive within ${timeoutMs} ms.`))
      incoming.set(key, { startedAtMs: performance.now(), expire })
      if (declaredBytes > bytesMax * DISCARD_FACTOR) tooLarge()
      else
        res.onData((data, isLast) => {
          if (!incoming.has(key)) return
          bytes += data.byteLength
          if (bytes > bytesMax) {
            chunks = []
            if (isLast || bytes > bytesMax * DISCARD_FACTOR) tooLarge()
            return
          }
          const chunk = Buffer.from(data)
          if (!isLast) {
            // The memory of `chunk` is the socket's and is taken back after this call.
            chunks.push(Buffer.from(chunk))
            return
          }
          const body = chunks.length === 0 ? chunk : Buffer.concat([...chunks, chunk])
          end()
          onBody(body)
        })
      return { abandon: end }
    },
    close: () => clearInterval(sweep),
  }
}
