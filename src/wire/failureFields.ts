import { CODES } from '../errors/codes.ts'
import type { Failure } from '../errors/failure.ts'

/** What an answer says of the reason why a trade was not made. */
export function failureFields(failure: Failure) {
  const { code, facts, hint } = failure
  const { fix, retryable } = CODES[code]
  return { error: errorText(failure), code, retryable, hint: hint ?? fix, facts }
}

/** Clients of old look for the first words; other failures are not the simulation's. */
export function errorText({ code, sentence }: Failure): string {
  return code === 'SIMULATION_FAILED' ? `Simulation failed: ${sentence}` : sentence
}
