import { writeFileSync } from 'node:fs'

/**
 * Loaded before everything else, in every thread of a server: its clock is off by what a file says, also
 * while it runs.
 */
const PRELOAD = `
import { readFileSync } from 'node:fs'
const now = Date.now
let readAtMs = 0
let offMs = 0
Date.now = () => {
  const atMs = now()
  if (atMs - readAtMs >= 20 || atMs < readAtMs) {
    readAtMs = atMs
    try { offMs = Number(readFileSync(process.env.TEST_CLOCK_FILE, 'utf8')) } catch {}
  }
  return atMs + offMs
}`

/** The environment of a server whose clock is moved by `set`. */
export function movableClock({ file, ms }: { file: string; ms: number }) {
  const set = (offMs: number) => writeFileSync(file, String(offMs))
  set(ms)
  return {
    env: {
      TEST_CLOCK_FILE: file,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRELOAD)}`,
    },
    /** How far it is ahead from now on. */
    set,
  }
}
