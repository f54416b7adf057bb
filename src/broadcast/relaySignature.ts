import { randomBytes } from 'node:crypto'
import { computeAddress, hashMessage, id, SigningKey } from 'ethers'
import { StartError } from '../errors/startError.ts'

/** Who we are to relays: a key for reputation only. It holds no funds and signs no transaction. */
export interface RelayIdentity {
  readonly address: string
  /** Value of the `X-Flashbots-Signature` header for a body. */
  sign(body: string): string
}

/**
 * The header is `address:signature`, the signature being EIP-191 over the hexadecimal text of the body's
 * keccak-256 (docs.flashbots.net, JSON-RPC endpoints, authentication). The key stays in the closure.
 *
 * @param options.authKey RELAY_AUTH_KEY; without it a random one for the life of this process
 * @param options.laneAddresses accounts that sign transactions, whose keys a relay must never see used
 * @throws StartError that holds nothing of the key
 */
export function createRelayIdentity({
  authKey,
  laneAddresses,
}: {
  authKey: string | null
  laneAddresses: readonly string[]
}): RelayIdentity {
  const text = authKey?.replace(/^0x/, '')
  if (text !== undefined && !/^[0-9a-fA-F]{64}$/.test(text)) {
    throw new StartError(['RELAY_AUTH_KEY must be 32 bytes in hexadecimal.'])
  }
  const key = signingKey(text ?? randomBytes(32).toString('hex'))
  const address = computeAddress(key.publicKey)
  if (laneAddresses.some((lane) => lane.toLowerCase() === address.toLowerCase())) {
    throw new StartError([
      'RELAY_AUTH_KEY is the key of a sending account; use another key, it needs no funds.',
    ])
  }
  return {
    address,
    sign: (body) => `${address}:${key.sign(hashMessage(id(body))).serialized}`,
  }
}

function signingKey(text: string): SigningKey {
  try {
    const key = new SigningKey(`0x${text}`)
    key.publicKey satisfies string // zero and numbers above the curve's order have none
    return key
  } catch {
    throw new StartError(['RELAY_AUTH_KEY is not a valid key.'])
  }
}
