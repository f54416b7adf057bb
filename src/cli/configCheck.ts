import { StartError } from '../errors/startError.ts'
import { prepareStart } from '../prepareStart.ts'
import { describeConfig } from './describeConfig.ts'

/**
 * `titan config check`: the settings in effect on stdout, warnings and problems on stderr. Exit code 3 and the
 * sentences of a start where a start would fail now; a server that runs already holds its port and its data.
 */
try {
  const { config, warnings } = await prepareStart()
  process.stdout.write(describeConfig(config))
  for (const warning of warnings) process.stderr.write(`Note: ${warning}\n`)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  for (const problem of error.problems) process.stderr.write(`${problem}\n`)
  process.exitCode = 3
}
