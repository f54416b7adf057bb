import { type ExecutionState, isOpen } from '../domain/executionState.ts'
import type { LiveExecution } from '../domain/liveExecution.ts'
import { outcomeCode } from '../domain/liveOutcome.ts'
import type { Hex, WaitFor } from '../domain/signal.ts'
import { CODES } from '../errors/codes.ts'
import { type Failure, failure } from '../errors/failure.ts'
import { checksumAddress } from './checksumAddress.ts'
import { outcomeFields } from './encodeFailure.ts'
import { routeFields, signalFields } from './signalFields.ts'
import { decimalText, leftoverFields, simulationFields, usdOrNull } from './simulationFields.ts'

/**
 * An execution and the hashes of everything that was signed for it, in the order of signing; a cancel is one
 * of them.
 */
export interface LiveRecord {
  readonly execution: LiveExecution
  readonly hashes: readonly Hex[]
}

/**
 * The answer to `POST /execute` in LIVE. `success` is true for a trade that is in a block and earned more
 * than its gas, and for one on its way when that is what the sender waited for: `none` is content with a
 * promise on disk, `broadcast` with a node that took it. A trade on its way has HTTP 202; otherwise the
 * status is that of its code.
 *
 * `sent` says whether bytes of it left: `no` is certain, `yes` is certain, `unknown` is everything between.
 * Profit, gas and net result are what the receipt says, and null while there is none.
 *
 * @param options.settledInTime false when the wait ended before what was waited for
 */
export function encodeLiveAnswer({
  execution,
  hashes,
  waitedFor,
  settledInTime,
}: LiveRecord & { waitedFor: WaitFor; settledInTime: boolean }): {
  body: string
  httpStatus: number
  success: boolean
} {
  const open = isOpen(execution.state)
  const reason = outcomeOf(execution) ?? (open ? notSettled({ execution, waitedFor, settledInTime }) : null)
  const success = reason === null
  const body = JSON.stringify({
    success,
    ...headOf(execution),
    ...outcomeFields(reason),
    ...factsOf({ execution, hashes }),
    timestamp: timestampOf(execution),
  })
  return {
    success,
    httpStatus: open ? CODES.NOT_SETTLED.status : reason ? CODES[reason.code].status : 200,
    body,
  }
}

/** The `live_execution` message as JSON text, without `seq`: a trade is in a block, or will not be. */
export const encodeLiveEvent = (record: LiveRecord): string => encodeEvent('live_execution', record)

/**
 * The `execution_update` message as JSON text, without `seq`: a change that settles nothing (signed, pending,
 * back from a block that left the chain) or only makes it final. `success` is null while it is open.
 */
export const encodeUpdateEvent = (record: LiveRecord): string => encodeEvent('execution_update', record)

function encodeEvent(type: 'live_execution' | 'execution_update', { execution, hashes }: LiveRecord): string {
  const reason = outcomeOf(execution)
  return JSON.stringify({
    type,
    success: isOpen(execution.state) ? null : reason === null,
    ...headOf(execution),
    ...outcomeFields(reason),
    signal: signalFields(execution.signal),
    ...factsOf({ execution, hashes }),
    timestamp: timestampOf(execution),
  })
}

const headOf = ({ signal, state, final }: LiveExecution) => ({
  mode: 'LIVE',
  status: state,
  signal_id: signal.signalId,
  chainId: signal.chainId,
  sent: SENT[state],
  final,
})

/** The hash that counts is the one in a block, else the newest. */
function factsOf({ execution, hashes }: LiveRecord) {
  const { signal, lane, nonce, inclusion, realised } = execution
  return {
    txHash: inclusion?.hash ?? hashes.at(-1) ?? null,
    tx_hashes: hashes,
    lane: lane && checksumAddress(lane),
    nonce,
    block: inclusion?.block ?? null,
    simulation: simulationFields(execution),
    expected_profit: signal.expectedProfitUsd,
    profit: decimalText(realised?.profit),
    profit_token: checksumAddress(signal.loanToken),
    gas_used: inclusion && Number(inclusion.gasUsed),
    gas_cost_wei: decimalText(realised?.gasCostWei),
    net_profit_usd: usdOrNull(realised?.netProfitUsdE8),
    ...(realised?.unpriced !== undefined && { unpriced: realised.unpriced }),
    ...(realised?.warning !== undefined && { warning: realised.warning }),
    ...(realised?.note !== undefined && { note: realised.note }),
    ...leftoverFields(realised?.leftovers),
    route: routeFields(signal),
  }
}

