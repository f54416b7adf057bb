import type { MessagePort } from 'node:worker_threads'
import type { ChainConfig } from '../config/chainConfig.ts'
import type { LiveSettings } from '../config/config.ts'
import type { ControlCommand } from '../domain/control.ts'
import type { Mode } from '../domain/mode.ts'
import type { Address, Signal } from '../domain/signal.ts'
import type { Code } from '../errors/codes.ts'
import type { Result } from '../errors/failure.ts'

/** What the chain thread is given when it starts (Piscina `workerData`); plain data only. */
export interface ChainThreadData {
  readonly mode: Mode
  readonly chain: ChainConfig
  /** The chain's endpoint is a devnet node of this process, whose URL may be shown. */
  readonly embeddedDevnet: boolean
  /** Folder of this mode's databases; the thread owns `chain-<id>.sqlite` in it. */
  readonly dataDir: string
  readonly rpcTimeoutMs: number
  readonly live: LiveSettings
  /** Null in PAPER. */
  readonly secrets: LiveSecrets | null
  /** Signals of the chain that may wait or run. */
  readonly queueMax: number
  readonly logLevel: string
}

/** What LIVE signs with, read once for all threads and all their lives. Never to be logged. */
export interface LiveSecrets {
  readonly privateKeys: readonly string[]
  /** `RELAY_AUTH_KEY`. */
  readonly relayAuthKey: string | null
}

/** `execute` is journaled and broadcast to subscribers; `simulate` only answers. */
export type RequestKind = 'execute' | 'simulate'

/** A signal on its way to its chain thread; `key` ties the answer to the waiting caller. */
export interface DispatchedSignal {
  readonly key: number
  readonly kind: RequestKind
  readonly signal: Signal
}

/** Piscina task: the first one after a thread's start hands over its end of the message channel. */
export interface AttachTask {
  readonly task: 'attach'
  readonly port: MessagePort
  /** Up to where the event log has stored this chain's events; null when it knows of none. */
  readonly stored: OutboxMark | null
}
/** A place in the outbox of a chain's journal. */
export interface OutboxMark {
  /** Which journal: a file that was made anew counts its ids anew. */
  readonly journal: string
  /** 0 before the first. */
  readonly outboxId: number
}
/**
 * Piscina task: all signals of one event-loop tick in one crossing; answers leave by the channel, each when
 * ready.
 */
export interface SignalsTask {
  readonly task: 'signals'
  readonly signals: readonly DispatchedSignal[]
}
/** A command of the operator, and who gave it. */
export interface ControlOrder {
  readonly command: ControlCommand
  readonly reason: string | null
  /** As the sender calls itself, and from which address. */
  readonly by: string
}

/** A command as the chain's journal has it. */
export interface ControlEntry {
  /** Counts from 1 on each chain. */
  readonly id: number
  readonly atMs: number
  readonly action: ControlCommand['action']
  /** Null with a trade's command, and for the whole chain. */
  readonly lane: Address | null
  readonly signalId: string | null
  readonly reason: string | null
  readonly by: string
  /** `open`: it was not carried out yet, or the thread ended over it. `refused`: nothing was done. */
  readonly outcome: 'open' | 'applied' | 'refused'
  /** Why it was refused; null when it was not. */
  readonly code: Code | null
  /** What came of it. */
  readonly sentence: string | null
  readonly doneAtMs: number | null
}

/**
 * Where a chain's commands are kept; writes are on disk when they return, and throw when the disk refuses.
 */
export interface ControlStore {
  begin(order: ControlOrder): ControlEntry
  end(id: number, told: Pick<ControlEntry, 'outcome' | 'code' | 'sentence'>): ControlEntry
  /** The newest first. */
  newest(limit: number): readonly ControlEntry[]
  /** The pauses in force: of the chain (`lane` null) and of its lanes. */
  pauses(): readonly ControlEntry[]
}

/**
 * Piscina task: answer everyone who waits, close the journal; resolves when the thread may end, soon after
 * `withinMs` at the latest.
 */
export interface CloseTask {
  readonly task: 'close'
  readonly withinMs: number
}
/** Result of an attach: a thread that cannot open its journal says why and takes no signals. */
export type AttachOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string }
export type ChainTask = AttachTask | SignalsTask | CloseTask

/** One answer, already encoded: the main thread adds nothing but transport. */
export interface Answer {
  readonly success: boolean
  readonly httpStatus: number
  /** JSON text of the response. */
  readonly body: string
  /** The answer had been given before to the same id and payload. */
  readonly replayed: boolean
  /** Why nothing was executed or journaled; absent when something was. */
  readonly refused?: Code
}

/** A subscriber event waiting in the chain's outbox for its global `seq`. */
export interface OutboxEvent {
  readonly outboxId: number
  readonly signalId: string
  /**
   * `execution_update`: a change of a LIVE execution that settles nothing; only for subscribers who ask for
   * it.
   */
  readonly type: 'paper_execution' | 'live_execution' | 'execution_update'
  /** `open`: on its way (LIVE). */
  readonly outcome: 'filled' | 'failed' | 'open'
  readonly code: string | null
  readonly timestampMs: number
  /** JSON text of an object without `seq`. */
  readonly json: string
}

/** What the journal adds up for one chain, in its mode. */
export interface Totals {
  readonly totalSignals: number
  readonly executed: number
  readonly paperExecuted: number
  readonly failed: number
  /** Executed trades without a known price: they add nothing to the profit. */
  readonly unpriced: number
  /** Net profit (simulated in PAPER, realised in LIVE) minus gas, in 1e-8 USD. */
  readonly profitUsdE8: bigint
  /** What the brain claimed for the same trades, USD. */
  readonly expectedProfitUsd: number
}

