import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { Sender } from '../../broadcast/sender.ts'
import type { Budget } from '../../budget/budget.ts'
import type { ForeignFinder } from '../../confirmation/foreignFinder.ts'
import type { MinedCount } from '../../confirmation/minedCounts.ts'
import type { MinedReceipt } from '../../confirmation/minedReceipt.ts'
import type { PollPolicy } from '../../confirmation/nextStep.ts'
import type { Finding, Position } from '../../confirmation/readChain.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import type { PendingTrade, Simulation, Valuation } from '../../domain/execution.ts'
import type { FeeQuote, MarketFee } from '../../domain/fees.ts'
import type { Attempt, LiveExecution, Realised } from '../../domain/liveExecution.ts'
import type { Address, Hex, Signal } from '../../domain/signal.ts'
import type { Failure, Result } from '../../errors/failure.ts'
import type { LiveJournal } from '../../journal/liveJournal.ts'
import type { Lanes } from '../../lanes/lanes.ts'
import type { LaneMaintenance } from '../../lanes/maintainLanes.ts'

/**
 * What the LIVE engine of one chain works with, in groups; made by the composition root of the chain thread.
 */
export interface LiveContext {
  readonly chain: ChainReader
  readonly trade: TradeMaker
  readonly budget: Budget
  readonly lanes: Lanes
  readonly maintenance: LaneMaintenance
  readonly send: Pick<Sender, 'supports' | 'phase'> & {
    /** To every node, or to the private relays: what they make of it. Never rejects. */
    broadcast(request: { attempt: Attempt; to: 'nodes' | 'relays' }): Promise<BroadcastOutcome>
    /** A node has taken something: a block may hold it soon. */
    onTaken(): void
  }
  readonly journal: LiveJournal
  readonly tell: Teller
  /** A trade is in a block, or will not be, and that is on disk. */
  readonly onOutcome: (execution: LiveExecution) => void
  readonly clock: Clock
  readonly settings: LiveEngineSettings
  readonly log: { warn(facts: object, message: string): void; error(facts: object, message: string): void }
}

/** What the chain says. Nothing here rejects. */
export interface ChainReader {
  readonly name: string
  readonly head: () => number
  /** Unix ms of the newest block. */
  readonly timeMs: () => number
  /** The operator has paused it: nothing new is signed. */
  readonly isPaused: () => boolean
  /** Which blocks hold our transactions: one finding for each position, in their order. */
  readonly find: (positions: readonly Position[]) => Promise<readonly Finding[]>
  /** The lane's mined count as each endpoint tells it that answers in time. */
  readonly minedCounts: (lane: Address) => Promise<readonly MinedCount[]>
  /** A receipt of ours from an endpoint that counts beyond the nonce, on the canonical chain. */
  readonly receiptWhereMined: (asked: {
    counts: readonly MinedCount[]
    nonce: number
    hashes: readonly Hex[]
  }) => Promise<MinedReceipt | null>
  /**
   * What took a nonce after block `since`, in a final block, by name if it can be found; null when that is
   * not known yet.
   */
  readonly foreignTransaction: ForeignFinder['final']
  /** Why a mined transaction of ours reverted; null when the node cannot tell any more. */
  readonly whyReverted: (asked: { attempt: Attempt; signal: Signal; block: number }) => Promise<{
    readonly sentence: string
    readonly hint: string | null
    readonly facts?: Failure['facts']
  } | null>
}

/** How a trade is evaluated, priced and signed. */
export interface TradeMaker {
  readonly executor: Address
  readonly payloadHash: (signal: Signal) => string
  readonly isSamePayload: (signal: Signal, known: string) => boolean
  /** Whether two trades may meet in a pool. */
  readonly sharesPool: (a: Signal, b: Signal) => boolean
  /** @param options.minProfit base units of the loan token that the executor enforces */
  readonly calldata: (signal: Signal, options: { minProfit: bigint; deadlineMs: number | null }) => Hex
  /**
   * As the lane would run it, alone and behind trades of ours in flight; a failure is the node's, not the
   * trade's.
   */
  readonly simulate: (request: {
    signal: Signal
    calldata: Hex
    lane: Address
    behind: readonly PendingTrade[]
    /** An endpoint that answers on an older block is passed over. */
    since?: number
  }) => Promise<Result<Simulation>>
  readonly valuate: (request: { signal: Signal; simulation: Simulation }) => Promise<Result<Valuation>>
  /** A failed simulation with everything that can be said of why it failed. Never rejects. */
  readonly explain: (failed: { signal: Signal; simulation: Simulation }) => Promise<Simulation>
  /** Why the simulated trade is not worth making; null when it is. */
  readonly verdict: (request: {
    signal: Signal
    simulation: Simulation
    valuation: Valuation | null
  }) => Failure | null
  readonly market: () => Promise<Result<MarketFee>>
  /** Read now, not kept from an earlier block. */
  readonly freshMarket: () => Promise<Result<MarketFee>>
  readonly gasLimit: (request: {
    simulation: Simulation
    market: MarketFee
    call: { lane: Address; calldata: Hex }
  }) => Promise<Result<bigint>>
  /** Gas limit of a transfer of nothing from a lane to itself. */
  readonly transferGas: (lane: Address) => Promise<bigint>
  /** Data fee beside the gas limit, wei: 0 where it is paid out of the gas. */
  readonly feeBesideGas: (simulation: Simulation) => bigint
  /** Base units of the loan token that the executor is to enforce. */
  readonly minimumProfit: (request: {
    signal: Signal
    simulation: Simulation
    valuation: Valuation
    maxCostWei: bigint
  }) => bigint
  /** Of the native coin, wei; null when the node does not tell. */
  readonly balance: (lane: Address) => Promise<bigint | null>
  readonly sign: (draft: {
    lane: Address
    nonce: number
    to: Address
    data: Hex
    gasLimit: bigint
    fee: FeeQuote
  }) => { readonly raw: Hex; readonly hash: Hex }
  /**
   * What the receipt of a mined transaction says in money; `signal` is null for a no-op, which trades
   * nothing.
   */
  readonly realise: (request: {
    signal: Signal | null
    executor: Address
    receipt: MinedReceipt
  }) => Promise<Realised>
}

/** What clients and subscribers are told. */
export interface Teller {
  answer(request: { execution: LiveExecution; hashes: readonly Hex[]; settledInTime: boolean }): Answer
  /** The message of a trade that is in a block, or will not be. */
  outcome(told: { execution: LiveExecution; hashes: readonly Hex[] }): string
  /** The message of any other change. */
  update(told: { execution: LiveExecution; hashes: readonly Hex[] }): string
  refuse(reason: Failure, signal: Signal): Answer
}

export interface Clock {
  /** Wall clock, Unix ms: for records and for deadlines of signals, which are in Unix time. */
  readonly nowMs: () => number
  /** Ms of a clock that never jumps: for everything that lasts. */
  readonly elapsedMs: () => number
  /**
   * Unix ms as of the start, and on from there by the clock that never jumps: what was spent within the hour.
   */
  readonly steadyMs: () => number
}

export interface LiveEngineSettings {
  readonly policy: PollPolicy
  /** Whether nodes keep a transaction whose predecessor they have not seen yet. */
  readonly mempoolHoldsGaps: boolean
  readonly laneWaitMs: number
  readonly includedWaitMs: number
  /** How long a trade without a `valid_until` is tried, ms; the executor refuses it afterwards. */
  readonly tradeTtlMs: number
  /** Promised trades that wait unsigned, at most. */
  readonly promisedMax: number
}
