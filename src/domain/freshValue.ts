/**
 * A value that changes with time: read when asked for, kept for `freshMs`, then served while it is read
 * again, but never once it is older than `staleMs`. Many who ask at once cause one reading.
 *
 * @param options.read `undefined` when the value could not be learnt; that is not kept. Never rejects.
 * @param options.now milliseconds of a clock that never goes back
 * @returns `undefined` only when there is no value young enough and it could not be read
 */
export function createFreshValue<T>({
  read,
  freshMs,
  staleMs,
  now,
}: {
  read: () => Promise<T | undefined>
  freshMs: number
  staleMs: number
  now: () => number
}): () => Promise<T | undefined> {
  let kept: { readonly value: T; readonly readAtMs: number } | null = null
  let reading: Promise<T | undefined> | null = null

  async function readAgain(): Promise<T | undefined> {
    const readAtMs = now()
    const value = await read()
    if (value !== undefined) kept = { value, readAtMs }
    reading = null
    return value
  }

  return async () => {
    const ageMs = kept ? now() - kept.readAtMs : Number.POSITIVE_INFINITY
    if (kept && ageMs < freshMs) return kept.value
    reading ??= readAgain()
    return kept && ageMs < staleMs ? kept.value : reading
  }
}
