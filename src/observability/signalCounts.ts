import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'

/** Signals to execute that left no record of their own. */
export interface UnrecordedSignals {
  /** Nothing was executed: invalid, too many, or the chain, its node or its journal could not serve them. */
  readonly refused: number
  /** Answered by the record that their id has already. */
  readonly repeated: number
}

/**
 * Counts what the chains' journals do not: so that the signals received since they began are known, over
 * restarts as they are. On disk within a second, which is what a kill may cost.
 */
export interface SignalCounts {
  /** @param chainId null for a signal that could not be read, or of a chain that is not configured */
  count(kind: keyof UnrecordedSignals, chainId: number | null): void
  of(chainId: number): UnrecordedSignals
  sum(): UnrecordedSignals
  /** Puts down what is not yet. Never rejects. */
  close(): Promise<void>
}

const WRITE_EVERY_MS = 1_000
const NONE: UnrecordedSignals = { refused: 0, repeated: 0 }
/** The key of those without a chain. */
const NO_CHAIN = 'none'

/**
 * @param options.path of the file, which is replaced as a whole
 * @param options.onError the file cannot be read or written: counting goes on, from nothing or in memory
 */
export function openSignalCounts({
  path,
  onError,
}: {
  path: string
  onError: (error: unknown) => void
}): SignalCounts {
  const counts = new Map<string, UnrecordedSignals>()
  let changed = false
  let lastWrite = Promise.resolve()
  let told = false

  try {
    for (const [key, value] of Object.entries(JSON.parse(readFileSync(path, 'utf8')))) {
      const { refused, repeated } = value as UnrecordedSignals
      if (!Number.isSafeInteger(refused) || !Number.isSafeInteger(repeated))
        throw new Error(`${path} does not hold counts of signals.`)
      counts.set(key, { refused, repeated })
    }
  } catch (error) {
    counts.clear()
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error)
  }

  async function write(): Promise<void> {
    if (!changed) return
    changed = false
    try {
      await writeFile(`${path}.part`, JSON.stringify(Object.fromEntries(counts)))
      await rename(`${path}.part`, path)
      told = false
    } catch (error) {
      changed = true
      // Each second anew would say nothing new.
      if (!told) onError(error)
      told = true
    }
  }
  const writeInTurn = () => {
    lastWrite = lastWrite.then(write)
  }
  const timer = setInterval(writeInTurn, WRITE_EVERY_MS).unref()

  return {
    count(kind, chainId) {
      const key = chainId === null ? NO_CHAIN : String(chainId)
      const before = counts.get(key) ?? NONE
      counts.set(key, { ...before, [kind]: before[kind] + 1 })
      changed = true
    },
    of: (chainId) => counts.get(String(chainId)) ?? NONE,
    sum() {
      const all = [...counts.values()]
      return {
        refused: all.reduce((sum, { refused }) => sum + refused, 0),
        repeated: all.reduce((sum, { repeated }) => sum + repeated, 0),
      }
    },
    async close() {
      clearInterval(timer)
      writeInTurn()
      await lastWrite
    },
  }
}
