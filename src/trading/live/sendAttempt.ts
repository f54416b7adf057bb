import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { Refusal } from '../../confirmation/nextStep.ts'
import { maxCostWei } from '../../domain/fees.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { LiveContext } from './liveContext.ts'
import { changedRecord, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'

/**
 * Hands an attempt's bytes to the nodes: the first time and every further time the same bytes. Whatever they answer, the nonce stays with this
 * execution; what became of it is asked of the chain. Never rejects.
 */
export async function sendAttempt(
  execution: OpenExecution,
  attempt: Attempt | undefined,
  context: LiveContext,
): Promise<void> {
  if (attempt === undefined) return
  const { signal } = execution.record
  const first = execution.attempts[0]?.signedAtBlock ?? attempt.signedAtBlock
  const blocksWaited = Math.max(0, context.head() - first)
  execution.isSending = true
  const outcome = await context.broadcast({ attempt, policy: signal.relay, blocksWaited })
  execution.isSending = false
  execution.sentAtBlock = Math.max(context.head(), attempt.signedAtBlock)
  execution.sentAtMs = context.now()
  // The answer about an older attempt says nothing of the newest.
  if (execution.attempts.at(-1)?.hash === attempt.hash) {
    execution.taken = outcome.status === 'accepted'
    execution.refusal = refusalOf(outcome, execution.attempts.length > 1)
  }
  if (outcome.status !== 'accepted') {
    const { code, sentence, facts } = outcome.failure
    const about = { executionId: signal.signalId, hash: attempt.hash, nonce: attempt.nonce, code, ...facts }
    context.log.warn(about, `No node confirmed the transaction (${outcome.status}): ${sentence}`)
    // The same bytes go out again at every block; what is new must not queue up behind them.
    if (code === 'INSUFFICIENT_FUNDS' && execution.slot !== null)
      context.onPoor(attempt.lane, maxCostWei({ quote: attempt.fee, gasLimit: attempt.gasLimit }))
    return
  }
  context.onSent()
  if (execution.record.state !== 'signed') return
  const changedAtMs = context.now()
  const accepted = (record: LiveExecution) =>
    record.state === 'signed' ? { record: changedRecord(record, 'node_accepts', { changedAtMs }) } : null
  // Nobody waits for this one: `signed` on disk says the same to a restart, namely that the bytes may be out.
  recordChange(execution, accepted, context, 'soon').catch((error: unknown) =>
    context.log.warn({ err: error, executionId: signal.signalId }, 'An acceptance could not be journaled.'),
  )
}

/**
 * What all nodes agree on about the newest attempt. "replacement underpriced" is about our fees only where an earlier attempt of ours holds the nonce;
 * otherwise somebody else's transaction does, and outbidding it is not ours to do.
 */
function refusalOf(outcome: BroadcastOutcome, isReplacement: boolean): Refusal {
  if (outcome.status === 'accepted' || outcome.status === 'unknown') return 'none'
  const all = (classes: readonly string[]) =>
    outcome.verdicts.every((verdict) => classes.includes(verdict.class))
  if (outcome.status === 'contested')
    return isReplacement && all(['replacement_underpriced', 'underpriced']) ? 'price' : 'none'
  if (all(['underpriced'])) return 'price'
  if (all(['insufficient_funds', 'fee_cap_exceeded'])) return 'too_much'
  return all(['intrinsic_gas', 'gas_limit', 'invalid_transaction']) ? 'permanent' : 'none'
}
