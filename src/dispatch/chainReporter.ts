import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { ChainStatus } from './protocol.ts'

const STATUS_EVERY_MS = 5_000
const JOURNAL_CHECK_MS = 1_000

/** Tells the main thread how the chain is: when asked to, and every few seconds. */
export interface ChainReporter {
  report(): void
  /** The same after a probe, which has asked all that a change of the endpoints would make it ask. */
  probed(): void
  /** Why nothing can be written down, a sentence: then nothing can be promised either. */
  journalProblem(): string | null
  stop(): void
}

export function createChainReporter({
  chainName,
  status,
  send,
  journalTrouble,
  isReachable,
  onReachable,
  log,
}: {
  chainName: string
  status: () => ChainStatus
  send: (status: ChainStatus, eventLoopDelaySeconds: number | null) => void
  /** Why the disk refuses writes now; null when it takes them. */
  journalTrouble: () => string | null
  /** Whether an endpoint is well. */
  isReachable: () => boolean
  /** That has changed since the last report. */
  onReachable: () => void
  log: { error(message: string): void }
}): ChainReporter {
  let journalProblem: string | null = null
  let reachable = true
  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()

  function report(eventLoopDelaySeconds: number | null = null): void {
    send(status(), eventLoopDelaySeconds)
    if (isReachable() === reachable) return
    reachable = !reachable
    onReachable()
  }

  const reporting = setInterval(() => {
    report(loop.percentile(99) / 1e9)
    loop.reset()
  }, STATUS_EVERY_MS)

  const checking = setInterval(() => {
    const trouble = journalTrouble()
    const sentence = trouble && `The journal of ${chainName} cannot be written: ${trouble}.`
    if (sentence === journalProblem) return
    journalProblem = sentence
    if (sentence !== null) log.error(sentence)
    report()
  }, JOURNAL_CHECK_MS)

  return {
    report: () => report(),
    probed() {
      reachable = isReachable()
      report()
    },
    journalProblem: () => journalProblem,
    stop() {
      clearInterval(reporting)
      clearInterval(checking)
      loop.disable()
    },
  }
}
