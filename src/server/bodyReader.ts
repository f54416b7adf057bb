import type { HttpResponse } from 'uWebSockets.js'
import { type Failure, failure } from '../errors/failure.ts'

/**
 * How far beyond the largest limit a body is read and thrown away, so that an honest client can read why it
 * was refused.
 */
const DISCARD_FACTOR = 4
const SWEEP_MS = 250
/** Kept for a body that has arrived in part; doubled until it fits. */
const FIRST_BYTES = 4096
const NOTHING = Buffer.alloc(0)

export interface BodyReader {
  /**
   * Reads one body, then calls one of the two, unless the client leaves first. The buffer given to `onBody`
   * is valid only during the call. Errors: TOO_LARGE, REQUEST_TIMEOUT, OVERLOADED (unfinished bodies together
   * take all the memory they may).
   */
  read(request: {
    readonly res: HttpResponse
    readonly declaredBytes: number
    readonly bytesMax: number
    readonly onBody: (body: Buffer) => void
    readonly onRefused: (reason: Failure) => void
  }): { /** The client has left. */ abandon(): void }
  close(): void
}

/** Reads bodies within a size, a time and a sum; uWebSockets.js has no limit of its own for any of them. */
export function createBodyReader({
  largestBytesMax,
  bytesSumMax,
  timeoutMs,
}: {
  /** The largest `bytesMax` of a body. */
  largestBytesMax: number
  /** Of all bodies that have arrived in part. */
  bytesSumMax: number
  timeoutMs: number
}): BodyReader {
  const discardMax = largestBytesMax * DISCARD_FACTOR
  /** Bodies on their way, oldest first. */
  const incoming = new Map<object, { startedAtMs: number; expire: () => void }>()
  let keptSum = 0
  const sweep = setInterval(() => {
    const latestStartMs = performance.now() - timeoutMs
    for (const { startedAtMs, expire } of incoming.values()) {
      if (startedAtMs > latestStartMs) return
      expire()
    }
  }, SWEEP_MS).unref()

  return {
    read({ res, declaredBytes, bytesMax, onBody, onRefused }) {
      const key = {}
      let kept = NOTHING
      let bytes = 0
      const forget = () => {
        keptSum -= kept.length
        kept = NOTHING
      }
      const end = () => {
        forget()
        return incoming.delete(key)
      }
      /**
       * Copies a chunk behind those before it: its own memory is the socket's. False when all bodies together
       * would take too much.
       */
      const keep = (chunk: Buffer) => {
        let size = Math.max(kept.length, FIRST_BYTES)
        while (size < bytes) size *= 2
        if (size > kept.length) {
          if (keptSum - kept.length + size > bytesSumMax) return false
          const larger = Buffer.allocUnsafeSlow(size)
          kept.copy(larger)
          keptSum += size - kept.length
          kept = larger
        }
        chunk.copy(kept, bytes - chunk.length)
        return true
      }
      const refuse = (reason: Failure) => {
        if (end()) onRefused(reason)
      }
      const tooLarge = () =>
        refuse(
          failure('TOO_LARGE', `The body is larger than ${bytesMax} bytes.`, { body_bytes_max: bytesMax }),
        )
      const overloaded = () => {
        const sentence = `Unfinished bodies take ${bytesSumMax} bytes, as many as the server keeps.`
        refuse(failure('OVERLOADED', sentence, { bodies_bytes_max: bytesSumMax }))
      }
      const expire = () =>
        refuse(failure('REQUEST_TIMEOUT', `The body did not arrive within ${timeoutMs} ms.`))
      incoming.set(key, { startedAtMs: performance.now(), expire })
      if (declaredBytes > discardMax) tooLarge()
      else
        res.onData((data, isLast) => {
          if (!incoming.has(key)) return
          bytes += data.byteLength
          if (bytes > bytesMax) {
            forget()
            if (isLast || bytes > discardMax) tooLarge()
            return
          }
          const chunk = Buffer.from(data)
          const whole = isLast && bytes === chunk.length
          if (!whole && !keep(chunk)) return overloaded()
          if (!isLast) return
          const body = whole ? chunk : kept.subarray(0, bytes)
          end()
          onBody(body)
        })
      return { abandon: end }
    },
    close: () => clearInterval(sweep),
  }
}
