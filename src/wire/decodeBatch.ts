import { LIMITS } from '../config/limits.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { preview } from './describeShape.ts'

/**
 * The signals of a batch, in order and unchecked: a bad signal is that signal's own result, never the
 * batch's. Errors: INVALID_BATCH (the envelope), TOO_LARGE.
 */
export function decodeBatch(json: unknown): Result<readonly unknown[]> {
  const refuse = (why: string) =>
    fail(failure('INVALID_BATCH', `A batch must be {"signals": [...]}, ${why}.`))
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return refuse(`found ${preview(json)}`)
  // Passed over, it would let a batch that is meant for play trade.
  if ('mode' in json)
    return refuse('with the mode in each signal or in the header Execution-Mode, not beside them')
  const signals = 'signals' in json ? json.signals : undefined
  if (!Array.isArray(signals)) return refuse(`found ${preview(signals)} as signals`)
  if (signals.length === 0) return refuse('with at least one signal, found none')
  if (signals.length > LIMITS.batchSignalsMax) {
    const sentence = `The batch has ${signals.length} signals; at most ${LIMITS.batchSignalsMax} are taken at once.`
    return fail(failure('TOO_LARGE', sentence, { signals_max: LIMITS.batchSignalsMax }))
  }
  return succeed(signals)
}
