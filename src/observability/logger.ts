import { createRequire } from 'node:module'
import { isatty } from 'node:tty'
import { type Logger, pino } from 'pino'
import type { PrettyOptions } from 'pino-pretty'
import { stdoutLines } from './stdoutLines.ts'

export type { Logger }

/**
 * NDJSON lines on stdout, pretty on a terminal; the same from every thread. Secrets never reach a line: keys
 * are not in the process (PAPER), and RPC URLs are logged by host only.
 *
 * @param options.pretty asked of the descriptor, because `process.stdout` of a worker thread is never a
 *   terminal
 */
export function createLogger({
  level,
  thread,
  pretty = isatty(1),
}: {
  level: string
  thread: string
  pretty?: boolean
}): Logger {
  const base = { thread }
  if (!pretty) return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, stdoutLines)
  // Loaded for people only, and in this thread: pino's own transport would be a further thread for each
  // chain.
  const prettify = createRequire(import.meta.url)('pino-pretty') as (
    options: PrettyOptions,
  ) => NodeJS.WritableStream
  return pino({ level, base }, prettify({ ignore: 'thread,pid,hostname', destination: 1, sync: true }))
}
