import { join } from 'node:path'
import { locateAnvil } from '../devnet/locateAnvil.ts'
import type { Config } from './config/config.ts'
import { readEnvironment } from './config/env.ts'
import { loadConfig } from './config/loadConfig.ts'
import { readSetting } from './config/readSetting.ts'
import { SETTINGS } from './config/settings.ts'
import type { LiveSecrets } from './dispatch/protocol.ts'
import { StartError } from './errors/startError.ts'
import { EVENT_LOG_VERSION } from './eventlog/eventStore.ts'
import { assertCanOpen } from './journal/assertCanOpen.ts'
import { assertPortFree } from './server/portTaken.ts'
import { loadUws, type Uws } from './server/uws/loadUws.ts'

/** Everything that a start needs and that can be missing, before anything is begun. */
export interface PreparedStart {
  readonly config: Config
  /** Null in PAPER. */
  readonly secrets: LiveSecrets | null
  /** Folder of this mode's databases. */
  readonly dataDir: string
  /** The program of the embedded devnet; null when none is needed. */
  readonly anvil: string | null
  readonly uws: Uws
  /** What should be said, a sentence each. */
  readonly warnings: readonly string[]
}

/**
 * What `titan start` begins with and all of `titan config check`: the settings, in LIVE the keys and what
 * relays know us by, the port, the data folder, the devnet's program and the HTTP server's binary. It leaves
 * nothing behind, neither a file nor a folder.
 *
 * @throws {@link StartError} with what keeps a server from starting
 */
export async function prepareStart(): Promise<PreparedStart> {
  const environment = readEnvironment()
  const config = loadConfig(environment)
  const { mode, embeddedDevnet } = config
  // Play money has a folder of its own: its figures must never mix with those of real chains.
  const dataDir = join(config.dataDir, embeddedDevnet ? 'devnet' : mode.toLowerCase())
  const keys = mode === 'LIVE' ? await readKeys(environment) : null
  await assertPortFree(config)
  const anvil = embeddedDevnet ? orStartError(() => locateAnvil(config.anvil), devnetSentence) : null
  orStartError(
    () => assertCanOpen({ path: eventLogPath(dataDir), version: EVENT_LOG_VERSION }),
    journalSentence,
  )
  return {
    config,
    secrets: keys?.secrets ?? null,
    dataDir,
    anvil,
    uws: loadUws(),
    warnings: [...config.warnings, ...(keys?.warnings ?? [])],
  }
}

export const eventLogPath = (dataDir: string): string => join(dataDir, 'events.sqlite')

export const devnetSentence = (why: string): string => `No RPC_* is set, and the devnet cannot start: ${why}`

export const journalSentence = (why: string): string =>
  `The journal cannot be opened: ${why}. Correct DATA_DIR or end the other process.`

/** Throws what `work` throws as a `StartError`, in a sentence. */
function orStartError<T>(work: () => T, sentence: (why: string) => string): T {
  try {
    return work()
  } catch (error) {
    throw new StartError([sentence(error instanceof Error ? error.message : String(error))])
  }
}

/** The code that signs is loaded in LIVE only. */
async function readKeys(
  environment: ReturnType<typeof readEnvironment>,
): Promise<{ secrets: LiveSecrets; warnings: readonly string[] }> {
  const [{ createKeys, readKeySecrets }, { createRelayIdentity }] = await Promise.all([
    import('./lanes/keys.ts'),
    import('./broadcast/relaySignature.ts'),
  ])
  const { secrets: privateKeys, warnings } = await readKeySecrets(environment)
  const read = readSetting(environment, SETTINGS.relayAuthKey)
  if (!read.ok) throw new StartError([read.problem])
  const relayAuthKey = read.value
  createRelayIdentity({
    authKey: relayAuthKey,
    laneAddresses: createKeys(privateKeys).map(({ address }) => address),
  })
  return { secrets: { privateKeys, relayAuthKey }, warnings }
}
