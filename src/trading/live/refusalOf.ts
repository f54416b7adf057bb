import type { BroadcastOutcome } from '../../broadcast/broadcast.ts'
import type { VerdictClass } from '../../broadcast/verdict.ts'
import type { Refusal } from '../../confirmation/nextStep.ts'

/** What says nothing of the transaction: the endpoint was not reached, did not answer, or takes none. */
const SAYS_NOTHING: readonly VerdictClass[] = [
  'unreachable',
  'no_answer',
  'rate_limited',
  'method_unavailable',
]

/**
 * What all nodes that answered agree on about the newest attempt: what follows from it keeps the nonce, so
 * that a node which is silent can only have what is replaced. "replacement underpriced" is about our fees
 * only where an earlier attempt of ours holds the nonce; otherwise a foreign transaction does, and outbidding
 * it is not ours to do.
 */
export function refusalOf(outcome: BroadcastOutcome, isReplacement: boolean): Refusal {
  if (outcome.status === 'accepted') return 'none'
  const said = outcome.verdicts.map((verdict) => verdict.class).filter((name) => !SAYS_NOTHING.includes(name))
  const all = (...classes: readonly VerdictClass[]) =>
    said.length > 0 && said.every((name) => classes.includes(name))
  if (all('underpriced')) return 'price'
  if (isReplacement && all('replacement_underpriced', 'underpriced')) return 'price'
  if (all('insufficient_funds', 'fee_cap_exceeded')) return 'too_much'
  return all('intrinsic_gas', 'gas_limit', 'invalid_transaction') ? 'permanent' : 'none'
}
