import type { Answer, ChainThreadData } from '../src/dispatch/protocol.ts'
import type { ThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Trader } from '../src/dispatch/trader.ts'
import type { Signal } from '../src/domain/signal.ts'
import type { Failure, Result } from '../src/errors/failure.ts'
import type { JournalBase } from '../src/journal/journal.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import type { Heads } from '../src/nodes/heads.ts'
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
  /** Whether the operator has paused the chain. */
  readonly isPaused: () => boolean
}

/** What differs between the modes in a chain thread: its journal, and what happens to a signal. */
export interface Pipeline {
  readonly journal: Pick<
    JournalBase,
    'find' | 'totals' | 'outbox' | 'forget' | 'controls' | 'trouble' | 'close'
  >
  /**
   * Makes ready for signals on what a probe found; called again when a later probe finds something else. A
   * failure makes the chain unavailable, with its reason.
   */
  begin(found: { facts: ChainFacts; heads: Heads } & PipelineTools): Promise<Result<Trader>>
  /** Ends what `begin` began, everyone who waits being answered; the journal stays open until then. */
  end(): Promise<void>
}
