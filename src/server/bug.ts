import { randomUUID } from 'node:crypto'
import type { Answer } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES } from '../errors/codes.ts'
import { type Failure, failure } from '../errors/failure.ts'
import { encodeFailure } from '../wire/encodeFailure.ts'

/** Hears of every exception that reached a request; the client is told only the `traceId`. */
export type OnBug = (error: unknown, traceId: string) => void

/** What a client hears of an exception. */
export const BUG: Failure = failure(
  'INTERNAL',
  'The server made a mistake; its log has more under this trace_id.',
)

/** Reports an exception under a fresh trace id, which it returns. */
export function reportBug(error: unknown, onBug: OnBug): string {
  const traceId = randomUUID()
  onBug(error, traceId)
  return traceId
}

/** Reports an exception and words the answer to the request that met it. */
export function bugAnswer({
  error,
  mode,
  signalId = null,
  inDoubt = false,
  onBug,
}: {
  error: unknown
  mode: Mode
  signalId?: string | null
  /** Whether it may have come after the signal was handed on, to be sent. */
  inDoubt?: boolean
  onBug: OnBug
}): Answer {
  const traceId = reportBug(error, onBug)
  const reason = inDoubt ? { ...BUG, facts: { sent: 'unknown' } } : BUG
  const body = encodeFailure({ failure: reason, mode, signalId, traceId })
  return { success: false, httpStatus: CODES.INTERNAL.status, body, replayed: false, refused: 'INTERNAL' }
}
