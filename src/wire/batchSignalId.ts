import { hash } from 'node:crypto'
import { LIMITS } from '../config/limits.ts'

/**
 * The id of a signal without one in a batch with an Idempotency-Key: the key and the signal's place, so that
 * the whole batch can be sent again safely. Null for a signal that has an id of its own. A key that leaves no
 * room for the place is hashed first; which ids a key gives depends on nothing but key and place, so that a
 * part of a batch that is sent again has the ids of before.
 */
export function batchSignalId({
  key,
  place,
  signal,
}: {
  /** Checked already; null when there is none. */
  key: string | null
  place: number
  signal: unknown
}): string | null {
  if (key === null || hasOwnId(signal)) return null
  const id = `${key}.${place}`
  return id.length <= LIMITS.signalIdCharsMax ? id : `${hash('sha256', key, 'base64url')}.${place}`
}

/** As the schema has it: null is not given. */
const hasOwnId = (signal: unknown): boolean =>
  typeof signal === 'object' &&
  signal !== null &&
  'signal_id' in signal &&
  (signal.signal_id ?? null) !== null
