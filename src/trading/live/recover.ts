import type { Address } from '../../domain/signal.ts'
import type { GapFiller } from './fillGaps.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'
import { sendAttempt } from './sendAttempt.ts'

/**
 * Start-up is crash recovery: every execution the journal has open is taken up where its record stands, with its nonce, and its bytes go out again, the
 * same bytes, in the order of nonces. Nothing is signed here.
 */
export async function recover({
  open,
  gaps,
  context,
}: {
  open: Map<string, OpenExecution>
  gaps: GapFiller
  context: LiveContext
}): Promise<void> {
  const { journal, lanes } = context
  const attempts = Map.groupBy(journal.openAttempts(), ({ signalId }) => signalId)
  const known = new Set(lanes.status().map(({ address }) => address))

  for (const { record, payloadHash } of journal.open()) {
    const { signal, lane, nonce, inclusion } = record
    if (lane !== null && !known.has(lane)) {
      const facts = { executionId: signal.signalId, lane, nonce }
      context.log.error(
        facts,
        'The key of this lane is not configured any more: its open trade is watched, not replaced.',
      )
    }
    const isOurs = lane !== null && nonce !== null && known.has(lane)
    const slot = isOurs ? lanes.adopt({ address: lane, nonce }) : null
    // In a block already: its nonce is not in flight.
    if (inclusion !== null && slot !== null && nonce !== null) {
      slot.settled()
      context.onSettled(slot.address, nonce)
    }
    open.set(signal.signalId, {
      payloadHash,
      record,
      lastChange: Promise.resolve(),
      isPromised: true,
      attempts: attempts.get(signal.signalId) ?? [],
      slot,
      sentAtBlock: context.head(),
      reopenedAtBlock: 0,
      sentAtMs: context.now(),
      taken: false,
      isSending: false,
      refusal: 'none',
      giveAnswer: null,
    })
  }

  // Settled before the end, and not yet below the lane's floor: their nonces are mined.
  const settled = new Map<string, { address: Address; nonce: number }>()
  for (const [signalId, { 0: attempt }] of attempts)
    if (attempt !== undefined && signalId !== null && !open.has(signalId) && known.has(attempt.lane))
      settled.set(`${attempt.lane}/${attempt.nonce}`, { address: attempt.lane, nonce: attempt.nonce })
  for (const place of settled.values()) {
    lanes.adopt(place).settled()
    context.onSettled(place.address, place.nonce)
  }
  for (const filler of attempts.get(null) ?? []) if (known.has(filler.lane)) gaps.adopt(filler)

  const waiting = [...open.values()].filter(
    ({ record, attempts }) => record.inclusion === null && attempts.length > 0,
  )
  const byNonce = waiting.toSorted((a, b) => (a.record.nonce ?? 0) - (b.record.nonce ?? 0))
  const byLane = Map.groupBy(byNonce, ({ record }) => record.lane)
  await Promise.all(
    [...byLane.values()].map(async (executions) => {
      for (const execution of executions) await sendAttempt(execution, execution.attempts.at(-1), context)
    }),
  )
}
