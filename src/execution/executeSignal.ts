import type { Answer, OutboxEvent, RequestKind } from '../dispatch/protocol.ts'
import type { Execution, Simulation, Valuation } from '../domain/execution.ts'
import type { Mode } from '../domain/mode.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { Journal } from '../journal/journal.ts'
import { verdict } from './verdict.ts'

/** What one chain's pipeline works with; made by the composition root of the chain thread. */
export interface ExecutionContext {
  readonly mode: Mode
  readonly journal: Journal
  readonly payloadHash: (signal: Signal) => string
  readonly encodeCalldata: (signal: Signal) => Hex
  /** Runs the exact calldata on current state; a failure here is the node's, not the trade's. */
  readonly simulate: (request: { signal: Signal; calldata: Hex }) => Promise<Result<Simulation>>
  readonly valuate: (request: { signal: Signal; simulation: Simulation }) => Promise<Result<Valuation>>
  readonly encode: {
    readonly execution: (execution: Execution) => string
    readonly simulation: (execution: Execution) => string
    readonly event: (execution: Execution) => string
  }
  readonly refuse: (reason: Failure, signal: Signal) => Answer
  readonly now: () => number
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
 * One signal's way through its chain thread, from top to bottom. Settles with an answer whatever happens; an execution is answered only after its
 * journal entry is on disk. Failures of the node or the journal leave no entry, so that the same id may be sent again.
 */
export async function executeSignal(
  { signal, kind }: { signal: Signal; kind: RequestKind },
  context: ExecutionContext,
): Promise<Settled> {
  if (kind === 'simulate') {
    const judged = await judge(signal, context)
    if (!judged.ok) return answered(context.refuse(judged.failure, signal))
    return answered({
      success: judged.value.failure === null,
      httpStatus: 200,
      body: context.encode.simulation(judged.value),
      replayed: false,
    })
  }

  const payload = context.payloadHash(signal)
  const before = seenBefore(signal, payload, context)
  if (before !== null) return answered(before)

  context.inFlight.set(signal.signalId, payload)
  try {
    const judged = await judge(signal, context)
    if (!judged.ok) return answered(context.refuse(judged.failure, signal))
    return await record(judged.value, payload, context)
  } finally {
    context.inFlight.delete(signal.signalId)
  }
}

/** The first answer again, or a refusal, when the id is known; null when it is new. */
function seenBefore(
  signal: Signal,
  payload: string,
  { journal, inFlight, refuse }: ExecutionContext,
): Answer | null {
  const { signalId } = signal
  const running = inFlight.get(signalId)
  const first = running === undefined ? journal.find(signalId) : null
  const known = running ?? first?.payloadHash
  if (known === undefined) return null
  if (known !== payload) {
    const sentence = `signal_id ${signalId} was used before for another trade.`
    return refuse(failure('SIGNAL_ID_CONFLICT', sentence), signal)
  }
  if (first !== null) return first.answer
  return refuse(failure('IN_FLIGHT', `The signal ${signalId} is still being worked on.`), signal)
}

/** Simulates, prices and decides; fails only where the node does. */
async function judge(signal: Signal, context: ExecutionContext): Promise<Result<Execution>> {
  const settle = (
    simulation: Simulation | null,
    valuation: Valuation | null,
    reason: Failure | null,
  ): Result<Execution> =>
    succeed({
      signal,
      mode: context.mode,
      settledAtMs: context.now(),
      simulation,
      valuation,
      failure: reason,
    })

  const now = context.now()
  if (signal.validUntilMs !== null && now > signal.validUntilMs) {
    const sentence = `valid_until passed ${now - signal.validUntilMs} ms ago.`
    return settle(null, null, failure('EXPIRED', sentence, { valid_until: signal.validUntilMs }))
  }

  const simulated = await context.simulate({ signal, calldata: context.encodeCalldata(signal) })
  if (!simulated.ok) return fail(simulated.failure)
  const simulation = simulated.value

  const valued = simulation.success ? await context.valuate({ signal, simulation }) : null
  if (valued !== null && !valued.ok) return fail(valued.failure)
  const valuation = valued?.value ?? null

  return settle(simulation, valuation, verdict({ signal, simulation, valuation }))
}

/** Puts the execution on disk, then answers. */
async function record(execution: Execution, payload: string, context: ExecutionContext): Promise<Settled> {
  const { signal, settledAtMs } = execution
  const filled = execution.failure === null
  const answer: Answer = {
    success: filled,
    httpStatus: 200,
    body: context.encode.execution(execution),
    replayed: false,
  }
  try {
    const event = await context.journal.append({
      signalId: signal.signalId,
      payloadHash: payload,
      settledAtMs,
      outcome: filled ? 'filled' : 'failed',
      code: execution.failure?.code ?? null,
      answer,
      event: { type: 'paper_execution', json: context.encode.event(execution) },
      profitUsdE8: filled ? (execution.valuation?.netProfitUsdE8 ?? 0n) : 0n,
      expectedProfitUsd: signal.expectedProfitUsd,
    })
    return { answer, event }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return answered(
      context.refuse(failure('JOURNAL_UNAVAILABLE', `The journal cannot be written: ${why}.`), signal),
    )
  }
}
