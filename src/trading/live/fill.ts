import type { Attempt } from '../../domain/liveExecution.ts'
import type { Lane } from '../../lanes/lane.ts'
import type { LiveContext } from './liveContext.ts'
import { fillerId, fillerRecord, type OpenExecution, openExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { signAt, takeBack } from './signing.ts'

/**
 * Begins a filler: a no-op, on disk and then out, at a nonce below ones in use that no trade holds. From then
 * on it is followed like a trade. A trade takes a gap first when one comes, so this is for the quiet times.
 */
export function createFiller({
  open,
  send,
  context,
}: {
  open: Map<string, OpenExecution>
  send: (execution: OpenExecution) => Promise<void>
  context: LiveContext
}): (lane: Lane, nonce: number) => Promise<void> {
  const { chain, trade, budget, clock, log } = context

  return async function fill(lane, nonce) {
    const place = lane.claim(nonce)
    if (place === null) return
    try {
      const market = await trade.market()
      const balanceWei = await trade.balance(lane.address)
      if (!market.ok || balanceWei === null) return
      const gasLimit = await trade.transferGas(lane.address)
      const reserved = budget.reserve({
        lane: lane.address,
        market: market.value,
        gasLimit,
        l1FeeWei: 0n,
        purpose: { kind: 'repair' },
        balanceWei,
      })
      if (!reserved.ok) {
        log.warn({ lane: lane.address, nonce, ...reserved.failure.facts }, reserved.failure.sentence)
        return
      }
      const { fee, stake } = reserved.value
      const execution = openExecution({
        record: fillerRecord({ lane: lane.address, nonce }, clock.nowMs()),
        payloadHash: '',
        head: chain.head(),
        elapsedMs: clock.elapsedMs(),
        place,
      })
      try {
        const attempt: Attempt = {
          ...signAt(place, { to: lane.address, data: '0x', gasLimit, fee }, context),
          kind: 'filler',
          signalId: null,
          signedAtBlock: chain.head(),
        }
        await recordChange(execution, (record) => ({ record, attempt }), context)
      } catch (error) {
        takeBack(place, stake, error, context)
        throw error
      }
      if (place.stake !== null) budget.release(place.stake)
      place.stake = stake
      place.signed()
      open.set(fillerId({ lane: lane.address, nonce }), execution)
      log.warn(
        { lane: lane.address, nonce, hash: execution.attempts[0]?.hash },
        'A gap is filled with a no-op.',
      )
      await send(execution)
    } finally {
      if (place.stage === 'reserved') place.release()
      else if (place.stage === 'signed' && !open.has(fillerId({ lane: lane.address, nonce }))) place.orphan()
    }
  }
}
