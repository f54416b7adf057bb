/**
 * `docs/errors.md`: the table of codes for readers. Run directly it writes the file: `node
 * scripts/errorsDoc.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { CODES, type CodeEntry } from '../src/errors/codes.ts'

const GROUPS: readonly { title: string; text: string; includes: (entry: CodeEntry) => boolean }[] = [
  {
    title: 'The trade was evaluated and not made',
    text: 'The request was served, so the HTTP status is 200 and `success` is `false`.',
    includes: ({ status }) => status === 200,
  },
  {
    title: 'The outcome is not known yet',
    text: 'The trade was taken, so the HTTP status is 202 and the header `Location` names where its record is.',
    includes: ({ status }) => status === 202,
  },
  {
    title: 'The request has to be changed',
    text: 'Nothing was done. The same request will be refused again.',
    includes: ({ status, retryable }) => status >= 400 && !retryable,
  },
  {
    title: 'The request may be sent again',
    text: 'The same request, with the same `signal_id`, may succeed later. With 503 a `Retry-After` header tells when.',
    includes: ({ retryable }) => retryable,
  },
]

// Markdown takes a bare < for the start of a tag.
const cell = (text: string) => text.replaceAll('<', '&lt;')

/** The document's text. */
export function errorsDoc(): string {
  const entries = Object.entries<CodeEntry>(CODES)
  const groups = GROUPS.map(({ title, text, includes }) => {
    const rows = entries
      .filter(([, entry]) => includes(entry))
      .map(
        ([code, { status, meaning, fix }]) => `| \`${code}\` | ${status} | ${cell(meaning)} | ${cell(fix)} |`,
      )
    return `## ${title}\n\n${text}\n\n| code | HTTP | what it means | what to do |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return `# Codes

Every failure carries a stable \`code\`, a sentence about this very case in \`error\`, \`retryable\`, a \`hint\`, and \`facts\` for
programs. Match on \`code\`; sentences may change. Codes are never renamed or reused. The HTTP status is the one a code has when
it is the whole answer; inside a batch or over WebSocket it stands in the body.

This file is written by \`node scripts/errorsDoc.ts\` from \`src/errors/codes.ts\`.

${groups.join('\n')}`
}

if (import.meta.main) {
  const folder = new URL('../docs/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  writeFileSync(new URL('errors.md', folder), errorsDoc())
}
