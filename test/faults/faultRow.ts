import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'vitest'
import { type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'
import { movableClock } from '../support/movableClock.ts'
import { mountMissing } from '../support/smallDisk.ts'
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
 * @param run checks everything and resolves with what was seen, in words that are the same on every run; what
 *   it gives to `atEnd` is done when the case is over, however it ends
 */
export function faultCase(
  entry: FaultCase,
  run: (atEnd: (work: () => Promise<void>) => void) => Promise<string> | string,
  /** Why the case cannot be tried on this machine. */
  impossible: string | null = null,
): void {
  if (impossible !== null) process.stdout.write(`${impossible}\n`)
  const title = `row ${entry.row}: ${entry.injected}`
  const add = impossible === null ? it.concurrent : it.concurrent.skip
  add(title, { timeout: TIMEOUT_MS }, async ({ task, onTestFinished }) => {
    task.meta.faultCase = { ...entry, observed: null }
    task.meta.faultCase = { ...entry, observed: await run(onTestFinished) }
  })
}

/** More than any one wait of a case. */
const TIMEOUT_MS = 90_000

/**
 * A case against the whole system, in a world of its own. When `run` is done the server is ended, and what it
 * did is held against the chain: see {@link auditTruth}.
 */
export function liveCase(
  entry: Omit<FaultCase, 'against'>,
  { run, foreign = [], clockMs = null, env = {}, ...world }: LiveCase,
): void {
  const impossible = world.disk ? mountMissing() : null
  const runCase = async (atEnd: (work: () => Promise<void>) => void) => {
    const folder = mkdtempSync(join(tmpdir(), 'titan-clock-'))
    atEnd(async () => rmSync(folder, { recursive: true }))
    const clock = clockMs === null ? null : movableClock({ file: join(folder, 'clock'), ms: clockMs })
    const live = await startLiveTitan({ ...world, env: { ...clock?.env, ...env } })
    // Also when the case runs out of time.
    atEnd(live.stop)
    try {
      const observed = await run(live, clock?.set ?? noClock)
      await live.end()
      const truth = await auditTruth({ live, foreign })
      return `${observed} On chain: ${truth}.`
    } catch (error) {
      // What the server said belongs to a failure.
      throw new Error(`${error instanceof Error ? error.message : error}\n${tail(live)}`, { cause: error })
    }
  }
  faultCase({ ...entry, against: 'system' }, runCase, impossible)
}

type LiveCase = NonNullable<Parameters<typeof startLiveTitan>[0]> & {
  readonly run: (live: LiveTitan, setClock: (aheadMs: number) => void) => Promise<string>
  /** Hashes that the case itself sends from a lane are pushed here. */
  readonly foreign?: string[]
  /** How far the server's clock is ahead of ours at the start; without it the clock cannot be set. */
  readonly clockMs?: number | null
}

const noClock = () => {
  throw new Error('The clock of this case cannot be set: it has no clockMs.')
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
