import { writeSync } from 'node:fs'

const STDOUT = 1
/** A pipe that is set not to block, and full: its reader gets so long, in all, to take something. */
const RETRY_MS = 5
const RETRIES_MAX = 20
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Where log lines go: at once and whole, from whatever thread. What stdout does not take (the disk is full,
 * the reader has gone) is dropped: pino's own destination would throw it into the process a tick later, keep
 * every line in memory meanwhile, and never let the process end. Never throws.
 */
export const stdoutLines = {
  write(line: string): void {
    let bytes = Buffer.from(line)
    for (let retries = 0; bytes.length > 0; ) {
      try {
        bytes = bytes.subarray(writeSync(STDOUT, bytes))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || retries++ === RETRIES_MAX) return
        Atomics.wait(sleeper, 0, 0, RETRY_MS)
      }
    }
  },
}
