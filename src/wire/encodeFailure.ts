import type { Answer } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES } from '../errors/codes.ts'
import type { Failure } from '../errors/failure.ts'

/**
 * The body of an answer that is a failure as a whole: an RFC 9457 problem (`application/problem+json`) that
 * also has `success` and `error`, as every answer here does. `signalId` is given where the request named one,
 * `traceId` for INTERNAL, where it stands in the log too.
 */
export function encodeFailure({
  failure,
  mode,
  signalId = null,
  traceId = null,
  nowMs = Date.now(),
}: {
  failure: Failure
  mode: Mode
  signalId?: string | null
  traceId?: string | null
  nowMs?: number
}): string {
  const { code, facts, hint, sentence } = failure
  const { fix, meaning, retryable, status } = CODES[code]
  return JSON.stringify({
    type: `/errors/${code}`,
    title: meaning,
    status,
    detail: sentence,
    success: false,
    mode,
    // Refused before anything was signed, unless the failure knows otherwise; what is in flight may be sent
    // any moment.
    ...(mode === 'LIVE' && { sent: facts.sent ?? (code === 'IN_FLIGHT' ? 'unknown' : 'no') }),
    ...(signalId !== null && { signal_id: signalId }),
    error: sentence,
    code,
    retryable,
    hint: hint ?? fix,
    facts,
    ...(traceId !== null && { trace_id: traceId }),
    timestamp: new Date(nowMs).toISOString(),
  })
}

/** The answer to a signal that was not executed: nothing of it is journaled. */
export function refusal({
  failure,
  mode,
  signalId,
}: {
  failure: Failure
  mode: Mode
  signalId: string | null
}): Answer {
  return {
    success: false,
    httpStatus: CODES[failure.code].status,
    body: encodeFailure({ failure, mode, signalId }),
    replayed: false,
    refused: failure.code,
  }
}

/** What answers and records say of why a trade was not made; `code` and `error` are null when it was. */
export function outcomeFields(failure: Failure | null) {
  if (failure === null) return { error: null, code: null }
  const { code, facts, hint } = failure
  const { fix, retryable } = CODES[code]
  return { error: errorText(failure), code, retryable, hint: hint ?? fix, facts }
}

/** Clients of old look for the first words; other failures are not the simulation's. */
function errorText({ code, sentence }: Failure): string {
  return code === 'SIMULATION_FAILED' ? `Simulation failed: ${sentence}` : sentence
}
