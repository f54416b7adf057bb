import type { BudgetReport } from '../budget/budget.ts'
import type { ControlCommand } from '../domain/control.ts'
import type { Signal } from '../domain/signal.ts'
import type { Result } from '../errors/failure.ts'
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
  /**
   * The operator's hand on lanes and trades; the command is on disk already. Absent in PAPER, which has
   * neither.
   */
  control?(command: ControlCommand): Promise<Result<{ readonly sentence: string }>>
  /** Something is out, so blocks are to be noticed soon. */
  isBusy(): boolean
}
