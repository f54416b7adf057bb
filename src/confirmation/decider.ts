import type { BlockTrail } from '../nodes/blockTrail.ts'
import type { JsonRpc, RpcReader } from '../nodes/rpc.ts'
import { type NextStep, nextStep, type Refusal, type WatchPolicy } from './nextStep.ts'
import { type Position, readChain } from './readChain.ts'

/** An execution whose bytes are out, as a decision needs it. */
export interface Watched extends Omit<Position, 'isYoung'> {
  readonly signalId: string
  /** Newest block when bytes last went out, and when the newest attempt was signed. */
  readonly sentAtBlock: number
  readonly sentAtMs: number
  readonly signedAtBlock: number
  readonly signedAtMs: number
  /** A node has the newest attempt, or is being sent it. */
  readonly taken: boolean
  readonly refusal: Refusal
  readonly isCancelling: boolean
}

/** One step for each execution, in the order given. Never rejects. */
export type Decide<Execution extends Watched> = (
  executions: readonly Execution[],
) => Promise<readonly NextStep[]>

/**
 * Reads the chain once for all executions and decides each. What is pending for a block or more, and not just signed, is simulated again: it is bumped only while it pays.
 *
 * @param options.paysNow simulates the trade on the newest block; null when that cannot be known
 */
export function createDecider<Execution extends Watched>({
  rpc,
  readers,
  trail,
  finalBlock,
  policy,
  head,
  now,
  paysNow,
}: {
  rpc: Pick<JsonRpc, 'call'>
  readers: readonly RpcReader[]
  trail: BlockTrail
  finalBlock: () => Promise<number | null>
  policy: WatchPolicy
  head: () => number
  now: () => number
  paysNow: (execution: Execution) => Promise<boolean | null>
}): Decide<Execution> {
  /** The head at which every endpoint first counted past an execution's nonce. */
  const passedAt = new Map<string, number>()

  return async (executions) => {
    const newest = head()
    const isYoung = ({ signedAtMs }: Execution) => {
      const ageMs = now() - signedAtMs
      return ageMs >= 0 && ageMs < policy.patienceMs
    }
    // What no node has taken is to be sent again at the next block, however young.
    const positions = executions.map((execution) => ({
      ...execution,
      isYoung: execution.taken && isYoung(execution),
    }))
    const findings = await readChain({ rpc, readers, trail, finalBlock, positions })
    return await Promise.all(
      executions.map(async (execution, index) => {
        const { signalId, nonce } = execution
        const finding = findings[index] ?? { kind: 'unknown' as const, reason: 'the chain was not asked' }
        const passed = finding.kind === 'absent' && Math.min(...finding.minedCounts) > nonce
        if (!passed) passedAt.delete(signalId)
        else if (!passedAt.has(signalId)) passedAt.set(signalId, newest)
        const blocksSinceSigned = newest - execution.signedAtBlock
        const waits = finding.kind === 'absent' && !passed && !isYoung(execution) && blocksSinceSigned > 0
        return nextStep({
          ...execution,
          finding,
          blocksSinceSent: newest - execution.sentAtBlock,
          blocksSinceSigned,
          blocksSincePassed: passed ? newest - (passedAt.get(signalId) ?? newest) : null,
          paysNow: waits && !execution.isCancelling ? await paysNow(execution) : null,
          msSinceSigned: now() - execution.signedAtMs,
          msSinceSent: now() - execution.sentAtMs,
          policy,
        })
      }),
    )
  }
}
