import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { Decide, Watched } from '../../confirmation/decider.ts'
import type { ForeignFinder } from '../../confirmation/foreignFinder.ts'
import type { ReceiptLog } from '../../confirmation/minedReceipt.ts'
import type { Answer } from '../../dispatch/protocol.ts'
import type { Simulation, Valuation } from '../../domain/execution.ts'
import type { FeeQuote, MarketFee } from '../../domain/fees.ts'
import type { Attempt, Inclusion, LiveExecution, Realised } from '../../domain/liveExecution.ts'
import type { Address, Hex, RelayPolicy, Signal } from '../../domain/signal.ts'
import type { Failure, Result } from '../../errors/failure.ts'
import type { LiveJournal } from '../../journal/liveJournal.ts'
import type { Lanes } from '../../lanes/lanes.ts'
import type { OpenExecution } from './openExecution.ts'

/** An execution as the watch asks the chain about it. */
export interface WatchedExecution extends Watched {
  readonly execution: OpenExecution
}

/** Unsigned: where a call goes, at which nonce, for how much. */
export interface Draft {
  readonly lane: Address
  readonly nonce: number
  readonly to: Address
  readonly data: Hex
  readonly gasLimit: bigint
  readonly fee: FeeQuote
}

/** What the LIVE engine of one chain works with; made by the composition root of the chain thread. */
export interface LiveContext {
  readonly chainName: string
  readonly executor: Address
  readonly journal: LiveJournal
  readonly lanes: Lanes
  readonly payloadHash: (signal: Signal) => string
  readonly isSamePayload: (signal: Signal, known: string) => boolean
  readonly encodeCalldata: (signal: Signal) => Hex
  /** As the lane would run it; a failure is the node's, not the trade's. */
  readonly simulate: (request: {
    signal: Signal
    calldata: Hex
    lane: Address
  }) => Promise<Result<Simulation>>
  readonly valuate: (request: { signal: Signal; simulation: Simulation }) => Promise<Result<Valuation>>
  readonly market: () => Promise<Result<MarketFee>>
  /** Read now, not kept from an earlier block. */
  readonly freshMarket: () => Promise<Result<MarketFee>>
  readonly gasLimit: (request: { simulation: Simulation; market: MarketFee }) => bigint
  /** The quote within every limit, the account's balance included; or why nothing may be sent. */
  readonly limitFee: (request: {
    lane: Address
    market: MarketFee
    simulation: Simulation
    valuation: Valuation
    signal: Signal
    gasLimit: bigint
  }) => Promise<Result<FeeQuote>>
  /** A fee that replaces what was tried at a nonce; null when no limit leaves room for one. */
  readonly bumpFee: (request: {
    market: MarketFee
    tried: readonly FeeQuote[]
    gasLimit: bigint
    /** What it is expected to use, and its data fee. */
    gasUsed: bigint
    l1FeeWei: bigint
    /** The trade whose profit bounds the fee; null for a no-op. */
    trade: LiveExecution | null
  }) => Promise<FeeQuote | null>
  readonly sign: (draft: Draft) => { readonly raw: Hex; readonly hash: Hex }
  /** Sends an attempt where its signal's policy wants it, given the heads since the nonce's first attempt; a no-op goes to every node. */
  readonly broadcast: (request: {
    attempt: Attempt
    policy: RelayPolicy
    blocksWaited: number
  }) => Promise<BroadcastOutcome>
  readonly relays: {
    supports(policy: RelayPolicy): boolean
    /** What the policy wants after so many blocks in private. */
    privateStep(request: { policy: RelayPolicy; blocksWaited: number }): 'none' | 'publish' | 'cancel'
  }
  /** Asks the chain about executions whose bytes are out, and says what its answer demands of each. */
  readonly decide: Decide<WatchedExecution>
  /** What took a nonce after block `since`, in a final block, by name if it can be found; null when that is not known yet. */
  readonly findForeign: ForeignFinder['final']
  /** The lane's mined count at `latest`; null when the node does not tell. */
  readonly minedCount: (lane: Address) => Promise<number | null>
  /** Turns what a receipt says into money. */
  readonly realise: (request: {
    signal: Signal
    inclusion: Inclusion
    logs: readonly ReceiptLog[]
    success: boolean
  }) => Promise<Realised>
  readonly encode: {
    answer(request: { execution: LiveExecution; hashes: readonly Hex[]; settledInTime: boolean }): Answer
    /** The message of a trade that is in a block, or will not be. */
    outcome(told: { execution: LiveExecution; hashes: readonly Hex[] }): string
    /** The message of any other change. */
    update(told: { execution: LiveExecution; hashes: readonly Hex[] }): string
  }
  readonly refuse: (reason: Failure, signal: Signal) => Answer
  /** The nonce is mined: what it could still cost is known now. */
  readonly onSettled: (lane: Address, nonce: number) => void
  /** Stops a lane whose account cannot pay for a trade; it goes on by itself once the account can. */
  readonly onPoor: (lane: Address, neededWei: bigint) => void
  /** Before an account at rest signs: why it must not, since somebody else has used it; the lane is stopped then. Never rejects. */
  readonly checkLane: (lane: Address) => Promise<Failure | null>
  /** Looks after lanes at rest: who else uses them, and whether they can pay again. Never rejects. */
  readonly tendLanes: () => Promise<void>
  /** A node has taken something: a block may hold it soon. */
  readonly onSent: () => void
  readonly head: () => number
  readonly now: () => number
  readonly laneWaitMs: number
  readonly includedWaitMs: number
  readonly log: { warn(facts: object, message: string): void; error(facts: object, message: string): void }
}
