/** Parts of a text that are as long as this and stand in a secret too are taken out. */
const PART = 6
/** Parts of URLs that name a service and not a customer. */
const PUBLIC =
  /^(v\d+|rpc|http|https|ws|wss|api|eth|ext|bc|c|json|jsonrpc|public|archive|node|main|mainnet|evm)$/i
/** Secrets shorter than `PART` are found as whole words only. */
const SHORT_MIN = 3

/**
 * Gives back what takes the secrets of an endpoint's URL out of a text of its node: path, query and
 * credentials, whole or in part, as they are, percent-encoded, escaped as JSON does, or as the Authorization
 * header has them, in either case of letters. Revert data is not text and does not go through here.
 *
 * @param more other secrets that the endpoint is shown
 */
export function createRedactor(url: string, more: readonly string[] = []): (text: string) => string {
  const secrets = [...new Set([...secretsOf(url), ...more].flatMap(variants))].map((secret) =>
    secret.toLowerCase(),
  )
  const parts = new Set<string>()
  for (const secret of secrets)
    for (let at = 0; at + PART <= secret.length; at++) parts.add(secret.slice(at, at + PART))
  const short = secrets.filter((secret) => secret.length < PART)

  return (text) => {
    const lower = text.toLowerCase()
    // Lower case may have another length in some scripts; such a text is not worth the risk.
    if (lower.length !== text.length) return '…'
    const hidden = new Uint8Array(text.length)
    for (let at = 0; at + PART <= lower.length; at++)
      if (parts.has(lower.slice(at, at + PART))) hidden.fill(1, at, at + PART)
    for (const secret of short) hideWords(lower, secret, hidden)
    return withoutHidden(text, hidden)
  }
}

function secretsOf(url: string): string[] {
  if (!/^(https?|wss?):/.test(url)) return url.split('/').filter(isSecret)
  const { pathname, searchParams, username, password } = new URL(url)
  const credentials = username || password ? [`${decoded(username)}:${decoded(password)}`] : []
  return [
    ...pathname.split('/').filter(isSecret),
    ...[...searchParams.values()].filter(isSecret),
    ...[username, password].filter((part) => part.length >= SHORT_MIN),
    ...credentials.flatMap((text) => [base64(text), base64(text).replace(/=+$/, '')]),
  ]
}

const isSecret = (part: string) => part.length >= SHORT_MIN && !PUBLIC.test(part)
const base64 = (text: string) => Buffer.from(text).toString('base64')

function variants(secret: string): string[] {
  const plain = decoded(secret)
  const bytes = [...Buffer.from(plain)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const encoded = encodeURIComponent(plain)
  return [
    secret,
    plain,
    encoded,
    encodeURIComponent(encoded),
    bytes,
    JSON.stringify(plain).slice(1, -1),
    base64(plain).replace(/=+$/, ''),
  ]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function hideWords(text: string, word: string, hidden: Uint8Array): void {
  const isLetter = (at: number) => /[\p{L}\p{N}]/u.test(text[at] ?? '')
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1))
    if (!isLetter(at - 1) && !isLetter(at + word.length)) hidden.fill(1, at, at + word.length)
}

/**
 * What is hidden, and what is joined to it, becomes one mark: the rest of a key that was cut out of the
 * middle is part of it.
 */
function withoutHidden(text: string, hidden: Uint8Array): string {
  if (!hidden.includes(1)) return text
  return text.replace(/[^\s"'`<>(){}[\],;]+/g, (word, at: number) => {
    return hidden.subarray(at, at + word.length).includes(1) ? '…' : word
  })
}
