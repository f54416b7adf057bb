import { setTimeout } from 'node:timers/promises'
import { maxCostWei } from '../../domain/fees.ts'
import { isNoOp, type LiveExecution, receiptName, spentAtMs } from '../../domain/liveExecution.ts'
import type { Place } from '../../lanes/lane.ts'
import type { LiveContext } from './liveContext.ts'
import { fillerId, fillerRecord, idOf, isTrade, type OpenExecution, openExecution } from './openExecution.ts'
import type { Trades } from './trade.ts'
import type { TradesInFlight } from './tradesInFlight.ts'

/**
 * What is above on a lane is sent after this time at latest: bytes that were mined meanwhile are accepted by
 * nobody, and wait for every endpoint, hanging ones too.
 */
const ANSWER_WAIT_MS = 1_000

/**
 * Start-up is crash recovery: every execution the journal has open is taken up where its record stands, with
 * its nonce, and its bytes go out again, the same bytes, in the order of nonces. Nothing is signed here.
 */
export async function recover({
  open,
  trades,
  inFlight,
  context,
}: {
  open: Map<string, OpenExecution>
  trades: Trades
  inFlight: TradesInFlight
  context: LiveContext
}): Promise<void> {
  const { journal, lanes, budget, chain, clock, log } = context
  const attempts = Map.groupBy(journal.openAttempts(), ({ signalId, lane, nonce }) =>
    signalId === null ? fillerId({ lane, nonce }) : signalId,
  )
  const records = [...journal.open(), ...journal.openFillers().map((record) => ({ record, payloadHash: '' }))]

  for (const { record, payloadHash } of records) {
    const id = idOf(record)
    const execution = openExecution({
      payloadHash,
      record,
      head: chain.head(),
      elapsedMs: clock.elapsedMs(),
      attempts: attempts.get(id) ?? [],
      isPromised: true,
    })
    attempts.delete(id)
    execution.place = placeOf(execution)
    open.set(id, execution)
    // It may have been out for long: what blocks that are not seen any more hold is asked for at once.
    execution.askedAtMs = Number.NEGATIVE_INFINITY
    if (isTrade(execution)) remember(execution)
  }

  // What is left is final, or a filler of before fillers had records; its nonce is not given out again.
  for (const rest of attempts.values()) {
    const [first] = rest
    const lane = first && lanes.lane(first.lane)
    if (!lane) continue
    if (first.signalId === null) {
      const record = fillerRecord({ lane: first.lane, nonce: first.nonce }, clock.nowMs())
      const execution = openExecution({
        record,
        payloadHash: '',
        head: chain.head(),
        elapsedMs: clock.elapsedMs(),
        attempts: rest,
      })
      execution.place = placeOf(execution)
      open.set(idOf(record), execution)
    } else if (
      ![...open.values()].some(({ place }) => place?.lane === first.lane && place.nonce === first.nonce)
    )
      lane.adopt(first.nonce).final()
  }

  /** Its nonce, with what it may still cost. */
  function placeOf({ record, attempts }: OpenExecution): Place | null {
    const { lane: address, nonce, inclusion } = record
    if (address === null || nonce === null) return null
    const lane = lanes.lane(address)
    if (lane === null) {
      const facts = { signal_id: idOf(record), lane: address, nonce }
      log.error(
        facts,
        'The key of this lane is not configured any more: its open trade is followed, not replaced.',
      )
      return null
    }
    // Another execution has it too: an attempt whose record could not be written for certain, and the filler
    // in its place.
    if ([...open.values()].some(({ place }) => place?.lane === address && place.nonce === nonce)) return null
    const place = lane.adopt(nonce)
    const l1FeeWei = record.simulation === null ? 0n : context.trade.feeBesideGas(record.simulation)
    for (const attempt of attempts)
      place.stake = budget.adopt({
        lane: address,
        maxCostWei: maxCostWei({ quote: attempt.fee, gasLimit: attempt.gasLimit }) + l1FeeWei,
        kind: isNoOp(attempt) ? 'repair' : 'trade',
        ...(place.stake !== null && { at: place.stake }),
      })
    if (inclusion !== null && place.stake !== null) {
      // In a block already: its nonce is not in flight, and its cost is counted with the past hour's.
      place.mined()
      const wei = inclusion.gasUsed * inclusion.effectiveGasPriceWei + inclusion.l1FeeWei
      budget.settle(place.stake, {
        wei,
        receipt: receiptName(inclusion),
        atMs: spentAtMs(record),
        block: inclusion.block,
      })
    }
    return place
  }

  function remember({ record, attempts }: OpenExecution<LiveExecution>): void {
    const { signal, inclusion } = record
    const last = attempts.at(-1)
    if (last === undefined || isNoOp(last)) return
    const calldata = context.trade.calldata(signal, {
      minProfit: signal.minProfit,
      deadlineMs: signal.validUntilMs,
    })
    inFlight.add({ signal, signalId: signal.signalId, calldata })
    if (inclusion !== null) inFlight.included(signal.signalId, inclusion.block)
  }

  const waiting = [...open.values()].filter(
    ({ record, attempts }) => record.inclusion === null && attempts.length > 0,
  )
  const byNonce = waiting.toSorted((a, b) => (a.record.nonce ?? 0) - (b.record.nonce ?? 0))
  await Promise.all(
    [...Map.groupBy(byNonce, ({ record }) => record.lane).values()].map(async (executions) => {
      for (const execution of executions) {
        const sent = trades.send(execution)
        await Promise.race([sent, setTimeout(ANSWER_WAIT_MS)])
      }
    }),
  )
}
