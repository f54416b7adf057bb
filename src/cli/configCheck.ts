import { loadConfig, readEnvironment } from '../config/env.ts'
import { StartError } from '../errors/startError.ts'
import { describeConfig } from './describeConfig.ts'

/** `titan config check`: the settings in effect on stdout, warnings and problems on stderr; exit code 3 with problems. */
try {
  const config = loadConfig(readEnvironment())
  process.stdout.write(describeConfig(config))
  for (const warning of config.warnings) process.stderr.write(`Note: ${warning}\n`)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  for (const problem of error.problems) process.stderr.write(`${problem}\n`)
  process.exitCode = 3
}
