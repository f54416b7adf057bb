import { it } from 'vitest'
import { type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'
import { auditTruth } from './auditTruth.ts'

/** One case of the failure table; a row may have several. */
export interface FaultCase {
  /** Its number in the table of failures. */
  readonly row: number
  readonly failure: string
  readonly injected: string
  readonly expected: string
  /** `system`: the built server in LIVE over its public API; otherwise the module the case runs against. */
  readonly against: string
}

declare module 'vitest' {
  interface TaskMeta {
    /** What the reporter writes into `docs/fault-matrix.md`. */
    faultCase?: FaultCase & { readonly observed: string | null }
  }
}

/**
 * A case against a module.
 *
 * @param run checks everything and resolves with what was seen, in words that are the same on every run; what it gives to
 *   `atEnd` is done when the case is over, however it ends
 */
export function faultCase(
  entry: FaultCase,
  run: (atEnd: (work: () => Promise<void>) => void) => Promise<string> | string,
): void {
  const title = `row ${entry.row}: ${entry.injected}`
  it.concurrent(title, { timeout: TIMEOUT_MS }, async ({ task, onTestFinished }) => {
    task.meta.faultCase = { ...entry, observed: null }
    task.meta.faultCase = { ...entry, observed: await run(onTestFinished) }
  })
}

/** More than any one wait of a case. */
const TIMEOUT_MS = 90_000

/**
 * A case against the whole system, in a world of its own. When `run` is done the server is ended, and what it did is held against
 * the chain: see {@link auditTruth}.
 */
export function liveCase(
  entry: Omit<FaultCase, 'against'>,
  { run, foreign = [], clockMs = 0, env = {}, ...world }: LiveCase,
): void {
  faultCase({ ...entry, against: 'system' }, async (atEnd) => {
    const live = await startLiveTitan({ ...world, env: { ...clockOff(clockMs), ...env } })
    // Also when the case runs out of time.
    atEnd(live.stop)
    try {
      const observed = await run(live)
      await live.end()
      const truth = await auditTruth({ live, foreign })
      return `${observed} On chain: ${truth}.`
    } catch (error) {
      // What the server said belongs to a failure.
      throw new Error(`${error instanceof Error ? error.message : error}\n${tail(live)}`, { cause: error })
    }
  })
}

type LiveCase = NonNullable<Parameters<typeof startLiveTitan>[0]> & {
  readonly run: (live: LiveTitan) => Promise<string>
  /** Hashes that the case itself sends from a lane are pushed here. */
  readonly foreign?: string[]
  /** How far the server's clock is ahead of ours. */
  readonly clockMs?: number
}

/** Loaded before everything else, in every thread of the server. */
const clockOff = (ms: number): Record<string, string> =>
  ms === 0
    ? {}
    : {
        NODE_OPTIONS: `--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()+(${ms})`,
      }

/** A row that cannot happen to us: `reason` is in the table, and `run` checks what it rests on. */
export function impossibleRow(
  { row, failure, reason, against }: { row: number; failure: string; reason: string; against: string },
  run: () => Promise<string> | string,
): void {
  const expected = `Cannot happen: ${reason}`
  faultCase({ row, failure, injected: 'nothing: the reason is checked', expected, against }, run)
}

function tail(live: LiveTitan): string {
  try {
    return live.titan.output().slice(-6_000)
  } catch {
    return ''
  }
}
