/** What was spent within the last hour; pure but for what it is told. */
export interface SpendWindow {
  /** @returns takes it back, also when it is forgotten already */
  add(spent: { readonly wei: bigint; readonly atMs: number }): () => void
  /** Wei spent in the hour before `nowMs`. */
  total(nowMs: number): bigint
}

const HOUR_MS = 3_600_000

export function createSpendWindow(): SpendWindow {
  /** By time, oldest first; those before `oldest` are forgotten. */
  const entries: { wei: bigint; readonly atMs: number }[] = []
  let oldest = 0
  let sum = 0n
  return {
    add({ wei, atMs }) {
      const spent = { wei, atMs }
      let place = entries.length
      while (place > oldest && (entries[place - 1]?.atMs ?? 0) > atMs) place--
      entries.splice(place, 0, spent)
      sum += wei
      return () => {
        sum -= spent.wei
        spent.wei = 0n
      }
    },
    total(nowMs) {
      for (let entry = entries[oldest]; entry && nowMs - entry.atMs >= HOUR_MS; entry = entries[oldest]) {
        sum -= entry.wei
        entry.wei = 0n
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