export type ChainState = 'starting' | 'ready' | 'unavailable'

/** How a chain is, as its thread last knew. */
export interface ChainStatus {
  readonly chainId: number
  readonly name: string
  readonly state: ChainState
  /** Why it is not ready; null when it is. */
  readonly reason: string | null
  readonly head: number | null
  /** Age of the newest block when last seen, ms; null when unknown. */
  readonly headAgeMs: number | null
  /**
   * That block is too old to simulate on, a sentence: the chain refuses every new signal with STALE_NODE,
   * until a newer one comes. Null when it is not.
   */
  readonly stale: string | null
  /** The operator has paused it: it takes no new signals, whatever its state; null when it is not paused. */
  readonly paused: ChainPause | null
  readonly devnet: boolean
  /**
   * URL of the chain when this process started it (embedded devnet); never a configured URL, which may hold a
   * key.
   */
  readonly devnetRpc: string | null
  readonly executor: { readonly address: string; readonly deployed: boolean } | null
  /** Flash sources that can be used here. */
  readonly flashSources: readonly number[]
  readonly notes: readonly string[]
  readonly endpoints: readonly EndpointStatus[]
  /** The accounts that send on this chain; none in PAPER. */
  readonly lanes: readonly LaneReport[]
  /** What gas has cost and may still cost; null in PAPER. */
  readonly gas: { readonly trades: GasReport; readonly repairs: GasReport } | null
}
/** One allowance for an hour; wei as decimal text. */
export interface GasReport {
  readonly allowanceWei: string
  readonly spentLastHourWei: string
  /** What transactions in flight may still cost. */
  readonly atStakeWei: string
  readonly leftWei: string
}
export interface ChainPause {
  /** ISO 8601. */
  readonly since: string
  readonly by: string
  readonly reason: string | null
}
/** One account that sends, as its chain's thread last knew. */
export interface LaneReport {
  readonly address: string
  /** The nonce above every one in use. */
  readonly nonce: number
  readonly inFlight: number
  /** In flight at most. */
  readonly cap: number
  /** Why it takes no trades; null when it does. */
  readonly paused: string | null
  /** Nonces below one in use that no transaction holds. */
  readonly gaps: readonly number[]
}
/**
 * How an RPC endpoint is, by its own head against the best head and the clock, and by its answers. `behind`:
 * it answers, on old state. `silent`: it does not answer in time. `limited`: it has asked for fewer requests.
 * `wrong_chain`: it serves another chain, or its blocks do not fit those of the other endpoints.
 * `unreachable`: no connection, or no usable answer.
 */
export type EndpointState = 'well' | 'behind' | 'silent' | 'limited' | 'wrong_chain' | 'unreachable'

/** One RPC endpoint, named by host only: paths and queries of RPC URLs hold keys. */
export interface EndpointStatus {
  readonly host: string
  readonly state: EndpointState
  /** It answers: `well` or `behind`. */
  readonly healthy: boolean
  /** Number of its newest block, and the age of that; null before the first. */
  readonly head: number | null
  readonly headAgeMs: number | null
  /** How far it is behind the best endpoint or the clock; null unless it is `behind`. */
  readonly behind: { readonly blocks: number; readonly seconds: number } | null
  readonly clientVersion: string | null
  readonly latencyMs: number | null
  readonly lastError: string | null
}

export interface SettledSignal {
  readonly key: number
  readonly answer: Answer
}

/** One measured stage of one simulation batch, for metrics. */
export interface StageTiming {
  readonly stage: 'simulate' | 'journal'
  readonly seconds: number
}

/** Thread → main, many of each per message when many are ready. */
export type ThreadMessage =
  | {
      readonly kind: 'settled'
      readonly settled: readonly SettledSignal[]
      readonly events: readonly OutboxEvent[]
      readonly totals: Totals | null
      readonly timings: readonly StageTiming[]
    }
  | {
      readonly kind: 'status'
      readonly status: ChainStatus
      /**
       * 99th percentile of the thread's event loop delay since it was last told; null between two tellings.
       */
      readonly eventLoopDelaySeconds: number | null
    }
  /** First of all: the journal is open, and has no events up to this one any more. */
  | { readonly kind: 'attached'; readonly forgotten: OutboxMark }
  /** Events that the event log has asked for again; `more` when there are further ones above them. */
  | { readonly kind: 'resent'; readonly events: readonly OutboxEvent[]; readonly more: boolean }
  | { readonly kind: 'controlled'; readonly key: number; readonly outcome: Result<readonly ControlEntry[]> }
  | { readonly kind: 'rpc'; readonly requests: readonly RpcTiming[] }

/** One exchange with an RPC endpoint; its calls may have shared a batch with other methods. */
export interface RpcTiming {
  readonly host: string
  readonly method: string
  /** Calls of this method in the exchange. */
  readonly calls: number
  readonly seconds: number
  readonly ok: boolean
}

/** Main → thread over the channel. */
export type MainMessage =
  /**
   * Events up to `outboxId` are stored. What was final before `keptSinceMs` is in the history no more (null:
   * all of it is), and may be forgotten.
   */
  | { readonly kind: 'stored'; readonly outboxId: number; readonly keptSinceMs: number | null }
  /** The event log wants the events above this one, some at a time. */
  | { readonly kind: 'resend'; readonly aboveOutboxId: number }
  | { readonly kind: 'control'; readonly key: number; readonly request: ControlRequest }

/** A command to carry out, or a question for the newest ones. */
export type ControlRequest = { readonly order: ControlOrder } | { readonly newest: number }
