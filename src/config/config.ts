import type { Mode } from '../domain/mode.ts'
import type { ChainConfig } from './chainConfig.ts'

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'

/** What only LIVE needs. */
export interface LiveSettings {
  /** Transactions of one account in flight together. */
  readonly laneInFlightMax: number
  /** How long a signal waits for an account with room, ms. */
  readonly laneWaitMs: number
  /** How long a trade without a `valid_until` is tried, ms; the executor refuses it afterwards. */
  readonly tradeTtlMs: number
  /** How long an answer waits for the block, ms. */
  readonly includedWaitMs: number
  /** Percent of the simulated profit that the executor enforces. */
  readonly minProfitShare: number
}

/** Everything the environment says, checked and in final units; deep-frozen. It holds no private key. */
export interface Config {
  readonly mode: Mode
  /**
   * As the user wrote it: `localhost`, another host name, or an IP address without brackets. See
   * `bindAddresses`.
   */
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  /** Absolute. */
  readonly dataDir: string
  /**
   * The configured chains in the order of the documentation; all 15, without endpoints, when
   * `embeddedDevnet`.
   */
  readonly chains: readonly ChainConfig[]
  /** No RPC_* is set: the process starts its own chains and fills their endpoints in with `withDevnet`. */
  readonly embeddedDevnet: boolean
  /** Values of the Host header that are answered, port left out: lower case, IPv6 in brackets. */
  readonly allowedHosts: readonly string[]
  /** Values of the Origin header that are answered, as browsers write them. */
  readonly allowedOrigins: readonly string[]
  readonly connectionsMax: number
  /** Signals waiting or running per chain. */
  readonly queueMax: number
  readonly rpcTimeoutMs: number
  /** How much of the history is kept: events that are neither older nor together larger (MiB). */
  readonly eventsKeepDays: number
  readonly eventsKeepMb: number
  /** Within which a stop ends. */
  readonly drainMs: number
  readonly live: LiveSettings
  readonly logLevel: LogLevel
  /** The anvil program of the embedded devnet; null is the one that `npm ci` installs. */
  readonly anvil: string | null
  /** What is allowed but should be said at start, a sentence each. */
  readonly warnings: readonly string[]
}
