import { isOpen } from '../../domain/executionState.ts'
import { maxCostWei } from '../../domain/fees.ts'
import type { Attempt } from '../../domain/liveExecution.ts'
import type { Failure } from '../../errors/failure.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { sendAttempt } from './sendAttempt.ts'

/** Gas of a plain transfer (EIP-2028 and before), with what L2s that charge data as gas may add. */
export const TRANSFER_GAS = 60_000n

/**
 * Puts another transaction at the nonce of the newest attempt: the same trade for more (`replacement`), or a transfer of nothing to ourselves in its
 * place (`cancel`), with the reason. On disk before it leaves, like every attempt. False when no limit leaves room for a valid replacement, or the disk refuses:
 * then what is out stays out.
 */
export async function replaceLatest(
  execution: OpenExecution,
  by: { readonly kind: 'replacement' } | { readonly kind: 'cancel'; readonly reason: Failure | null },
  context: LiveContext,
): Promise<boolean> {
  const last = execution.attempts.at(-1)
  // Without a slot its key is not configured any more.
  if (last === undefined || execution.slot === null) return false
  const { signal } = execution.record
  const { kind } = by
  const facts = { executionId: signal.signalId, nonce: last.nonce, kind }
  // Bumps are rare, and one below the base fee is wasted: a reading of this block.
  const market = await context.freshMarket()
  if (!market.ok) return false
  const isCancel = kind === 'cancel'
  const gasLimit = isCancel ? TRANSFER_GAS : last.gasLimit
  const tried = execution.attempts.map(({ fee }) => fee)
  const { simulation } = execution.record
  const gasUsed = isCancel ? TRANSFER_GAS : (simulation?.gasUsed ?? gasLimit)
  const l1FeeWei = isCancel ? 0n : (simulation?.l1FeeWei ?? 0n)
  const trade = isCancel ? null : execution.record
  const fee = await context.bumpFee({ market: market.value, tried, gasLimit, gasUsed, l1FeeWei, trade })
  if (fee === null) {
    context.log.warn(facts, 'No limit leaves room for a replacement; the same bytes are kept out.')
    return false
  }
  const { lane, nonce } = last
  if (!isOpen(execution.record.state)) return true
  const to = isCancel ? lane : context.executor
  const data = isCancel ? '0x' : context.encodeCalldata(signal)
  const attempt: Attempt = {
    ...context.sign({ lane, nonce, to, data, gasLimit, fee }),
    kind,
    signalId: signal.signalId,
    lane,
    nonce,
    fee,
    gasLimit,
    signedAtBlock: context.head(),
    signedAtMs: context.now(),
  }
  const reason = by.kind === 'cancel' ? by.reason : execution.record.failure
  const changedAtMs = context.now()
  try {
    // It may have been mined while the replacement was made.
    const isPending = await recordChange(
      execution,
      (record) =>
        isOpen(record.state) ? { record: { ...record, failure: reason, changedAtMs }, attempt } : null,
      context,
    )
    if (!isPending) {
      // Its nonce was settled before this attempt was counted as something that may still cost.
      context.onSettled(lane, nonce)
      return true
    }
  } catch (error) {
    context.log.error({ ...facts, err: error }, 'A replacement could not be journaled and was not sent.')
    return false
  }
  const cost = maxCostWei({ quote: fee, gasLimit }).toString()
  context.log.warn({ ...facts, hash: attempt.hash, max_cost_wei: cost }, 'A replacement goes out.')
  await sendAttempt(execution, execution.attempts.at(-1), context)
  return true
}
