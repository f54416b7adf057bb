import { createRelayIdentity } from '../broadcast/relaySignature.ts'
import { loadConfig, readEnvironment } from '../config/env.ts'
import { settingText } from '../config/settingText.ts'
import { StartError } from '../errors/startError.ts'
import { loadKeys } from '../lanes/keys.ts'
import { describeConfig } from './describeConfig.ts'

/**
 * `titan config check`: the settings in effect on stdout, warnings and problems on stderr; exit code 3 with
 * problems. In LIVE the keys are read too, as a start would.
 */
try {
  const environment = readEnvironment()
  const config = loadConfig(environment)
  if (config.mode === 'LIVE') {
    const { keys } = await loadKeys(environment)
    const laneAddresses = keys.map(({ address }) => address)
    createRelayIdentity({ authKey: settingText(environment.RELAY_AUTH_KEY), laneAddresses })
  }
  process.stdout.write(describeConfig(config))
  for (const warning of config.warnings) process.stderr.write(`Note: ${warning}\n`)
} catch (error) {
  if (!(error instanceof StartError)) throw error
  for (const problem of error.problems) process.stderr.write(`${problem}\n`)
  process.exitCode = 3
}
