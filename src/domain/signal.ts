/** 0x-prefixed, lower-case hexadecimal bytes of any even length. */
export type Hex = `0x${string}`
/** 20 bytes as lower-case `Hex`; checksums are verified at the edge and not kept. */
export type Address = Hex

/** Flash-loan lender by its number on the wire: 1 = Balancer V3 vault, 2 = Aave V3 pool. */
export type FlashSource = 1 | 2
/** Venue kind by its number on the wire: 0 = Uniswap V2 router, 1 = Uniswap V3 SwapRouter, 2 = Curve pool. */
export type ProtocolId = 0 | 1 | 2

/** One pool crossed: `tokenIn` is spent whole, `tokenOut` is what must arrive. */
export interface Hop {
  readonly protocol: ProtocolId
  /** Router (V2, V3) or pool (Curve) that is called. */
  readonly router: Address
  readonly tokenIn: Address
  readonly tokenOut: Address
  /**
   * Venue data as the executor contract takes it: V2 empty, V3 `abi.encode(uint24 fee)`, Curve
   * `abi.encode(int128 i, int128 j)`.
   */
  readonly extra: Hex
  /** The client sent no extras, and `extra` is what that means for this venue. */
  readonly isDefaultExtra?: true
}

/** Where a LIVE transaction may be shown before it is included. */
export type RelayPolicy = 'public' | 'private' | 'private_then_public'
/** How far an answer waits: at once, until a node accepted, or until included. */
export type WaitFor = 'none' | 'broadcast' | 'included'

/** A client's request to trade, validated and normalised; never changed after creation. */
export interface Signal {
  /** The client's idempotency key, or one made by us when absent. */
  readonly signalId: string
  readonly chainId: number
  readonly flashSource: FlashSource
  readonly loanToken: Address
  /** Base units of `loanToken`, 1 to 2^256 - 1. */
  readonly loanAmount: bigint
  /** Ends in `loanToken`; one to `limits.hopsMax` hops. */
  readonly hops: readonly Hop[]
  /** USD as the brain claims it; recorded, never believed. */
  readonly expectedProfitUsd: number
  /** Base units of `loanToken` below which the trade is refused. */
  readonly minProfit: bigint
  /** Unix milliseconds after which the signal is refused; null = no limit. */
  readonly validUntilMs: number | null
  /** Highest block the simulation may stand on; null = no limit. */
  readonly maxBlock: number | null
  readonly relay: RelayPolicy
  readonly wait: WaitFor
}
