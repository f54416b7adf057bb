import { CODES } from '../errors/codes.ts'
import type { Failure } from '../errors/failure.ts'

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
