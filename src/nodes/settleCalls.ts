import { readNodeError } from './nodeErrors.ts'
import type { RpcError, RpcOutcome } from './rpc.ts'
import { type ExchangeFailure, exchangeFailure } from './transport.ts'

/** One call on its way. */
export interface RpcCall {
  readonly id: number
  readonly method: string
  readonly paramsJson: string
  settle(outcome: RpcOutcome): void
}

/** Calls an endpoint gave no usable answer to, and why. */
export interface Unanswered {
  readonly calls: readonly RpcCall[]
  readonly failure: ExchangeFailure
}

/**
 * Settles the calls a reply answers and gives back the others, with what to think of it; null when none is left. Answers may
 * come in any order, with foreign ids among them, or not at all.
 */
export function settleCalls(calls: readonly RpcCall[], reply: unknown): Unanswered | null {
  const open = new Map(calls.map((call) => [call.id, call]))
  const refusals: RpcError[] = []
  for (const item of Array.isArray(reply) ? reply : [reply]) {
    if (typeof item !== 'object' || item === null) continue
    const call = open.get(Number(item.id)) ?? (calls.length === 1 && item.id === null ? calls[0] : undefined)
    const error = readError(item)
    if (error) {
      const { kind } = readNodeError(error)
      // Nothing was run, so the call is still open: another endpoint, or a smaller batch, may do better.
      if (kind === 'rate-limited' || !call || (kind === 'batch-refused' && calls.length > 1)) {
        refusals.push(error)
        continue
      }
      call.settle({ ok: false, kind: 'rpc', error })
    } else if (call && 'result' in item) {
      call.settle({ ok: true, result: item.result })
    } else continue
    open.delete((call as RpcCall).id)
  }
  if (open.size === 0) return null
  const left = [...open.values()]
  const refusal = refusals[0]
  if (refusal && readNodeError(refusal).kind === 'rate-limited') {
    return { calls: left, failure: exchangeFailure('rate-limited', 'asked for fewer requests') }
  }
  if (calls.length > 1) {
    if (refusal)
      return { calls: left, failure: exchangeFailure('payload-refused', 'refused a batch of calls') }
    const detail = `left ${left.length} of ${calls.length} calls of a batch unanswered`
    return { calls: left, failure: exchangeFailure('incomplete', detail) }
  }
  return {
    calls: left,
    failure: exchangeFailure('unusable', 'answered with something that is not a reply to the call'),
  }
}

function readError(item: object): RpcError | null {
  if (!('error' in item) || typeof item.error !== 'object' || item.error === null) return null
  const { code, message, data } = item.error as { code?: unknown; message?: unknown; data?: unknown }
  return { code: Number(code), message: String(message), ...(data === undefined ? {} : { data }) }
}
