import { type Parsed, parsed, unparsable } from './parsed.ts'

/**
 * How a private relay is spoken to: `flashbots` and `plain` take single private transactions, the first signed; `bundle` takes
 * signed bundles for one block; `bloxroute` has methods of its own and an Authorization header; `rpc` is spoken to like a node.
 */
export type RelayKind = 'flashbots' | 'plain' | 'bundle' | 'bloxroute' | 'rpc'

/** Plain data: it crosses into the chain thread. Holds secrets. */
export interface RelayConfig {
  readonly kind: RelayKind
  readonly url: string
  /** Value of the Authorization header; null when there is none. */
  readonly authorization: string | null
}

const KINDS: readonly RelayKind[] = ['flashbots', 'plain', 'bundle', 'bloxroute', 'rpc']

/**
 * `kind|url`, or `kind|url|authorization`, several separated by commas. Problems tell an entry by its place: URLs and headers
 * hold keys.
 */
export function parseRelays(text: string): Parsed<readonly RelayConfig[]> {
  const relays: RelayConfig[] = []
  const entries = text.split(',').map((part) => part.trim())
  for (const [index, entry] of entries.entries()) {
    const place = entries.length === 1 ? '' : `(entry ${index + 1} of ${entries.length}) `
    const relay = parseRelay(entry)
    if (!relay.ok) return unparsable(place + relay.problem)
    relays.push(relay.value)
  }
  const urls = new Set(relays.map(({ kind, url }) => `${kind}|${url}`))
  return urls.size === relays.length ? parsed(relays) : unparsable('names the same relay twice.')
}

function parseRelay(entry: string): Parsed<RelayConfig> {
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
  return parsed({ kind, url, authorization: authorization === '' ? null : authorization })
}
