import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { Answer, RequestKind } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { uuidV7 } from '../domain/uuidV7.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { Metrics } from '../observability/metrics.ts'
import { decodeSignal, readSignalId, type SignalHeaders } from '../wire/decodeSignal.ts'
import { refusal } from '../wire/refusal.ts'
import { bugAnswer, type OnBug } from './bug.ts'

/**
 * `signalId` is the sender's or, where there was none, ours; null when the signal could not be read so far.
 */
export type Settle = (answer: Answer, signalId: string | null) => void

/** Where signals of every transport enter, one at a time. */
export interface Intake {
  /**
   * Checks a signal and hands it to its chain; `settle` is called exactly once, perhaps before this returns.
   */
  take(kind: RequestKind, json: unknown, headers: SignalHeaders, settle: Settle): void
  /**
   * Signals to execute that were refused since the start: invalid, too many, or their chain, node or journal
   * could not serve them.
   */
  refused(): number
  /** The refusal of everything new, once the server stops; null before. */
  draining(): Failure | null
  /** Refuses new signals from now on. */
  refuseNew(): void
  /** The same, and resolves when the last one in flight is answered; what is not by then is told so. */
  drain(options: { readonly deadlineMs: number }): Promise<void>
}

interface InFlight {
  readonly signalId: string
  settle: Settle | null
}

export function createIntake({
  mode,
  chainIds,
  dispatcher,
  metrics,
  onBug,
}: {
  mode: Mode
  chainIds: readonly number[]
  dispatcher: Dispatcher
  metrics: Metrics
  onBug: OnBug
}): Intake {
  const inFlight = new Set<InFlight>()
  /** A client may name any chain; only configured ones may become label values. */
  const labels = new Map(chainIds.map((chainId) => [chainId, String(chainId)]))
  let draining: Failure | null = null
  let emptied: (() => void) | null = null
  let refused = 0

  function refuseNew(): void {
    draining = failure('DRAINING', 'The server is stopping and takes no new signals.')
  }

  const refuse = (failure: Failure, signalId: string | null) => refusal({ failure, mode, signalId })

  return {
    take(kind, json, headers, settle) {
      const refuseUnread = (reason: Failure) => {
        if (kind === 'execute') refused++
        const signalId = readSignalId(json)
        const id = signalId ?? headers.idempotencyKey
        // A trade that is on its way goes on: of its id it cannot be said that nothing was sent.
        const mayBeSent =
          mode === 'LIVE' && kind === 'execute' && id !== null && dispatcher.chainOf(id) !== null
        const facts = mayBeSent ? { ...reason.facts, sent: 'unknown' } : reason.facts
        settle(refuse({ ...reason, facts }, signalId), signalId)
      }
      if (draining !== null) return refuseUnread(draining)
      const decoded = decodeSignal({ json, headers, mode, newSignalId: uuidV7 })
      if (!decoded.ok) {
        metrics.signalReceived('invalid')
        return refuseUnread(decoded.failure)
      }
      const { chainId, signalId } = decoded.value
      metrics.signalReceived(labels.get(chainId) ?? 'unknown')
      const entry: InFlight = { signalId, settle }
      inFlight.add(entry)
      const finish = (answer: Answer) => {
        inFlight.delete(entry)
        if (kind === 'execute' && answer.refused !== undefined) refused++
        const { settle: answered } = entry
        entry.settle = null
        answered?.(answer, signalId)
        if (inFlight.size === 0) emptied?.()
      }
      try {
        dispatcher.submit(kind, decoded.value, finish)
      } catch (error) {
        finish(bugAnswer({ error, mode, signalId, onBug }))
      }
    },
    refused: () => refused,
    draining: () => draining,
    refuseNew,
    async drain({ deadlineMs }) {
      refuseNew()
      if (inFlight.size === 0) return
      await new Promise<void>((resolve) => {
        emptied = resolve
        setTimeout(resolve, deadlineMs).unref()
      })
      for (const entry of inFlight) {
        const sentence =
          'The server stopped before the answer was known: the signal may have been executed. Send it again with the same signal_id.'
        entry.settle?.(
          refuse(
            failure('DRAINING', sentence, { sent: mode === 'PAPER' ? 'no' : 'unknown' }),
            entry.signalId,
          ),
          entry.signalId,
        )
        entry.settle = null
      }
    },
  }
}
