import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * NDJSON lines on stdout, pretty on a terminal. Secrets never reach a line: keys are not in the process (PAPER), and RPC URLs are logged by host only.
 */
export function createLogger({ level, thread }: { level: string; thread: string }): Logger {
  const base = { thread }
  if (process.stdout.isTTY) {
    return pino({
      level,
      base,
      transport: { target: 'pino-pretty', options: { ignore: 'thread,pid,hostname' } },
    })
  }
  return pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime })
}
