import type { Execution, Simulation, Valuation } from '../domain/execution.ts'
import type { Mode } from '../domain/mode.ts'
import type { Hex, Signal } from '../domain/signal.ts'
import type { AmountNames } from '../domain/tokenAmount.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { verdict } from './verdict.ts'

/** What a trade is evaluated with: current state, current prices, the clock. */
export interface EvaluationContext {
  readonly mode: Mode
  readonly encodeCalldata: (signal: Signal) => Hex
  /** Runs the exact calldata on current state; a failure here is the node's, not the trade's. */
  readonly simulate: (request: { signal: Signal; calldata: Hex }) => Promise<Result<Simulation>>
  readonly valuate: (request: { signal: Signal; simulation: Simulation }) => Promise<Result<Valuation>>
  /** A failed simulation with everything that can be said of why it failed. Never rejects. */
  readonly explain: (failed: { signal: Signal; simulation: Simulation }) => Promise<Simulation>
  readonly names: AmountNames
  readonly now: () => number
}

/** Why the signal's own deadline refuses it; null when it does not. */
export function lateness({ validUntilMs }: Signal, nowMs: number): Failure | null {
  if (validUntilMs === null || nowMs <= validUntilMs) return null
  return failure('EXPIRED', `valid_until passed ${nowMs - validUntilMs} ms ago.`, {
    valid_until: validUntilMs,
  })
}

/** Simulates, prices and decides; fails only where the node does. */
export async function evaluate(signal: Signal, context: EvaluationContext): Promise<Result<Execution>> {
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

  const late = lateness(signal, context.now())
  if (late !== null) return settle(null, null, late)

  const simulated = await context.simulate({ signal, calldata: context.encodeCalldata(signal) })
  if (!simulated.ok) return fail(simulated.failure)
  const simulation = simulated.value.success
    ? simulated.value
    : await context.explain({ signal, simulation: simulated.value })

  const valued = simulation.success ? await context.valuate({ signal, simulation }) : null
  if (valued !== null && !valued.ok) return fail(valued.failure)
  const valuation = valued?.value ?? null

  const { mode, names } = context
  return settle(simulation, valuation, verdict({ signal, simulation, valuation, mode, names }))
}
