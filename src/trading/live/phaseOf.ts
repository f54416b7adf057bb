import type { LiveContext } from './liveContext.ts'
import { isTrade, type OpenExecution } from './openExecution.ts'

/** Where the bytes of the execution's trade may go now, by its sender's policy; a no-op hides nothing. */
export function phaseOf(execution: OpenExecution, { chain, send }: Pick<LiveContext, 'chain' | 'send'>) {
  const head = chain.head()
  return send.phase({
    policy: isTrade(execution) ? execution.record.signal.relay : 'public',
    blocksWaited: Math.max(0, head - (execution.attempts[0]?.signedAtBlock ?? head)),
  })
}
