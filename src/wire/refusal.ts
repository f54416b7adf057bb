import type { Answer } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { CODES } from '../errors/codes.ts'
import type { Failure } from '../errors/failure.ts'
import { encodeFailure } from './encodeFailure.ts'

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
