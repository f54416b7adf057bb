import type { Environment } from '../../src/config/env.ts'
import { loadConfig } from '../../src/config/loadConfig.ts'
import { StartError } from '../../src/errors/startError.ts'

/** The problems for which an environment is refused; none when it is valid. */
export function problemsOf(environment: Environment): readonly string[] {
  try {
    loadConfig(environment)
  } catch (error) {
    if (error instanceof StartError) return error.problems
    throw error
  }
  return []
}
