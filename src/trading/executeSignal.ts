import type { Answer, OutboxEvent } from '../dispatch/protocol.ts'
import type { Execution } from '../domain/execution.ts'
import type { Address, Signal } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { Journal } from '../journal/journal.ts'
import { type EvaluationContext, evaluate } from './evaluate.ts'

/** What PAPER executes with; made by the composition root of the chain thread. */
export interface PaperContext extends EvaluationContext {
  readonly journal: Journal
  readonly payloadHash: (signal: Signal) => string
  readonly isSamePayload: (signal: Signal, known: string) => boolean
  /** The answer and the event as JSON texts. */
  readonly encode: (execution: Execution) => { readonly answer: string; readonly event: string }
  readonly refuse: (reason: Failure, signal: Signal) => Answer
  /** Makes `names` know these tokens. Never rejects. */
  readonly learn: (tokens: readonly Address[]) => Promise<void>
  readonly warn: (facts: { signal_id: string }, message: string) => void
  /** An execution is on disk, so long after its signal was taken. */
  readonly onRecorded: (execution: Execution, ms: number) => void
  /** Ids being worked on in this thread, with their payload hashes. */
  readonly inFlight: Map<string, string>
}

export interface Settled {
  readonly answer: Answer
  /** Journaled with the answer; null when nothing was executed. */
  readonly event: OutboxEvent | null
}

const answered = (answer: Answer): Settled => ({ answer, event: null })

/**
 * One signal's way through PAPER, from top to bottom. Settles with an answer whatever happens; an execution
 * is answered only after its journal entry is on disk. Failures of the node or the journal leave no entry, so
 * that the same id may be sent again.
 */
export async function executeSignal(signal: Signal, context: PaperContext): Promise<Settled> {
  const startedAtMs = context.now()
  const payload = context.payloadHash(signal)
  const before = seenBefore(signal, context)
  if (before !== null) return answered(before)

  context.inFlight.set(signal.signalId, payload)
  try {
    const evaluated = await evaluate(signal, context)
    if (!evaluated.ok) return answered(context.refuse(evaluated.failure, signal))
    const settled = await record(evaluated.value, payload, context)
    if (settled.event !== null) context.onRecorded(evaluated.value, context.now() - startedAtMs)
    return settled
  } finally {
    context.inFlight.delete(signal.signalId)
  }
}

/** The first answer again, or a refusal, when the id is known; null when it is new. */
function seenBefore(
  signal: Signal,
  { journal, inFlight, isSamePayload, refuse }: PaperContext,
): Answer | null {
  const { signalId } = signal
  const running = inFlight.get(signalId)
  const first = running === undefined ? journal.find(signalId) : null
  const known = running ?? first?.payloadHash
  if (known === undefined) return null
  if (!isSamePayload(signal, known)) {
    const sentence = `signal_id ${signalId} was used before for another trade.`
    return refuse(failure('SIGNAL_ID_CONFLICT', sentence), signal)
  }
  if (first !== null) return first.answer
  return refuse(failure('IN_FLIGHT', `The signal ${signalId} is still being worked on.`), signal)
}

/** Puts the execution on disk, then answers. */
async function record(execution: Execution, payload: string, context: PaperContext): Promise<Settled> {
  const { signal, settledAtMs } = execution
  const filled = execution.failure === null
  const text = context.encode(execution)
  const answer: Answer = { success: filled, httpStatus: 200, body: text.answer, replayed: false }
  try {
    const event = await context.journal.append({
      signalId: signal.signalId,
      payloadHash: payload,
      settledAtMs,
      outcome: filled ? 'filled' : 'failed',
      code: execution.failure?.code ?? null,
      answer,
      event: { type: 'paper_execution', json: text.event },
      profitUsdE8: filled ? (execution.valuation?.netProfitUsdE8 ?? null) : 0n,
      expectedProfitUsd: signal.expectedProfitUsd,
    })
    if (filled) void warnOfLeftovers(execution, context)
    return { answer, event }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return answered(
      context.refuse(failure('JOURNAL_UNAVAILABLE', `The journal cannot be written: ${why}.`), signal),
    )
  }
}

/** Nobody waits for it. Never rejects. */
async function warnOfLeftovers({ signal, simulation }: Execution, context: PaperContext): Promise<void> {
  const leftovers = simulation?.leftovers ?? []
  await context.learn(leftovers.map(({ token }) => token))
  for (const { hop, token, amount } of leftovers) {
    const message = `Hop ${hop} would leave ${context.names.amount(amount, token)} in the executor, in no profit.`
    context.warn({ signal_id: signal.signalId }, message)
  }
}
