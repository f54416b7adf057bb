import type { BudgetReport } from '../src/budget/budget.ts'
import type { Answer, ChainThreadData, LaneReport, OutboxEvent } from '../src/dispatch/protocol.ts'
import type { ThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Signal } from '../src/domain/signal.ts'
import type { Failure, Result } from '../src/errors/failure.ts'
import type { JournalBase } from '../src/journal/journal.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import type { Block, Heads } from '../src/nodes/heads.ts'
import type { JsonRpc } from '../src/nodes/rpc.ts'
import type { Logger } from '../src/observability/logger.ts'

/** What a pipeline is given before the chain has been reached. */
export interface PipelineOptions {
  readonly data: ChainThreadData
  readonly logger: Logger
  readonly refuse: (reason: Failure, signal: Signal) => Answer
}

/** The ways out of the thread, once they are open. */
export interface PipelineTools {
  readonly rpc: JsonRpc
  readonly channel: ThreadChannel
}

/** What differs between the modes in a chain thread: its journal, and what happens to a signal. */
export interface Pipeline {
  readonly journal: Pick<JournalBase, 'totals' | 'outboxAbove' | 'stored' | 'trouble' | 'close'>
  /**
   * Makes ready for signals on what a probe found; called again after every later probe. A failure makes the chain unavailable, with its reason.
   */
  begin(found: { facts: ChainFacts; heads: Heads } & PipelineTools): Promise<Result<Trader>>
  /** Ends what `begin` began; the journal stays open until then. */
  end(): Promise<void>
}

/** Takes signals on a chain that is ready. */
export interface Trader {
  execute(signal: Signal): Promise<{ readonly answer: Answer; readonly event: OutboxEvent | null }>
  simulate(signal: Signal): Promise<Answer>
  onHead(block: Block): void
  lanes(): readonly LaneReport[]
  /** What may be spent; absent in PAPER. */
  budget?(): BudgetReport
  /** What became known of the chain since the probe that people should know, one sentence each. */
  notes(): readonly string[]
  /** Something is out, so blocks are to be noticed soon. */
  isBusy(): boolean
}
