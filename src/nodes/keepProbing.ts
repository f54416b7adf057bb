import { fail, failure, type Result } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'

/**
 * Probes until it succeeds, with doubling pauses, then again every `recheckMs`, for as long as the thread
 * lives: a node that comes back, or an executor that is deployed meanwhile, is noticed without a restart. One
 * probe runs at a time. A probe that throws has failed as one that found something wrong: it is tried again,
 * since an exception here would end the thread.
 */
export function keepProbing<Facts>({
  probe,
  onOutcome,
  onThrown,
  retryMs,
  recheckMs,
}: {
  probe: () => Promise<Result<Facts>>
  onOutcome: (outcome: Result<Facts>) => void
  /** Told what a probe has thrown, before its outcome. */
  onThrown: (error: unknown) => void
  retryMs: { readonly first: number; readonly last: number }
  recheckMs: number
}): {
  /** Something has changed: probes now, or once more when a probe is under way, and pauses begin anew. */
  again(): void
  stop(): void
} {
  let pauseMs = retryMs.first
  let timer: NodeJS.Timeout | null = null
  let running = false
  let wanted = false
  let stopped = false

  async function once(): Promise<void> {
    running = true
    wanted = false
    const outcome = await probe().catch((error: unknown) => {
      onThrown(error)
      return fail(failure('INTERNAL', `The probe could not be made: ${thrownText(error)}.`))
    })
    running = false
    if (stopped) return
    onOutcome(outcome)
    timer = setTimeout(once, wanted ? 0 : outcome.ok ? recheckMs : pauseMs)
    pauseMs = outcome.ok ? retryMs.first : Math.min(pauseMs * 2, retryMs.last)
  }
  void once()

  return {
    again() {
      pauseMs = retryMs.first
      wanted = true
      if (running || stopped) return
      if (timer !== null) clearTimeout(timer)
      void once()
    },
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
