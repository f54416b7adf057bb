import type { Simulation } from '../domain/execution.ts'
import type { Signal } from '../domain/signal.ts'
import type { InquireRevert } from './engine.ts'

/**
 * A failed simulation with everything that can be said of why it failed; the chain is asked where the revert
 * data do not tell, so this is for a trade that is given up and its sender told. Never rejects.
 */
export async function explainSimulation({
  signal,
  simulation,
  inquire,
  isNamed,
}: {
  signal: Signal
  simulation: Simulation
  inquire: InquireRevert
  /** What its tokens are called is known. */
  isNamed: (signal: Signal) => boolean
}): Promise<Simulation> {
  const { success, revertData: data, revertKind, block } = simulation
  if (success || data === null) return simulation
  // A loss says itself what it is, and most trades that fail are losses.
  if (revertKind !== 'failed' && isNamed(signal)) return simulation
  const { sentence, hint, facts } = await inquire({ data, signal, block })
  return { ...simulation, error: sentence, hint, ...(facts !== undefined && { facts }) }
}
