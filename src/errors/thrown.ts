/** Longer texts are cut: a reason is shown on one line. */
const CHARS_MAX = 300

/** What was thrown, for the log: the same words, and where it came from without its message. */
export const thrownFacts = (
  thrown: unknown,
): { readonly reason: string; readonly at: readonly string[] } => ({
  reason: thrownText(thrown),
  at: (thrown instanceof Error ? (thrown.stack ?? '') : '')
    .split('\n')
    .filter((line) => /^\s+at .+:\d+\)?$/.test(line))
    .map((line) => line.trim()),
})

/**
 * What was thrown, as words for a status or an answer: the message alone, on one line and bounded. Of a URL
 * only scheme and host are kept, since the rest of an RPC URL holds keys. The stack belongs to the log.
 */
export function thrownText(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown)
  const text = message
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)(?:[^\s/@]*@)?([^\s/?#'"]*)[^\s'"]*/gi, '$1$2')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/\.$/, '')
  return text.length > CHARS_MAX ? `${text.slice(0, CHARS_MAX)}...` : text
}
