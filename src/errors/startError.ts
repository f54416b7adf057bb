/**
 * Thrown when the process cannot start as configured: every problem found, one sentence each. Exit code 3
 * (config).
 */
export class StartError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'StartError'
    this.problems = problems
  }
}
