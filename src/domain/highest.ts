/** The highest of some amounts; `Math.max` is not for bigint. */
export function highest(first: bigint, ...others: readonly bigint[]): bigint {
  let found = first
  for (const amount of others) if (amount > found) found = amount
  return found
}
