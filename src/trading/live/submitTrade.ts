import type { Attempt } from '../../domain/liveExecution.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import type { Slot } from '../../lanes/slot.ts'
import { lateness } from '../evaluate.ts'
import { verdict } from '../verdict.ts'
import type { LiveContext } from './liveContext.ts'
import { changedRecord, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'

/** How a submission ended. Only `signed` took a nonce. */
export type Submission =
  | { readonly status: 'signed' }
  /** The trade's own outcome, now on disk. */
  | { readonly status: 'denied' }
  /** The account cannot be used and is stopped; another may do. */
  | { readonly status: 'unfit'; readonly failure: Failure }
  /** Node or disk trouble; nothing of it is on disk and the same id may be sent again. */
  | { readonly status: 'refused'; readonly failure: Failure }

/**
 * From an open slot to bytes on disk: simulate as the lane, evaluate, price, and only then take a nonce, so that nothing that can fail comes between the
 * nonce and the journal. Sends nothing.
 */
export async function submitTrade(
  execution: OpenExecution,
  slot: Slot,
  context: LiveContext,
): Promise<Submission> {
  const { signal } = execution.record
  const lane = slot.address

  if (!context.relays.supports(signal.relay)) {
    const sentence = `The relay policy is ${signal.relay}, but ${context.chainName} has no private relay configured.`
    return { status: 'refused', failure: failure('UNSUPPORTED_ON_CHAIN', sentence, { relay: signal.relay }) }
  }
  const late = lateness(signal, context.now())
  if (late !== null) return await deny(execution, 'expire', late, context)

  const calldata = context.encodeCalldata(signal)
  const [simulated, unfit] = await Promise.all([
    context.simulate({ signal, calldata, lane }),
    context.checkLane(lane),
  ])
  if (unfit !== null) return { status: 'unfit', failure: unfit }
  if (!simulated.ok) return { status: 'refused', failure: simulated.failure }
  const simulation = simulated.value
  execution.record = { ...execution.record, simulation }
  const valued = simulation.success ? await context.valuate({ signal, simulation }) : null
  if (valued !== null && !valued.ok) return { status: 'refused', failure: valued.failure }
  const valuation = valued?.value ?? null
  execution.record = { ...execution.record, valuation }

  const reason = verdict({ signal, simulation, valuation, mode: 'LIVE' })
  if (reason !== null || valuation === null) {
    const why = reason ?? failure('SIMULATION_FAILED', 'The simulation gave no result.')
    return await deny(execution, why.code === 'EXPIRED' ? 'expire' : 'deny', why, context)
  }

  const market = await context.market()
  if (!market.ok) return { status: 'refused', failure: market.failure }
  const gasLimit = context.gasLimit({ simulation, market: market.value })
  const fee = await context.limitFee({ lane, market: market.value, simulation, valuation, signal, gasLimit })
  // The trade's own price is its outcome; a node that is silent or a poor account is not.
  if (!fee.ok)
    switch (fee.failure.code) {
      case 'FEE_LIMIT':
        return await deny(execution, 'deny', fee.failure, context)
      case 'INSUFFICIENT_FUNDS':
        context.onPoor(lane, BigInt(String(fee.failure.facts.needed)))
        return { status: 'unfit', failure: fee.failure }
      default:
        return { status: 'refused', failure: fee.failure }
    }

  // The node may have taken its time.
  const tooLate = lateness(signal, context.now())
  if (tooLate !== null) return await deny(execution, 'expire', tooLate, context)

  const nonce = slot.reserve()
  const draft = { lane, nonce, to: context.executor, data: calldata, gasLimit, fee: fee.value }
  const attempt: Attempt = {
    ...context.sign(draft),
    kind: 'first',
    signalId: signal.signalId,
    lane,
    nonce,
    fee: fee.value,
    gasLimit,
    // The simulation has just read its block; between two polls the newest known head may be many blocks old.
    signedAtBlock: Math.max(context.head(), simulation.block),
    signedAtMs: context.now(),
  }
  const change = { lane, nonce, changedAtMs: context.now() }
  try {
    await recordChange(
      execution,
      (record) => ({ record: changedRecord(record, 'sign', change), attempt }),
      context,
    )
  } catch (error) {
    // The commit was rolled back: nothing is on disk, nothing left, and the slot's release gives the nonce back.
    context.onSettled(lane, nonce)
    return { status: 'refused', failure: journalFailure(error) }
  }
  slot.commit(nonce)
  execution.slot = slot
  return { status: 'signed' }
}

async function deny(
  execution: OpenExecution,
  event: 'deny' | 'expire',
  reason: Failure,
  context: LiveContext,
): Promise<Submission> {
  const change = { failure: reason, final: true, changedAtMs: context.now() }
  try {
    await recordChange(execution, (record) => ({ record: changedRecord(record, event, change) }), context)
  } catch (error) {
    return { status: 'refused', failure: journalFailure(error) }
  }
  return { status: 'denied' }
}

const journalFailure = (error: unknown): Failure =>
  failure(
    'JOURNAL_UNAVAILABLE',
    `The journal cannot be written: ${error instanceof Error ? error.message : error}.`,
  )
