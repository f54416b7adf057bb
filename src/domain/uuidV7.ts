import { randomUUID } from 'node:crypto'

/** Of the 12 bits of `rand_a`. */
const COUNTER_MAX = 0xfff

/**
 * UUIDs of version 7 (RFC 9562): their text sorts by the time they were made, those of one maker also within
 * a millisecond and over a clock that is set back (section 6.2, method 1: a counter in `rand_a`, which moves
 * the time on when it is used up). An index in which ids come in time order grows at its end, at the same
 * cost however large it is.
 */
export function createUuidV7(now: () => number = Date.now): () => string {
  let atMs = 0
  let counter = 0
  return () => {
    const nowMs = now()
    if (nowMs > atMs) {
      atMs = nowMs
      counter = 0
    } else if (counter < COUNTER_MAX) counter++
    else {
      atMs++
      counter = 0
    }
    const time = atMs.toString(16).padStart(12, '0')
    // The variant and 62 random bits are those of a version 4.
    const random = randomUUID().slice(19)
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${random}`
  }
}

/** The one maker of this thread. */
export const uuidV7 = createUuidV7()
