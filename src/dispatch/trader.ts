import type { BudgetReport } from '../budget/budget.ts'
import type { Signal } from '../domain/signal.ts'
import type { Block } from '../nodes/heads.ts'
import type { Answer, LaneReport, OutboxEvent } from './protocol.ts'

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
