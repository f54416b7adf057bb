import type { Answer } from '../dispatch/protocol.ts'
import type { Execution } from '../domain/execution.ts'
import type { Signal } from '../domain/signal.ts'
import type { Failure } from '../errors/failure.ts'
import { type EvaluationContext, evaluate } from './evaluate.ts'

/** The answer to `POST /simulate`, in either mode: evaluated like a trade, and nothing of it is kept. */
export async function simulateSignal(
  signal: Signal,
  {
    encode,
    refuse,
    ...context
  }: EvaluationContext & {
    readonly encode: (execution: Execution) => string
    readonly refuse: (reason: Failure, signal: Signal) => Answer
  },
): Promise<Answer> {
  const evaluated = await evaluate(signal, context)
  if (!evaluated.ok) return refuse(evaluated.failure, signal)
  const success = evaluated.value.failure === null
  return { success, httpStatus: 200, body: encode(evaluated.value), replayed: false }
}
