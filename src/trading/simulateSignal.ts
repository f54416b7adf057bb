import type { Answer } from '../dispatch/protocol.ts'
import type { Execution } from '../domain/execution.ts'
import type { Signal } from '../domain/signal.ts'
import type { Failure } from '../errors/failure.ts'
import { type JudgeContext, judgeSignal } from './judgeSignal.ts'

/** The answer to `POST /simulate`, in either mode: judged like a trade, and nothing of it is kept. */
export async function simulateSignal(
  signal: Signal,
  {
    encode,
    refuse,
    ...context
  }: JudgeContext & {
    readonly encode: (execution: Execution) => string
    readonly refuse: (reason: Failure, signal: Signal) => Answer
  },
): Promise<Answer> {
  const judged = await judgeSignal(signal, context)
  if (!judged.ok) return refuse(judged.failure, signal)
  const success = judged.value.failure === null
  return { success, httpStatus: 200, body: encode(judged.value), replayed: false }
}
