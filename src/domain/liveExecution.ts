import type { Failure } from '../errors/failure.ts'
import type { Leftover, Simulation, Valuation } from './execution.ts'
import type { ExecutionState } from './executionState.ts'
import type { FeeQuote } from './fees.ts'
import type { Address, Hex, Signal } from './signal.ts'
import type { UsdE8 } from './usd.ts'

/** Signed bytes that may have left; on disk before they do. */
export interface Attempt {
  readonly hash: Hex
  /**
   * `cancel` and `filler` are transfers of nothing to ourselves: one takes a trade's nonce, the other an
   * unused one.
   */
  readonly kind: 'first' | 'replacement' | 'cancel' | 'filler'
  /** Null for a filler. */
  readonly signalId: string | null
  readonly lane: Address
  readonly nonce: number
  /** The executor it calls; the lane itself where it is a no-op. */
  readonly to: Address
  readonly raw: Hex
  readonly fee: FeeQuote
  readonly gasLimit: bigint
  /** Newest block known when it was signed: the clock of bumps. */
  readonly signedAtBlock: number
  readonly signedAtMs: number
}

/** What a block says of one of our transactions. */
export interface Inclusion {
  readonly hash: Hex
  readonly block: number
  readonly blockHash: Hex
  readonly gasUsed: bigint
  readonly effectiveGasPriceWei: bigint
  /** Data-availability fee beside the gas, wei; 0 where there is none. */
  readonly l1FeeWei: bigint
}

/** One transaction in one block: after a reorg the same transaction costs anew, in another block. */
export const receiptName = ({ hash, blockHash }: Pick<Inclusion, 'hash' | 'blockHash'>): string =>
  `${hash}/${blockHash}`

/** When its gas was spent, Unix ms; in records of older versions their last change stands for it. */
export const spentAtMs = ({
  includedAtMs,
  changedAtMs,
}: Pick<LiveExecution, 'includedAtMs' | 'changedAtMs'>): number => includedAtMs ?? changedAtMs

/** What came of it, from the receipt alone. */
export interface Realised {
  /** Base units of the loan token that the executor gained; 0 when it reverted or was cancelled. */
  readonly profit: bigint
  /** `gasUsed × effectiveGasPrice + l1Fee`, wei. */
  readonly gasCostWei: bigint
  /** Profit minus gas; null when there is no price. */
  readonly netProfitUsdE8: UsdE8 | null
  /** Why `netProfitUsdE8` is null, a sentence. */
  readonly unpriced?: string
  /** What was earned and what its gas cost, for a person; absent in records of older versions. */
  readonly told?: { readonly profit: string; readonly gas: string }
  /** Profit minus gas of a loan in the wrapped native coin, which needs no price. */
  readonly netWei?: bigint
  /** Why it is not known what the trade earned, a sentence; the profit is told as 0 then. */
  readonly warning?: string
  /**
   * Why event and transfers differ although the profit is known: it is what the balance did, for a token that
   * rounds.
   */
  readonly note?: string
  /** What hops left of their input in the executor; absent when they left nothing. */
  readonly leftovers?: readonly Leftover[]
}

/** Whether it is a transfer of nothing to ourselves. */
export const isNoOp = ({ kind }: Pick<Attempt, 'kind'>): boolean => kind === 'cancel' || kind === 'filler'

/** One signal's life in LIVE as the journal keeps it; a new value at every change. */
export interface LiveExecution extends NonceRecord {
  readonly signal: Signal
}

/** A nonce that no trade uses, and that is used up by a no-op so that what is above it moves on. */
export interface FillerRecord extends NonceRecord {
  readonly signal: null
  readonly lane: Address
  readonly nonce: number
}

/** What is put down of everything that is signed at a nonce, for a signal or for none. */
interface NonceRecord {
  readonly state: ExecutionState
  /** Nothing can change any more: denied or expired, or its block is final. */
  readonly final: boolean
  readonly lane: Address | null
  readonly nonce: number | null
  readonly simulation: Simulation | null
  readonly valuation: Valuation | null
  readonly failure: Failure | null
  readonly inclusion: Inclusion | null
  readonly realised: Realised | null
  readonly acceptedAtMs: number
  readonly changedAtMs: number
  /** When `inclusion` was first seen, Unix ms; absent before, and in records of older versions. */
  readonly includedAtMs?: number
}
