/**
 * JSON that keeps bigints, as `{"$bigint":"123"}`, so that a record reads back as it was and stays legible in
 * any SQLite shell.
 */
export const stringify = (value: unknown): string =>
  JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? { $bigint: inner.toString() } : inner))

export const parse = (text: string): unknown =>
  JSON.parse(text, (_, inner) => (typeof inner?.$bigint === 'string' ? BigInt(inner.$bigint) : inner))
