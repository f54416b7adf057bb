import { resolve } from 'node:path'
import { StartError } from '../errors/startError.ts'
import type { ChainConfig, ChainProfile, FeeLimits } from './chainConfig.ts'
import { CHAINS } from './chains.ts'
import type { Config } from './config.ts'
import { devnetProfile } from './devnetProfile.ts'
import { pointsAtServer } from './endpoints.ts'
import type { Environment } from './env.ts'
import { inHeader, isLoopback } from './hosts.ts'
import { readSetting } from './readSetting.ts'
import { chainSettings, SETTINGS, type Setting } from './settings.ts'
import { settingText } from './settingText.ts'
import { unknownSettings } from './unknownSettings.ts'

/** Any of them gives LIVE its keys. */
const KEY_SOURCES = [SETTINGS.privateKey, SETTINGS.privateKeys, SETTINGS.keystore]

/**
 * Reads and checks the whole environment. Empty values and placeholders as in `.env.example` (`https://...`)
 * count as not set. Private keys are read in LIVE only, and only for whether there is one. Error texts hold
 * no values that may be secret.
 *
 * @throws {@link StartError} with every problem found
 */
export function loadConfig(environment: Environment): Config {
  const problems: string[] = []
  const warnings: string[] = []

  const isSet = (setting: Setting<unknown>): boolean => {
    const text = settingText(environment[setting.name])
    return !text.ok || text.value !== null
  }
  const read = <T>(setting: Setting<T>): T => {
    const result = readSetting(environment, setting)
    if (result.ok) return result.value
    problems.push(result.problem)
    return setting.fallback
  }

  const unknown = unknownSettings({ names: Object.keys(environment), known: knownNames() })
  problems.push(...unknown.problems)
  warnings.push(...unknown.warnings)

  const mode = read(SETTINGS.mode)

  const host = read(SETTINGS.host)
  const port = read(SETTINGS.port)
  const furtherHosts = read(SETTINGS.allowedHosts)
  if (!isLoopback(host)) warnings.push(openHostWarning({ host, named: furtherHosts.length > 0 }))
  const ownHosts = unique(['localhost', '127.0.0.1', '[::1]', inHeader(host)])

  const rows = CHAINS.map((profile) => ({ profile, settings: chainSettings(profile) }))
  const embeddedDevnet = !rows.some(({ settings }) => isSet(settings.endpoints))
  const executor = read(SETTINGS.executor)
  if (embeddedDevnet && executor !== null)
    warnings.push(
      'EXECUTOR_ADDRESS has no effect: without RPC_* the server runs on its own devnet, where nothing is deployed.',
    )

  const everywhere = {
    maxFeeWei: read(SETTINGS.maxFee),
    maxTxCostWei: read(SETTINGS.maxTxCost),
    maxSpendPerHourWei: read(SETTINGS.maxSpendPerHour),
    maxRepairSpendPerHourWei: read(SETTINGS.maxRepairSpendPerHour),
  }
  const headAgeMaxS = read(SETTINGS.headAgeMax)
  const chains: ChainConfig[] = []
  for (const { profile, settings } of rows) {
    const endpoints = read(settings.endpoints)
    const addresses = {
      executor: read(settings.executor) ?? executor,
      balancerVault: read(settings.balancerVault) ?? profile.balancerVault,
      aavePoolAddressesProvider: read(settings.aaveProvider) ?? profile.aavePoolAddressesProvider,
      wrappedNative: read(settings.wrappedNative) ?? profile.wrappedNative,
    }
    const local = embeddedDevnet ? devnetProfile(profile) : profile
    const own = {
      maxFeeWei: read(settings.maxFee),
      maxTxCostWei: read(settings.maxTxCost),
      maxSpendPerHourWei: read(settings.maxSpendPerHour),
      maxRepairSpendPerHourWei: read(settings.maxRepairSpendPerHour),
    }
    const set = (name: keyof FeeLimits) => (embeddedDevnet ? null : own[name]) ?? everywhere[name]
    const limit = (name: keyof FeeLimits) => set(name) ?? local.feeLimits[name]
    const maxSpendPerHourWei = limit('maxSpendPerHourWei')
    const feeLimits: FeeLimits = {
      maxFeeWei: limit('maxFeeWei'),
      maxTxCostWei: limit('maxTxCostWei'),
      maxSpendPerHourWei,
      maxRepairSpendPerHourWei: set('maxRepairSpendPerHourWei') ?? maxSpendPerHourWei / 5n,
    }
    const ownHeadAgeMaxS = (embeddedDevnet ? null : read(settings.headAgeMax)) ?? headAgeMaxS
    const headAge = {
      headAgeMaxMs: ownHeadAgeMaxS === null ? local.headAgeMaxMs : ownHeadAgeMaxS * 1_000,
      headAgeIsSet: ownHeadAgeMaxS !== null,
    }
    if (endpoints.some((endpoint) => pointsAtServer({ endpoint, host, port })))
      problems.push(
        `${settings.endpoints.name} points at this server itself (port ${port}); name a node there, or change EXECUTION_PORT.`,
      )
    if (!isSet(settings.endpoints))
      for (const setting of Object.values(settings))
        if (isSet(setting))
          warnings.push(`${setting.name} has no effect: ${settings.endpoints.name} is not set.`)
    if (embeddedDevnet)
      chains.push({
        ...local,
        ...headAge,
        feeLimits,
        endpoints: [],
        relays: [],
        sendOnly: [],
        executor: null,
      })
    else if (endpoints.length > 0)
      chains.push({
        ...profile,
        ...addresses,
        ...headAge,
        feeLimits,
        endpoints,
        relays: read(settings.relays),
        sendOnly: read(settings.sendOnly),
      })
  }

  if (mode === 'LIVE') {
    // Read where the keys are; here it is only checked, so that it is told with all other problems.
    read(SETTINGS.relayAuthKey)
    if (!KEY_SOURCES.some(isSet))
      problems.push(
        'No wallet configured for LIVE execution: set PRIVATE_KEY (or PRIVATE_KEYS, or KEYSTORE) in .env.',
      )
    if (embeddedDevnet)
      problems.push(
        'LIVE has no chain: set RPC_<CHAIN> for every chain to trade on; the embedded devnet is for PAPER.',
      )
    for (const { envName, name } of chains.filter((chain) => !embeddedDevnet && chain.executor === null))
      problems.push(
        `LIVE on ${name} has no executor contract: deploy it (npx titan deploy) and set EXECUTOR_ADDRESS or EXECUTOR_ADDRESS_${envName}.`,
      )
  }

  const config: Config = {
    mode,
    host,
    port,
    dataDir: resolve(read(SETTINGS.dataDir)),
    chains,
    embeddedDevnet,
    allowedHosts: unique([...ownHosts, ...furtherHosts]),
    allowedOrigins: unique([
      ...ownHosts.map((name) => new URL(`http://${name}:${port}`).origin),
      ...read(SETTINGS.allowedOrigins),
    ]),
    connectionsMax: read(SETTINGS.connectionsMax),
    queueMax: read(SETTINGS.queueMax),
    rpcTimeoutMs: read(SETTINGS.rpcTimeoutMs),
    drainMs: read(SETTINGS.drain),
    eventsKeepDays: read(SETTINGS.eventsKeepDays),
    eventsKeepMb: read(SETTINGS.eventsKeepMb),
    live: {
      laneInFlightMax: read(SETTINGS.laneInFlightMax),
      laneWaitMs: read(SETTINGS.laneWait),
      includedWaitMs: read(SETTINGS.includedWait),
      tradeTtlMs: read(SETTINGS.tradeTtl) * 1_000,
      minProfitShare: read(SETTINGS.minProfitShare),
    },
    logLevel: read(SETTINGS.logLevel),
    anvil: read(SETTINGS.anvil),
    warnings,
  }
  if (problems.length > 0) throw new StartError(problems)
  return deepFreeze(config)
}

/** Every name that is a setting. */
export function knownNames(): readonly string[] {
  const ofChain = (profile: ChainProfile) => Object.values(chainSettings(profile))
  return [...Object.values(SETTINGS), ...CHAINS.flatMap(ofChain)].map((setting) => setting.name)
}

function openHostWarning({ host, named }: { host: string; named: boolean }): string {
  const warning = `EXECUTION_HOST=${host} opens the server to the network, and it asks no one for a password`
  return named
    ? `${warning}.`
    : `${warning}; clients that call it by another name need that name in ALLOWED_HOSTS.`
}

const unique = (values: readonly string[]): string[] => [...new Set(values)]

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}
