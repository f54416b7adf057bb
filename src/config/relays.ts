import { type Parsed, parsed, unparsable } from './parsed.ts'

/**
 * How a private relay is spoken to: `flashbots` and `plain` take single private transactions, the first
 * signed; `bundle` takes signed bundles for one block; `bloxroute` has methods of its own and an
 * Authorization header; `rpc` is spoken to like a node.
 */
export type RelayKind = 'flashbots' | 'plain' | 'bundle' | 'bloxroute' | 'rpc'

/** Plain data: it crosses into the chain thread. Holds secrets. */
export interface RelayConfig {
  readonly kind: RelayKind
  readonly url: string
  /** Value of the Authorization header; null when there is none. */
  readonly authorization: string | null
}

/**
 * Chains to which bloXroute has a private way: docs.bloxroute.com, "Private Transactions" of ETH, BSC and
 * Base. Elsewhere its methods are public or not known.
 */
export const BLOXROUTE_CHAIN_IDS: readonly number[] = [1, 56, 8453]

const KINDS: readonly RelayKind[] = ['flashbots', 'plain', 'bundle', 'bloxroute', 'rpc']

/**
 * `kind|url`, or `kind|url|authorization`, several separated by commas. Problems tell an entry by its place:
 * URLs and headers hold keys.
 *
 * @param chainId where the relays are to be used
 */
export function parseRelays(text: string, chainId: number): Parsed<readonly RelayConfig[]> {
  const relays: RelayConfig[] = []
  const entries = text.split(',').map((part) => part.trim())
  for (const [index, entry] of entries.entries()) {
    const place = entries.length === 1 ? '' : `(entry ${index + 1} of ${entries.length}) `
    const relay = parseRelay(entry, chainId)
    if (!relay.ok) return unparsable(place + relay.problem)
    relays.push(relay.value)
  }
  const urls = new Set(relays.map(({ kind, url }) => `${kind}|${url}`))
  return urls.size === relays.length ? parsed(relays) : unparsable('names the same relay twice.')
}

function parseRelay(entry: string, chainId: number): Parsed<RelayConfig> {
  if (entry === '') return unparsable('is empty; remove the extra comma.')
  const [kindText, url = '', authorization = '', ...rest] = entry.split('|').map((part) => part.trim())
  const kind = KINDS.find((known) => known === kindText)
  if (!kind || rest.length > 0)
    return unparsable(`must be written kind|url, with a kind of ${KINDS.join(', ')}.`)
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return unparsable('must have a URL that begins with https:// or http://.')
  if (/[^\x20-\x7e]/.test(authorization))
    return unparsable('has an Authorization value with characters that no header takes.')
  if (kind === 'bloxroute' && authorization === '')
    return unparsable('must end in the Authorization value of your bloXroute account: bloxroute|url|value.')
  if (kind === 'bloxroute' && !BLOXROUTE_CHAIN_IDS.includes(chainId))
    return unparsable(
      `is bloXroute, which has no known private method for chain ${chainId}; remove that relay.`,
    )
  return parsed({ kind, url, authorization: authorization === '' ? null : authorization })
}

/** Above it, and at zero, a number is no private key of secp256k1. */
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** The key by which relays know us. What is wrong with it is told without any of it. */
export function parseRelayKey(text: string): Parsed<string> {
  const digits = text.replace(/^0x/, '')
  if (!/^[0-9a-fA-F]{64}$/.test(digits)) return unparsable('must be 32 bytes in hexadecimal.')
  const number = BigInt(`0x${digits}`)
  if (number === 0n || number >= CURVE_ORDER) return unparsable('is not a valid key.')
  return parsed(text)
}
