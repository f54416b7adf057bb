import type { Mode } from '../domain/mode.ts'
import type { Address } from '../domain/signal.ts'
import type { ChainProfile } from './chainConfig.ts'
import type { LogLevel } from './config.ts'
import { parseEndpoints } from './endpoints.ts'
import { parseHost, parseHostList, parseOriginList } from './hosts.ts'
import { LIMITS } from './limits.ts'
import { type Parsed, parsed } from './parsed.ts'
import { parseAddress, parseChoice, parseInteger, parsePath } from './scalars.ts'

/** One variable of the environment: what it means, what it is when absent, how it is read, how `.env.example` shows it. */
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
    doc: ['PAPER simulates every trade and sends nothing. LIVE is not part of this version.'],
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
  dataDir: setting<string>({
    name: 'DATA_DIR',
    doc: ['Folder of the journals; made when it is missing.'],
    fallback: './data',
    parse: parsePath,
    example: './data',
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
  logLevel: setting<LogLevel>({
    name: 'LOG_LEVEL',
    doc: ['fatal, error, warn, info, debug, trace or silent.'],
    fallback: 'info',
    parse: parseChoice<LogLevel>(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    example: 'info',
  }),
} as const

/** The settings of one chain. */
export interface ChainSettings {
  readonly endpoints: Setting<readonly string[]>
  readonly executor: Setting<Address | null>
  readonly balancerVault: Setting<Address | null>
  readonly aaveProvider: Setting<Address | null>
  readonly wrappedNative: Setting<Address | null>
}

/** The settings of one chain; those for addresses override what the table of chains says. */
export function chainSettings({ envName, name }: Pick<ChainProfile, 'envName' | 'name'>): ChainSettings {
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
  }
}
