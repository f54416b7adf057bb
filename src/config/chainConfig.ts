import type { Address } from '../domain/signal.ts'
import type { RelayConfig } from './relays.ts'

/**
 * How the data-availability part of a fee is charged: the argument `l1FeeModel` of
 * `contracts/SimulationLens.sol`.
 */
export type L1FeeModel = 'none' | 'op-stack' | 'scroll' | 'mantle' | 'arbitrum'

/**
 * How a transaction is priced; each has a file in `fees/`. `eip1559`: base fee and the tips of recent blocks.
 * `no-tip`: the sequencer takes no tip. `legacy`: the node's own gas price.
 */
export type FeeModel = 'eip1559' | 'no-tip' | 'legacy'

/**
 * When a block cannot leave the chain any more: it is at or below the block of a tag, or has that many blocks
 * on top. `fallbackDepth` stands in for a tag that the node does not serve or that does not move.
 */
export type Finality =
  | { readonly tag: 'finalized' | 'safe'; readonly fallbackDepth: number }
  | { readonly depth: number }

/** What a LIVE transaction may cost at most. Wei of the native coin. */
export interface FeeLimits {
  /** Per gas. */
  readonly maxFeeWei: bigint
  /** Of one transaction, if it used all its gas at its highest price. */
  readonly maxTxCostWei: bigint
  /** Of all trades of a chain within an hour. */
  readonly maxSpendPerHourWei: bigint
  /** Beside that: of cancels and fillers, as far as they cost more than the trade whose nonce they take. */
  readonly maxRepairSpendPerHourWei: bigint
}

/**
 * What is true of a chain wherever it is reached: one row of the table in `chains.ts`. Addresses that do not
 * exist there are null.
 */
export interface ChainProfile {
  readonly chainId: number
  /** Display name, e.g. `BNB Chain`. */
  readonly name: string
  /** The environment's name of the chain, e.g. `BSC` in `RPC_BSC`. */
  readonly envName: string
  readonly nativeSymbol: string
  readonly wrappedNative: Address
  /** Usual time between blocks, ms. */
  readonly blockTimeMs: number
  /**
   * Age up to which the newest block is young enough to simulate on, ms: some five block times, at least half
   * a minute, and more where no blocks are made while nobody sends anything.
   */
  readonly headAgeMaxMs: number
  readonly l1FeeModel: L1FeeModel
  /**
   * Whose count of a trade's gas is its limit: the simulation's, or the node's own estimate where gas is not
   * the EVM's.
   */
  readonly gasBy: 'simulation' | 'node'
  readonly feeModel: FeeModel
  /** Tip below which block producers leave a transaction lying, wei per gas; 0 where they do not mind. */
  readonly minTipWei: bigint
  readonly feeLimits: FeeLimits
  readonly finality: Finality
  /** Whether a node keeps a transaction whose predecessor it has not seen yet. */
  readonly mempoolHoldsGaps: boolean
  /** Transactions of one account with delegated code (EIP-7702) that the mempool holds at once. */
  readonly delegatedInFlightMax: number
  readonly balancerVault: Address | null
  readonly aavePoolAddressesProvider: Address | null
  readonly explorer: string
}

/**
 * A configured chain: its profile plus what the environment says. Plain data: it crosses into the chain
 * thread.
 */
export interface ChainConfig extends ChainProfile {
  /** http(s)://, ws(s):// or a path of an IPC socket; tried in this order. At least one. */
  readonly endpoints: readonly string[]
  /** LIVE: private relays, and endpoints that are only sent to. Both may hold secrets. */
  readonly relays: readonly RelayConfig[]
  readonly sendOnly: readonly string[]
  /** Deployed executor; null in PAPER means its code is injected. */
  readonly executor: Address | null
  /** HEAD_AGE_MAX_S is set, so that it holds on a chain that makes blocks on demand too. */
  readonly headAgeIsSet: boolean
}
