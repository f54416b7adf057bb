import type { RelayPolicy } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'

/** Where a transaction goes at this head. Every step keeps the nonce. */
export type RelayPlan<Relay> =
  /** To the public nodes; `replace` asks for a replacement with higher fees, since builders have seen the first one. */
  | { readonly way: 'public'; readonly replace: boolean }
  /** To these relays, which do not have it for the block to come. */
  | { readonly way: 'private'; readonly relays: readonly Relay[] }
  /** Nothing now: the relays have it. Silence about inclusion is normal. */
  | { readonly way: 'wait' }
  /** Long enough in private without inclusion, and it must not be shown: cancel it by a no-op at the same nonce. */
  | { readonly way: 'cancel' }
  | { readonly way: 'impossible'; readonly failure: Failure }

/**
 * Decides by policy and time, in blocks. A bundle is for one block and has to be sent for each; other relays keep what they have.
 *
 * @param options.blocksWaited heads seen since the first private sending; 0 at first
 * @param options.privateBlocksMax heads after which a transaction has been private for long enough
 */
export function relayPlan<Relay extends { readonly kind: string }>({
  policy,
  relays,
  blocksWaited,
  privateBlocksMax,
}: {
  policy: RelayPolicy
  relays: readonly Relay[]
  blocksWaited: number
  privateBlocksMax: number
}): RelayPlan<Relay> {
  if (policy === 'public') return { way: 'public', replace: false }
  if (relays.length === 0) {
    const sentence = `The relay policy is ${policy}, but this chain has no private relay configured.`
    return { way: 'impossible', failure: failure('UNSUPPORTED_ON_CHAIN', sentence, { relay: policy }) }
  }
  if (blocksWaited >= privateBlocksMax) {
    return policy === 'private_then_public' ? { way: 'public', replace: true } : { way: 'cancel' }
  }
  const due = blocksWaited === 0 ? relays : relays.filter(({ kind }) => kind === 'bundle')
  return due.length === 0 ? { way: 'wait' } : { way: 'private', relays: due }
}
