import type { Mode } from '../domain/mode.ts'
import type { Address } from '../domain/signal.ts'
import type { ChainProfile } from './chainConfig.ts'
import type { LogLevel } from './config.ts'
import { parseEndpoints } from './endpoints.ts'
import { parseHost, parseHostList, parseOriginList } from './hosts.ts'
import { LIMITS } from './limits.ts'
import { type Parsed, parsed } from './parsed.ts'
import { parseRelayKey, parseRelays, type RelayConfig } from './relays.ts'
import { parseAddress, parseChoice, parseInteger, parsePath, parseUnits } from './scalars.ts'

/**
 * One variable of the environment: what it means, what it is when absent, how it is read, how `.env.example`
 * shows it.
 */
export interface Setting<T> {
  readonly name: string
  /** Lines of explanation in `.env.example`. */
  readonly doc: readonly string[]
  readonly fallback: T
  readonly parse: (text: string) => Parsed<T>
  readonly example: string
}

const setting = <T>(entry: Setting<T>): Setting<T> => entry

/** The settings that exist once. `chainSettings` has those that exist for every chain. */
export const SETTINGS = {
  mode: setting<Mode>({
    name: 'EXECUTION_MODE',
    doc: [
      'PAPER simulates every trade and sends nothing. LIVE sends real transactions; see docs/live.md first.',
    ],
    fallback: 'PAPER',
    parse: parseChoice<Mode>(['PAPER', 'LIVE']),
    example: 'PAPER',
  }),
  host: setting<string>({
    name: 'EXECUTION_HOST',
    doc: ['Where the server listens. localhost is this machine only, by IPv4 and IPv6.'],
    fallback: 'localhost',
    parse: parseHost,
    example: 'localhost',
  }),
  port: setting<number>({
    name: 'EXECUTION_PORT',
    doc: ['0 lets the system choose a free port.'],
    fallback: 8545,
    parse: parseInteger({ min: 0, max: 65_535 }),
    example: '8545',
  }),
  relayAuthKey: setting<string | null>({
    name: 'RELAY_AUTH_KEY',
    doc: [
      'For LIVE mode only: key by which relays know us. It needs no funds and must not be that of an account; a random one when absent.',
    ],
    fallback: null,
    parse: parseRelayKey,
    example: '0x...',
  }),
  laneInFlightMax: setting<number>({
    name: 'LANE_IN_FLIGHT_MAX',
    doc: [
      'For LIVE mode only: transactions of one account that may be in flight together. What is behind a stuck one waits with',
      'it; more accounts (PRIVATE_KEYS) carry more trades at once.',
    ],
    fallback: 4,
    parse: parseInteger({ min: 1, max: 16 }),
    example: '4',
  }),
  laneWait: setting<number>({
    name: 'LANE_WAIT_MS',
    doc: [
      'For LIVE mode only: how long a signal waits for an account with room before it is refused with LANES_BUSY.',
    ],
    fallback: 30_000,
    parse: parseInteger({ min: 0, max: 600_000 }),
    example: '30000',
  }),
  tradeTtl: setting<number>({
    name: 'TRADE_TTL_S',
    doc: [
      'For LIVE mode only: how long a trade without a valid_until is tried; afterwards the executor refuses it too.',
    ],
    fallback: 600,
    parse: parseInteger({ min: 1, max: 86_400 }),
    example: '600',
  }),
  includedWait: setting<number>({
    name: 'INCLUDED_WAIT_MS',
    doc: [
      'For LIVE mode only: how long an answer waits for the block; after that it is 202, and GET /trades/{signal_id} tells.',
    ],
    fallback: 60_000,
    parse: parseInteger({ min: 100, max: 110_000 }),
    example: '60000',
  }),
  executor: setting<Address | null>({
    name: 'EXECUTOR_ADDRESS',
    doc: [
      'Your deployed OmniArbExecutor contract, if it has one address on all chains. Without it PAPER simulates with the',
      "contract's code injected, and nothing needs to be deployed.",
    ],
    fallback: null,
    parse: parseAddress,
    example: '0x...',
  }),
  privateKey: setting<string | null>({
    name: 'PRIVATE_KEY',
    doc: ['For LIVE mode only: never read in PAPER.'],
    fallback: null,
    parse: parsed,
    example: '',
  }),
  privateKeys: setting<string | null>({
    name: 'PRIVATE_KEYS',
    doc: ['Several keys, separated by commas, instead of one.'],
    fallback: null,
    parse: parsed,
    example: '0x...,0x...',
  }),
  keystore: setting<string | null>({
    name: 'KEYSTORE',
    doc: [
      'Paths of encrypted JSON keystore files, separated by commas, instead of or besides keys in plain text. For LIVE mode',
      'only, like all of these.',
    ],
    fallback: null,
    parse: parsed,
    example: './keystore.json',
  }),
  keystorePassphraseFile: setting<string | null>({
    name: 'KEYSTORE_PASSPHRASE_FILE',
    doc: ['Path of a file that holds the passphrase of the keystores.'],
    fallback: null,
    parse: parsed,
    example: './passphrase.txt',
  }),
  dataDir: setting<string>({
    name: 'DATA_DIR',
    doc: ['Folder of the journals; made when it is missing.'],
    fallback: './data',
    parse: parsePath,
    example: './data',
  }),
  eventsKeepDays: setting<number>({
    name: 'EVENTS_KEEP_DAYS',
    doc: [
      'Days that trades and their events are kept. A signal_id is remembered for as long as its trade: afterwards it is a new',
      'one. What is still open stays.',
    ],
    fallback: 90,
    parse: parseInteger({ min: 1, max: 36_500 }),
    example: '90',
  }),
  eventsKeepMb: setting<number>({
    name: 'EVENTS_KEEP_MB',
    doc: [
      'Megabytes (MiB) of the event log above which its oldest events go before their time; the journals of the chains follow,',
      'and take about as much together. A PAPER trade takes some 1,200 bytes in each.',
    ],
    fallback: 10_000,
    parse: parseInteger({ min: 1, max: 100_000_000 }),
    example: '10000',
  }),
  allowedHosts: setting<readonly string[]>({
    name: 'ALLOWED_HOSTS',
    doc: [
      'Host names by which clients may call this server, besides EXECUTION_HOST and the names of this machine itself',
      '(localhost, 127.0.0.1, [::1]). Separated by commas.',
    ],
    fallback: [],
    parse: parseHostList,
    example: 'titan.internal',
  }),
  allowedOrigins: setting<readonly string[]>({
    name: 'ALLOWED_ORIGINS',
    doc: ['Origins of web pages that may call this server, besides its own. Separated by commas.'],
    fallback: [],
    parse: parseOriginList,
    example: 'https://dashboard.example.org',
  }),
  maxFee: setting<bigint | null>({
    name: 'MAX_FEE_GWEI',
    doc: [
      'LIVE: the most a transaction may offer per gas. Every chain has a built-in limit, far above its usual price; this',
      'replaces it on all chains, and with a chain at its end (MAX_FEE_GWEI_POLYGON) on one.',
    ],
    fallback: null,
    parse: parseUnits({ decimals: 9 }),
    example: '300',
  }),
  maxTxCost: setting<bigint | null>({
    name: 'MAX_TX_COST_NATIVE',
    doc: [
      'LIVE: the most one transaction may cost, in whole coins of the chain. Built in: 0.05 on Ethereum, elsewhere some',
      'tens of dollars at most.',
    ],
    fallback: null,
    parse: parseUnits({ decimals: 18 }),
    example: '0.05',
  }),
  maxSpendPerHour: setting<bigint | null>({
    name: 'MAX_GAS_SPEND_PER_HOUR_NATIVE',
    doc: ['LIVE: the most all trades of a chain may cost within an hour. Built in: ten times that of one.'],
    fallback: null,
    parse: parseUnits({ decimals: 18 }),
    example: '0.5',
  }),
  maxRepairSpendPerHour: setting<bigint | null>({
    name: 'MAX_REPAIR_SPEND_PER_HOUR_NATIVE',
    doc: [
      'LIVE: what cancels and fillers of unused nonces may cost beside that, so that a used-up hour never leaves an account stuck.',
      'A cancel is paid by the trade it takes the place of first. Built in: a fifth of what the trades may cost.',
    ],
    fallback: null,
    parse: parseUnits({ decimals: 18 }),
    example: '0.1',
  }),
  minProfitShare: setting<number>({
    name: 'MIN_PROFIT_SHARE',
    doc: [
      'LIVE: percent of the simulated profit that a trade must still earn in its block, else it reverts there. Whatever it is, the',
      'contract never takes less than min_profit, or than what the transaction can cost where the token has a price.',
    ],
    fallback: 50,
    parse: parseInteger({ min: 0, max: 100 }),
    example: '50',
  }),
  connectionsMax: setting<number>({
    name: 'CONNECTIONS_MAX',
    doc: ['Open client connections, HTTP and WebSocket together; further ones are refused.'],
    fallback: LIMITS.connectionsMax,
    parse: parseInteger({ min: 1, max: 1_000_000 }),
    example: String(LIMITS.connectionsMax),
  }),
  queueMax: setting<number>({
    name: 'QUEUE_MAX',
    doc: ['Signals waiting or running per chain; further ones are refused with OVERLOADED.'],
    fallback: LIMITS.queueMax,
    parse: parseInteger({ min: 1, max: 1_000_000 }),
    example: String(LIMITS.queueMax),
  }),
  rpcTimeoutMs: setting<number>({
    name: 'RPC_TIMEOUT_MS',
    doc: ['Milliseconds an RPC endpoint may take to answer.'],
    fallback: 5_000,
    parse: parseInteger({ min: 100, max: 120_000 }),
    example: '5000',
  }),
  headAgeMax: setting<number | null>({
    name: 'HEAD_AGE_MAX_S',
    doc: [
      'Seconds the newest block of all RPC endpoints of a chain may be old before trades are refused with STALE_NODE. Every',
      'chain has a built-in limit; this replaces it on all chains, and with a chain at its end (HEAD_AGE_MAX_S_BASE) on one.',
    ],
    fallback: null,
    parse: parseInteger({ min: 1, max: 86_400 }),
    example: '30',
  }),
  drain: setting<number>({
    name: 'DRAIN_MS',
    doc: [
      'Milliseconds within which a stop ends: what runs is answered until shortly before, then told how it stands. Shorter',
      'than what the process manager waits before it kills (Docker 10 s, systemd 90 s).',
    ],
    fallback: 8_000,
    parse: parseInteger({ min: 2_000, max: 600_000 }),
    example: '8000',
  }),
  logLevel: setting<LogLevel>({
    name: 'LOG_LEVEL',
    doc: ['fatal, error, warn, info, debug, trace or silent.'],
    fallback: 'info',
    parse: parseChoice<LogLevel>(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    example: 'info',
  }),
  anvil: setting<string | null>({
    name: 'ANVIL_BIN',
    doc: [
      'The anvil program (Foundry 1.7) that runs the devnet, where npm ci brings none along: other platforms than Linux x64.',
    ],
    fallback: null,
    parse: parsePath,
    example: '/usr/local/bin/anvil',
  }),
} as const

/** The settings of one chain. */
export interface ChainSettings {
  readonly endpoints: Setting<readonly string[]>
  readonly executor: Setting<Address | null>
  readonly balancerVault: Setting<Address | null>
  readonly aaveProvider: Setting<Address | null>
  readonly wrappedNative: Setting<Address | null>
  readonly relays: Setting<readonly RelayConfig[]>
  readonly sendOnly: Setting<readonly string[]>
  readonly maxFee: Setting<bigint | null>
  readonly maxTxCost: Setting<bigint | null>
  readonly maxSpendPerHour: Setting<bigint | null>
  readonly maxRepairSpendPerHour: Setting<bigint | null>
  readonly headAgeMax: Setting<number | null>
}

/**
 * The settings of one chain; they override what the table of chains says, and settings of the same name for
 * all chains.
 */
export function chainSettings({
  chainId,
  envName,
  name,
}: Pick<ChainProfile, 'chainId' | 'envName' | 'name'>): ChainSettings {
  const address = (prefix: string, doc: string): Setting<Address | null> =>
    setting({
      name: `${prefix}_${envName}`,
      doc: [doc],
      fallback: null,
      parse: parseAddress,
      example: '0x...',
    })
  return {
    endpoints: setting<readonly string[]>({
      name: `RPC_${envName}`,
      doc: [name],
      fallback: [],
      parse: parseEndpoints,
      example: 'https://...',
    }),
    executor: address(
      'EXECUTOR_ADDRESS',
      'The executor contract of one chain, where it has another address there.',
    ),
    balancerVault: address('BALANCER_VAULT', 'The Balancer V3 vault that lends on one chain.'),
    aaveProvider: address('AAVE_PROVIDER', "Aave V3's pool addresses provider of one chain."),
    wrappedNative: address('WRAPPED_NATIVE', 'The wrapped native coin of one chain, in which gas is priced.'),
    relays: setting<readonly RelayConfig[]>({
      name: `RELAY_${envName}`,
      doc: [
        'For LIVE mode only: private relays of one chain, kind|url or kind|url|authorization, separated by commas. Kinds:',
        'flashbots, plain, bundle, bloxroute, rpc. A signal asks for them with "relay": "private" or "private_then_public".',
      ],
      fallback: [],
      parse: (text) => parseRelays(text, chainId),
      example: 'flashbots|https://...',
    }),
    sendOnly: setting<readonly string[]>({
      name: `SEND_ONLY_${envName}`,
      doc: [
        'For LIVE mode only: further endpoints of one chain that signed transactions are sent to, and nothing is read from.',
      ],
      fallback: [],
      parse: parseEndpoints,
      example: 'https://...',
    }),
    maxFee: { ...SETTINGS.maxFee, name: `${SETTINGS.maxFee.name}_${envName}` },
    maxTxCost: { ...SETTINGS.maxTxCost, name: `${SETTINGS.maxTxCost.name}_${envName}` },
    maxSpendPerHour: { ...SETTINGS.maxSpendPerHour, name: `${SETTINGS.maxSpendPerHour.name}_${envName}` },
    maxRepairSpendPerHour: {
      ...SETTINGS.maxRepairSpendPerHour,
      name: `${SETTINGS.maxRepairSpendPerHour.name}_${envName}`,
    },
    headAgeMax: { ...SETTINGS.headAgeMax, name: `${SETTINGS.headAgeMax.name}_${envName}` },
  }
}
