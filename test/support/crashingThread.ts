import type { ChainTask } from '../../src/dispatch/protocol.ts'
import run from '../../workers/chain.ts'

/** The real chain thread, which ends at once when a signal's id tells it to: what a bug in native code or an out-of-memory would do. */
export default async function runUntilCrash(task: ChainTask) {
  const outcome = await run(task)
  if (task.task === 'signals' && task.signals.some(({ signal }) => signal.signalId.startsWith('crash-')))
    process.exit(1)
  return outcome
}
