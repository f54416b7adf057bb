/**
 * The name that was probably meant: the one known name that begins with what was written, else the closest by
 * edits (insert, delete, replace, swap neighbours), one edit allowed for each four letters. Null when nothing
 * is close.
 */
export function nearestName({ name, known }: { name: string; known: readonly string[] }): string | null {
  const upper = name.toUpperCase()
  const longer = known.filter((candidate) => candidate.startsWith(upper))
  if (longer.length === 1 && longer[0] !== undefined) return longer[0]
  let best: string | null = null
  let bestDistance = Math.floor(upper.length / 4) + 1
  for (const candidate of known) {
    const distance = editDistance(upper, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Optimal string alignment distance. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY
  for (let row = 1; row <= a.length; row++) {
    rows.push([row])
    for (let column = 1; column <= b.length; column++) {
      const replaced = at(row - 1, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1)
      const swapped =
        a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1] ? at(row - 2, column - 2) + 1 : replaced
      rows[row]?.push(Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, replaced, swapped))
    }
  }
  return at(a.length, b.length)
}
