import type { Address, Hex, Signal } from '../domain/signal.ts'
import type { NodeError } from '../nodes/nodeErrors.ts'
import type { JsonRpc, RpcError } from '../nodes/rpc.ts'
import type { ExplainedRevert, InquireRevert } from './engine.ts'

/** A transaction of ours that is in a block and reverted there. */
export interface RevertedAttempt {
  readonly lane: Address
  /** The executor it called. */
  readonly to: Address
  readonly calldata: Hex
  readonly gasLimit: bigint
  /** Number of its block. */
  readonly block: number
}

/**
 * Why a mined transaction reverted: its very call is made again on the state before its block, and, where it
 * succeeds there, on the state behind it, since what took the opportunity may stand in the same block. Null
 * when neither tells: the node keeps no such state or does not answer, or the call succeeds on both.
 *
 * A receipt has no reason, and tracing is not served by most providers.
 */
export async function explainMined({
  rpc,
  attempt: { lane, to, calldata, gasLimit, block },
  signal,
  inquire,
  readNodeError,
}: {
  rpc: Pick<JsonRpc, 'call'>
  attempt: RevertedAttempt
  signal: Signal
  inquire: InquireRevert
  readNodeError: (error: RpcError) => NodeError
}): Promise<ExplainedRevert | null> {
  const call = { from: lane, to, data: calldata, gas: `0x${gasLimit.toString(16)}` }
  for (const number of [block - 1, block]) {
    const outcome = await rpc.call('eth_call', [call, `0x${number.toString(16)}`])
    if (outcome.ok) continue
    if (outcome.kind === 'transport') return null
    const meaning = readNodeError(outcome.error)
    if (meaning.kind !== 'execution') return null
    if (meaning.data) return await inquire({ data: meaning.data, signal, block: number })
    const sentence = `The node stopped it: ${meaning.reason}.`
    return { sentence, hop: null, shortfall: null, hint: null, kind: 'failed' }
  }
  return null
}
