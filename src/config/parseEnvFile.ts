/** The variables of a `.env`, or what is wrong with it: sentences to follow the file's name. */
export type EnvFile =
  | { readonly ok: true; readonly variables: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problems: readonly string[] }

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const QUOTES = ['"', "'", '`']

/**
 * Reads a `.env`: UTF-8 text whose lines are `NAME=VALUE` (`export` before it is passed over), empty, or a
 * comment after `#`. A value may stand in one pair of quotes; nothing in it is replaced, and it ends on its
 * line. Of a name that comes twice the last counts.
 *
 * Whatever is none of that is a problem with its line, since a line that was passed over would leave the
 * server on other chains, or in another mode, than was written. Problems hold nothing of a value: it may be
 * a key.
 */
export function parseEnvFile(bytes: Uint8Array): EnvFile {
  const [first, second] = bytes
  const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  if (isUtf16 || bytes.includes(0))
    return {
      ok: false,
      problems: [
        'is saved as UTF-16, or is no text; save it as UTF-8 (in Windows editors: "Save as", encoding UTF-8).',
      ],
    }
  let text: string
  try {
    // It passes over a byte order mark, which some editors begin a file with.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { ok: false, problems: ['is not UTF-8; save it as UTF-8.'] }
  }

  const variables: Record<string, string> = {}
  const problems: string[] = []
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const read = readLine(line.trim())
    if (typeof read === 'string') problems.push(`line ${index + 1} ${read}`)
    else if (read !== null) variables[read.name] = read.value
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, variables }
}

/** Null for a line that sets nothing; a text is what is wrong with it. */
function readLine(line: string): { readonly name: string; readonly value: string } | null | string {
  if (line === '' || line.startsWith('#')) return null
  const equals = line.indexOf('=')
  const name = line
    .slice(0, Math.max(equals, 0))
    .replace(/^export\s+/, '')
    .trim()
  if (!NAME.test(name)) return `is not NAME=VALUE; ${fixOf(line)}`
  const value = line.slice(equals + 1).trim()
  const [quote = ''] = value
  if (!QUOTES.includes(quote)) return { name, value: value.replace(/(^|\s)#.*$/s, '').trim() }
  const end = value.indexOf(quote, 1)
  if (end === -1) return `has a value that begins with ${quote} and does not end with it.`
  if (!/^\s*(#.*)?$/s.test(value.slice(end + 1))) return 'has text after the closing quote of its value.'
  const quoted = value.slice(1, end)
  // Container runtimes hand comments on, so that one in a value could not be told from one after it.
  return /(^|\s)#/.test(quoted)
    ? 'has a # after a blank in its value, which begins a comment even in quotes; no setting may hold one.'
    : { name, value: quoted }
}

/** Names the setting that is meant, when that is certain to be a name and no part of a secret. */
function fixOf(line: string): string {
  const meant =
    /^(?:export\s+|set\s+|\$env:|-\s+|["'{\s])*([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)["']?\s*[:=\s]/.exec(line)?.[1]
  return meant === undefined
    ? 'remove it, or put a # before it.'
    : `write ${meant}=, the value right after it, and nothing before it.`
}
