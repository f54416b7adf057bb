import type { Facts, Failure } from '../errors/failure.ts'
import type { ExchangeRate } from './exchangeRate.ts'
import type { Mode } from './mode.ts'
import type { Address, Hex, Signal } from './signal.ts'
import type { UsdE8 } from './usd.ts'

/**
 * What one simulation of the exact calldata said; every figure comes from the same call on the same state.
 */
export interface Simulation {
  readonly success: boolean
  /**
   * Gas of the whole transaction: 21,000, calldata and execution, before refunds (EIP-3529 lets a chain
   * charge up to a fifth less), so a cost computed from it is never too low.
   */
  readonly gasUsed: bigint
  /**
   * What the executor returned, base units of the loan token; null when it reverted before that was known.
   */
  readonly profit: bigint | null
  /**
   * What repayment lacked, base units of the loan token, when the executor could tell (`Unprofitable`); null
   * otherwise.
   */
  readonly shortfall: bigint | null
  /** Block whose state the call stood on, as read inside the call. */
  readonly block: number
  /** Data-availability part of the fee on rollups, wei; 0 elsewhere. */
  readonly l1FeeWei: bigint
  /** What the account that would send it holds of the native coin at that block, wei. */
  readonly fundsWei: bigint
  /**
   * How it failed; null on success. `unprofitable`: it ran but earned too little; `expired`: its deadline had
   * passed on chain.
   */
  readonly revertKind: 'failed' | 'unprofitable' | 'expired' | null
  /** Why it failed, as a sentence; null on success. */
  readonly error: string | null
  /** Zero-based hop that failed, where it can be known. */
  readonly failedHop: number | null
  readonly revertData: Hex | null
  /** What to do about it, where that can be said. */
  readonly hint: string | null
  /** Further numbers of the revert, for programs. */
  readonly facts?: Facts
  /**
   * `signalId` of the first of our trades in flight behind which this one fails or earns less than it would
   * without them; null when none does, and when it was simulated behind none. The other figures are then
   * those behind all of them, gas apart.
   */
  readonly takenBy: string | null
  /** What hops leave of their input in the executor; absent when they leave nothing. */
  readonly leftovers?: readonly Leftover[]
}

/** A part of a hop's input that its router did not take: it lies in the executor and is in no profit. */
export interface Leftover {
  /** Zero-based. */
  readonly hop: number
  readonly token: Address
  readonly amount: bigint
}

/** A trade of ours that is signed and not known to be in a block. */
export interface PendingTrade {
  readonly signalId: string
  /** What its transaction calls the executor with. */
  readonly calldata: Hex
}

/** Costs and worth of one simulated trade; null where the chain gives no price. */
export interface Valuation {
  readonly gasPriceWei: bigint
  /** `gasUsed × gasPrice + l1Fee`, wei of the native token. */
  readonly gasCostWei: bigint
  /**
   * What the trade earns before gas, wei, rounded down; exact for a loan in the wrapped native coin. Null
   * without a price or a profit: then gas cannot be held against it.
   */
  readonly profitWei: bigint | null
  /** Base units of the loan token against wei, at the same prices. */
  readonly rate: ExchangeRate | null
  readonly netProfitUsdE8: UsdE8 | null
  /** Why `netProfitUsdE8` is null although there is a profit, a sentence. */
  readonly unpriced?: string
  /**
   * Whether the profit is more than the costs; null when that cannot be known. A loan in the wrapped native
   * coin is compared in wei, exactly and without any price.
   */
  readonly pays: boolean | null
}

/** One signal's whole life in PAPER, once settled. */
export interface Execution {
  readonly signal: Signal
  readonly mode: Mode
  readonly settledAtMs: number
  readonly simulation: Simulation | null
  readonly valuation: Valuation | null
  /** Null when the trade was filled. */
  readonly failure: Failure | null
}
