import typia from 'typia'
import type { PositiveInteger, SafeInteger } from './safeInteger.ts'

/**
 * A signal as a client sends it: the required fields, then the optional ones. Only JSON types are checked
 * here, and that the numbers naming a lender or a venue are known; what the values mean is checked by
 * `decodeSignal`. Unknown fields are ignored, and `null` in an optional field means that it is not given.
 */
export interface SignalShape {
  /** EIP-155 chain id. */
  chainId: PositiveInteger
  /** Token borrowed, and the one the route ends in. */
  token: string
  /** Base units of `token`, as a decimal string; a JSON integer up to 2^53 - 1 is taken too. */
  amount: string | number
  /** Lender of the flash loan: 1 Balancer V3 vault, 2 Aave V3 pool. */
  flashSource: 1 | 2
  /** Venue kind of each hop: 0 Uniswap V2 router, 1 Uniswap V3 router, 2 Curve pool. */
  protocols: (0 | 1 | 2)[]
  /** Router (0, 1) or pool (2) of each hop. */
  routers: string[]
  /**
   * Tokens of the route: what each hop gives, or what each hop takes, or all of them from loan token to loan
   * token.
   */
  path: string[]
  /** Venue data of each hop, 0x-prefixed hexadecimal; `0x` for none. */
  extras: string[]
  /** Profit the sender expects, USD. Recorded, never believed. */
  expected_profit?: number | null
  /** The mode the trade is meant for; a server in another refuses it. */
  mode?: 'PAPER' | 'LIVE' | null
  /**
   * The sender's own id of this trade, 1 to 64 of `A-Z a-z 0-9 . _ -`; the same id is never executed twice.
   */
  signal_id?: string | null
  /** Base units of `token` below which the trade is refused. */
  min_profit?: string | number | null
  /** Unix milliseconds after which the signal is refused. */
  valid_until?: SafeInteger | null
  /** Highest block the simulation may stand on. */
  max_block?: SafeInteger | null
  /** Where the transaction may be shown before it is included. */
  relay?: 'public' | 'private' | 'private_then_public' | null
  /** How far the answer waits. */
  wait?: 'none' | 'broadcast' | 'included' | null
}

export const isSignalShape = typia.createIs<SignalShape>()
export const validateSignalShape = typia.createValidate<SignalShape>()
