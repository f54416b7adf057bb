import type { RelayPolicy } from '../domain/signal.ts'

/**
 * Where the bytes of a trade may go, by its policy and the heads since its first attempt was signed; every
 * phase keeps the nonce. `publish`: private for long enough, now public. `cancel`: private for long enough,
 * and it must not be shown. Without a relay (its setting was taken out while the trade was open) nothing is
 * gained by waiting.
 *
 * @param options.privateBlocksMax heads after which a transaction has been private for long enough
 */
export function relayPhase({
  policy,
  hasRelays,
  blocksWaited,
  privateBlocksMax,
}: {
  policy: RelayPolicy
  hasRelays: boolean
  blocksWaited: number
  privateBlocksMax: number
}): 'public' | 'private' | 'publish' | 'cancel' {
  if (policy === 'public') return 'public'
  if (hasRelays && blocksWaited < privateBlocksMax) return 'private'
  return policy === 'private_then_public' ? 'publish' : 'cancel'
}
