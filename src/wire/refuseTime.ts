import { type Failure, failure } from '../errors/failure.ts'

/** September 2001 to the end of 2099, in seconds: what anybody can mean by a moment. */
const FIRST_S = 1e9
const LAST_S = 4.1e9
/** Units that moments are counted in elsewhere, and how many of each a second has. */
const UNITS = [
  ['seconds', 1],
  ['microseconds', 1e6],
  ['nanoseconds', 1e9],
] as const

/**
 * Why `valid_until` can hardly be Unix milliseconds, with what it is likely to be; null when it can be. Taken
 * as they stand, seconds are long past, and microseconds never pass. Error: INVALID_SIGNAL.
 */
export function refuseValidUntil(value: unknown): Failure | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return null
  const refuse = (why: string) =>
    failure('INVALID_SIGNAL', `valid_until ${value} ${why}`, { field: 'valid_until' })
  for (const [unit, perSecond] of UNITS) {
    const seconds = value / perSecond
    if (seconds < FIRST_S || seconds > LAST_S) continue
    return refuse(
      `looks like Unix ${unit}: it must be Unix milliseconds, here ${Math.round(seconds * 1_000)}.`,
    )
  }
  return value < FIRST_S * 1_000
    ? refuse(
        'is no moment of this century: it must be Unix milliseconds, not a duration, e.g. 1767225600000 for the first of January 2026.',
      )
    : null
}

/** Why `max_block` is a time in milliseconds and no block's number; null when it can be one. Error: INVALID_SIGNAL. */
export function refuseMaxBlock(value: number | null): Failure | null {
  if (value === null || value < FIRST_S * 1_000 || value > LAST_S * 1_000) return null
  const sentence = `max_block ${value} looks like a time: it must be a block number. For a limit in time send valid_until.`
  return failure('INVALID_SIGNAL', sentence, { field: 'max_block' })
}
