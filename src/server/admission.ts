import { isIP } from 'node:net'
import { type Failure, failure } from '../errors/failure.ts'

/** Headers that decide whether a request is looked at; an empty string when a header is absent. */
export interface RequestHead {
  readonly host: string
  readonly origin: string
}

export interface Admission {
  /**
   * Why the request is refused before anything of it is read; null when it is admitted. Errors:
   * FORBIDDEN_HOST, FORBIDDEN_ORIGIN.
   */
  refusal(head: RequestHead): Failure | null
  /** The CORS headers a browser page of an admitted foreign origin needs to read the answer. */
  corsHeaders(head: RequestHead): readonly (readonly [string, string])[]
}

const NO_HEADERS: readonly (readonly [string, string])[] = []

/**
 * Keeps web pages away from a server on loopback. A page that rebinds its own DNS name to 127.0.0.1 shows
 * that name in Host, and a page of a foreign site shows itself in Origin (browsers always send it with
 * WebSocket upgrades and POST). An IP address in Host cannot be rebound, so every one is admitted.
 */
export function createAdmission({
  allowedHosts,
  allowedOrigins,
}: {
  allowedHosts: readonly string[]
  allowedOrigins: readonly string[]
}): Admission {
  const hosts = new Set(allowedHosts)
  const origins = new Set(allowedOrigins)
  let lastAdmittedHost: string | null = null

  function hostAdmitted(host: string): boolean {
    // Clients repeat one Host value on every request.
    if (host === lastAdmittedHost) return true
    // A full stop at the end says that a name is whole (RFC 3986): it is the same name.
    const name = host.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '')
    const address = name.replace(/^\[(.*)\]$/, '$1')
    const admitted = hosts.has(name) || isIP(address) !== 0
    if (admitted) lastAdmittedHost = host
    return admitted
  }

  const ownOrigin = ({ origin, host }: RequestHead) => {
    const authority = host.toLowerCase()
    return origin === `http://${authority}` || origin === `https://${authority}`
  }

  return {
    refusal(head) {
      if (!hostAdmitted(head.host)) {
        const sentence = `The Host header "${head.host.slice(0, 100)}" is not one this server answers to.`
        return failure('FORBIDDEN_HOST', sentence, { allowed_hosts: allowedHosts })
      }
      if (head.origin !== '' && !ownOrigin(head) && !origins.has(head.origin)) {
        const sentence = `The web origin "${head.origin.slice(0, 100)}" may not use this server.`
        return failure('FORBIDDEN_ORIGIN', sentence)
      }
      return null
    },
    corsHeaders({ origin }) {
      if (origin === '' || !origins.has(origin)) return NO_HEADERS
      return [
        ['Access-Control-Allow-Origin', origin],
        ['Access-Control-Expose-Headers', 'Idempotent-Replayed, Location, Retry-After'],
        ['Vary', 'Origin'],
      ]
    },
  }
}

/** Headers of a preflight's answer, for an admitted origin. */
export const PREFLIGHT_HEADERS: readonly (readonly [string, string])[] = [
  ['Access-Control-Allow-Methods', 'GET, POST, OPTIONS'],
  ['Access-Control-Allow-Headers', 'Content-Type, Idempotency-Key, Execution-Mode'],
  ['Access-Control-Max-Age', '600'],
]

/** Why a body with these headers is not read; null when it is JSON. Error: UNSUPPORTED_MEDIA_TYPE. */
export function refuseMediaType({
  contentType,
  contentEncoding,
}: {
  contentType: string
  contentEncoding: string
}): Failure | null {
  if (contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity') {
    const sentence = `The body is compressed (Content-Encoding: ${contentEncoding.slice(0, 40)}); only plain JSON is taken.`
    return failure('UNSUPPORTED_MEDIA_TYPE', sentence)
  }
  if (contentType === 'application/json' || /^application\/json\s*(;|$)/i.test(contentType)) return null
  const found = contentType === '' ? 'no Content-Type' : `Content-Type "${contentType.slice(0, 100)}"`
  return failure('UNSUPPORTED_MEDIA_TYPE', `The body must be declared as application/json, found ${found}.`)
}
