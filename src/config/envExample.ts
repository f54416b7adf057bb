import { CHAINS } from './chains.ts'
import { chainSettings, SETTINGS, type Setting } from './settings.ts'

/**
 * The text of `.env.example`: every setting, explained. Copied to `.env` as it is, it means the same as no
 * file at all.
 */
export function envExample(): string {
  const endpoints = CHAINS.map((profile) => chainSettings(profile).endpoints)
  const polygon = chainSettings({ chainId: 137, envName: 'POLYGON', name: 'Polygon' })
  const sections = [
    [
      '# Copy this file to .env: UTF-8 text of lines NAME=VALUE, empty lines and comments; anything else stops the start with its line.',
      '# A value may stand in one pair of quotes (.env only), ends before a # that follows a blank, and counts as not set when it is',
      '# empty or a placeholder as here; quotes that are left in it are an error. The server and its Python client read it alike.',
    ],
    ['# Execution', ...shown(SETTINGS.mode)],
    ['# Server', ...shown(SETTINGS.host), ...shown(SETTINGS.port)],
    [
      '# RPC endpoints. A chain is served when its line is filled in; with none, the server runs all of them on its own devnet.',
      '# http, https, ws, wss, or the path of an IPC socket; several separated by commas are tried in that order.',
      ...endpoints.map((endpoint) => `${endpoint.name}=${endpoint.example}`),
    ],
    ['# Executor', ...shown(SETTINGS.executor), ...hidden(polygon.executor)],
    [
      '# Wallet',
      ...shown(SETTINGS.privateKey),
      ...hidden(SETTINGS.privateKeys),
      ...hidden(SETTINGS.keystore),
      ...hidden(SETTINGS.keystorePassphraseFile),
      ...hidden(SETTINGS.laneInFlightMax),
      ...hidden(SETTINGS.relayAuthKey),
      ...hidden(polygon.relays),
      ...hidden(polygon.sendOnly),
      ...hidden(SETTINGS.laneWait),
      ...hidden(SETTINGS.tradeTtl),
      ...hidden(SETTINGS.includedWait),
    ],
    [
      '# Fees',
      ...hidden(SETTINGS.maxFee),
      ...hidden(SETTINGS.maxTxCost),
      ...hidden(SETTINGS.maxSpendPerHour),
      ...hidden(SETTINGS.maxRepairSpendPerHour),
      ...hidden(SETTINGS.minProfitShare),
    ],
    [
      '# Journal and log',
      ...hidden(SETTINGS.dataDir),
      ...hidden(SETTINGS.eventsKeepDays),
      ...hidden(SETTINGS.eventsKeepMb),
      ...hidden(SETTINGS.logLevel),
    ],
    ['# Who may call', ...hidden(SETTINGS.allowedHosts), ...hidden(SETTINGS.allowedOrigins)],
    [
      '# Limits',
      ...hidden(SETTINGS.connectionsMax),
      ...hidden(SETTINGS.queueMax),
      ...hidden(SETTINGS.rpcTimeoutMs),
      ...hidden(SETTINGS.headAgeMax),
      ...hidden(SETTINGS.drain),
    ],
    ['# Devnet', ...hidden(SETTINGS.anvil)],
    [
      '# Addresses that differ from the built-in ones, per chain as in RPC_<CHAIN>; here for Polygon.',
      ...hidden(polygon.balancerVault),
      ...hidden(polygon.aaveProvider),
      ...hidden(polygon.wrappedNative),
    ],
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

const explained = (setting: Setting<unknown>): string[] => setting.doc.map((line) => `# ${line}`)
const shown = (setting: Setting<unknown>): string[] => [
  ...explained(setting),
  `${setting.name}=${setting.example}`,
]
const hidden = (setting: Setting<unknown>): string[] => [
  ...explained(setting),
  `#${setting.name}=${setting.example}`,
]
