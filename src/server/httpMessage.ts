import type { Answer } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES, type Code } from '../errors/codes.ts'
import type { Failure } from '../errors/failure.ts'
import type { SignalHeaders } from '../wire/decodeSignal.ts'
import { encodeFailure } from '../wire/encodeFailure.ts'
import type { RequestSource } from './control.ts'

/** What the server needs of a request that was admitted. */
export interface ServerRequest {
  /** Upper case. */
  readonly method: string
  /** Without the query, not percent-decoded. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly accept: string
  readonly signalHeaders: SignalHeaders
  /** Null where it decides nothing. */
  readonly source: RequestSource | null
  /**
   * The whole body, to be read before the call returns: the memory may be the socket's. Empty when there is
   * none.
   */
  readonly body: Buffer
}

export interface ServerReply {
  readonly status: number
  readonly contentType: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

export const JSON_TYPE = 'application/json'
/** RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json'

const NO_HEADERS: ServerReply['headers'] = []

/**
 * Seconds after which a refusal with 429 or 503 is worth another try; a stopping server or an operator needs
 * time to come back.
 */
export function retryAfterS(code: Code | null): number {
  return code === 'DRAINING' || code === 'PAUSED' ? 5 : 1
}

export function jsonReply(body: string, status = 200): ServerReply {
  return { status, contentType: JSON_TYPE, headers: [['Cache-Control', 'no-store']], body }
}

/**
 * A body that is already encoded, with the status that belongs to it: 200 for business outcomes, else a
 * problem.
 */
export function encodedReply({
  status,
  body,
  headers = NO_HEADERS,
  code = null,
}: {
  status: number
  body: string
  headers?: ServerReply['headers']
  code?: Code | null
}): ServerReply {
  const waits = status === 503 || status === 429
  return {
    status,
    contentType: status < 400 ? JSON_TYPE : PROBLEM_TYPE,
    headers: waits ? [...headers, ['Retry-After', String(retryAfterS(code))]] : headers,
    body,
  }
}

/**
 * The whole request failed: an RFC 9457 problem that has `success: false` and `error` too, as every failed
 * answer does.
 */
export function problemReply({
  failure,
  mode,
  headers = NO_HEADERS,
}: {
  failure: Failure
  mode: Mode
  headers?: ServerReply['headers']
}): ServerReply {
  const body = encodeFailure({ failure, mode, signalId: null })
  return encodedReply({ status: CODES[failure.code].status, body, headers, code: failure.code })
}

/** Where a signal is told of; the characters of an id need no escaping. */
export const locationOf = (signalId: string) => ['Location', `/trades/${signalId}`] as const

/** The answer to one signal; `signalId` is null when it named none. */
export function answerReply(
  { httpStatus, body, replayed, refused }: Answer,
  signalId: string | null,
): ServerReply {
  return encodedReply({
    status: httpStatus,
    body,
    code: refused ?? null,
    headers: [
      ...(replayed ? [['Idempotent-Replayed', 'true'] as const] : []),
      ...(httpStatus === 202 && signalId !== null ? [locationOf(signalId)] : []),
    ],
  })
}
