/** What was spent within the last hour; pure but for what it is told. */
export interface SpendWindow {
  add(spent: { readonly wei: bigint; readonly atMs: number }): void
  /** Wei spent in the hour before `nowMs`. */
  total(nowMs: number): bigint
}

const HOUR_MS = 3_600_000

export function createSpendWindow(): SpendWindow {
  /** By time, oldest first; those before `oldest` are forgotten. */
  const entries: { readonly wei: bigint; readonly atMs: number }[] = []
  let oldest = 0
  let sum = 0n
  return {
    add(spent) {
      let place = entries.length
      while (place > oldest && (entries[place - 1]?.atMs ?? 0) > spent.atMs) place--
      entries.splice(place, 0, spent)
      sum += spent.wei
    },
    total(nowMs) {
      for (let entry = entries[oldest]; entry && nowMs - entry.atMs >= HOUR_MS; entry = entries[oldest]) {
        sum -= entry.wei
        oldest++
      }
      if (oldest > entries.length / 2) {
        entries.splice(0, oldest)
        oldest = 0
      }
      return sum
    },
  }
}