const timestampOf = ({ changedAtMs }: LiveExecution) => new Date(changedAtMs).toISOString()

/** A cancelled or displaced trade was signed, and whether a node ever took it need not be known. */
const SENT: Readonly<Record<ExecutionState, 'no' | 'yes' | 'unknown'>> = {
  accepted: 'no',
  denied: 'no',
  expired: 'no',
  signed: 'unknown',
  cancelled: 'unknown',
  displaced: 'unknown',
  pending: 'yes',
  included: 'yes',
  reverted: 'yes',
}

/**
 * Why the trade failed, or what is known to be wrong with one on its way; null when there is nothing of the
 * kind.
 */
function outcomeOf(execution: LiveExecution): Failure | null {
  const { state, failure: reason, inclusion, nonce, lane } = execution
  const place = `nonce ${nonce} of ${lane && checksumAddress(lane)}`
  switch (state) {
    case 'accepted':
    case 'signed':
    case 'pending':
      return reason
    case 'included':
      return includedFailure(execution)
    case 'reverted':
      return ended('REVERTED', `The transaction reverted in block ${inclusion?.block}`, reason)
    case 'cancelled':
      return ended('CANCELLED', `The trade was cancelled: an empty transaction took ${place}`, reason)
    case 'displaced':
      return ended('DISPLACED', `A foreign transaction took ${place}`, reason)
    case 'denied':
    case 'expired':
      if (reason === null) throw new Error(`An execution is ${state} without a reason.`)
      return reason
    default:
      return state satisfies never
  }
}

/** Why a trade in a block is no success; null when it earned more than its gas, as far as that is known. */
function includedFailure(execution: LiveExecution): Failure | null {
  const code = outcomeCode(execution)
  const { inclusion, realised, signal } = execution
  const place = `The trade is in block ${inclusion?.block}`
  switch (code) {
    case null:
      return null
    case 'NET_LOSS': {
      const facts = {
        profit: decimalText(realised?.profit),
        gas_cost_wei: decimalText(realised?.gasCostWei),
        net_profit_usd: usdOrNull(realised?.netProfitUsdE8),
      }
      const token = checksumAddress(signal.loanToken)
      const { profit = `${facts.profit} base units of ${token}`, gas = `${facts.gas_cost_wei} wei` } =
        realised?.told ?? {}
      const net = facts.net_profit_usd === null ? '' : `, net ${facts.net_profit_usd.toFixed(4)} USD`
      const sentence = `${place} at a loss: its profit of ${profit} did not pay for its gas of ${gas}${net}.`
      return failure(code, sentence, facts)
    }
    default:
      return failure(
        code,
        `${place}, but what it earned is not known. ${realised?.warning ?? 'Its receipt shows no profit.'}`,
      )
  }
}

/** What the chain says, then why we think so where the engine knows more. */
function ended(
  code: 'REVERTED' | 'CANCELLED' | 'DISPLACED',
  sentence: string,
  reason: Failure | null,
): Failure {
  if (reason === null) return failure(code, `${sentence}.`)
  if (reason.code === code) return reason
  return failure(
    code,
    `${sentence}. ${reason.sentence}`,
    { ...reason.facts, reason: reason.code },
    reason.hint,
  )
}

/** Null when the trade is as far as its sender wanted to wait. */
function notSettled({
  execution: { signal, state },
  waitedFor,
  settledInTime,
}: {
  execution: LiveExecution
  waitedFor: WaitFor
  settledInTime: boolean
}): Failure | null {
  if (waitedFor === 'none' || (waitedFor === 'broadcast' && state === 'pending')) return null
  const when = settledInTime ? '' : ' when the wait for its outcome ended'
  const record = `/trades/${signal.signalId}`
  return failure('NOT_SETTLED', `The trade is on its way: ${state}${when}.`, { state, record })
}
