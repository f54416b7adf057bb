import type { Result } from '../errors/failure.ts'

/**
 * Probes until it succeeds, with doubling pauses, then again every `recheckMs`, for as long as the thread lives: a node that comes back, or an
 * executor that is deployed meanwhile, is noticed without a restart. One probe runs at a time.
 */
export function keepProbing<Facts>({
  probe,
  onOutcome,
  retryMs,
  recheckMs,
}: {
  probe: () => Promise<Result<Facts>>
  onOutcome: (outcome: Result<Facts>) => void
  retryMs: { readonly first: number; readonly last: number }
  recheckMs: number
}): { stop(): void } {
  let pauseMs = retryMs.first
  let timer: NodeJS.Timeout | null = null
  let stopped = false

  async function once(): Promise<void> {
    const outcome = await probe()
    if (stopped) return
    onOutcome(outcome)
    timer = setTimeout(once, outcome.ok ? recheckMs : pauseMs)
    pauseMs = outcome.ok ? retryMs.first : Math.min(pauseMs * 2, retryMs.last)
  }
  void once()

  return {
    stop() {
      stopped = true
      if (timer !== null) clearTimeout(timer)
    },
  }
}
