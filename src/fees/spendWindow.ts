/** What was spent within the last hour; pure but for what it is told. */
export interface SpendWindow {
  add(spent: { readonly wei: bigint; readonly atMs: number }): void
  /** Wei spent in the hour before `nowMs`. */
  total(nowMs: number): bigint
}

const HOUR_MS = 3_600_000

export function createSpendWindow(): SpendWindow {
  let entries: { readonly wei: bigint; readonly atMs: number }[] = []
  return {
    add(spent) {
      entries.push(spent)
    },
    total(nowMs) {
      entries = entries.filter(({ atMs }) => nowMs - atMs < HOUR_MS)
      return entries.reduce((sum, { wei }) => sum + wei, 0n)
    },
  }
}
