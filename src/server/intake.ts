import type { Dispatcher } from '../dispatch/dispatcher.ts'
import type { Answer, RequestKind } from '../dispatch/protocol.ts'
import type { Mode } from '../domain/mode.ts'
import { uuidV7 } from '../domain/uuidV7.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { SignalCounts } from '../observability/signalCounts.ts'
import { decodeSignal, readSignalId, type SignalHeaders } from '../wire/decodeSignal.ts'
import { refusal } from '../wire/encodeFailure.ts'
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
   * Once the server stops: why a batch of signals with these ids (null where there is none) is refused as a
   * whole; its signals are counted as refused. Null before.
   */
  refuseBatch(readIds: () => readonly (string | null)[]): Failure | null
  /** The refusal of everything new, once the server stops; null before. */
  draining(): Failure | null
  /** Refuses new signals from now on. */
  refuseNew(): void
}

/** Nothing is put together for a line that is not written. */
export interface DebugLog {
  isLevelEnabled(level: 'debug'): boolean
  debug(facts: object, message: string): void
}

export function createIntake({
  mode,
  chainIds,
  dispatcher,
  counts,
  metrics,
  logger,
  onBug,
}: {
  mode: Mode
  chainIds: readonly number[]
  dispatcher: Dispatcher
  counts: Pick<SignalCounts, 'count'>
  metrics: Metrics
  logger: DebugLog
  onBug: OnBug
}): Intake {
  /** A client may name any chain; only configured ones may become label values. */
  const labels = new Map(chainIds.map((chainId) => [chainId, String(chainId)]))
  let draining: Failure | null = null

  const refuse = (failure: Failure, signalId: string | null) => refusal({ failure, mode, signalId })

  /** A trade that is on its way goes on: of its id it cannot be said that nothing was sent. */
  function inDoubt(reason: Failure, ids: readonly (string | null)[]): Failure {
    const mayBeSent = mode === 'LIVE' && ids.some((id) => id !== null && dispatcher.mayKnow(id))
    return mayBeSent ? { ...reason, facts: { ...reason.facts, sent: 'unknown' } } : reason
  }

  /** Counts an answer that leaves no record, and says why in the log. */
  function account({
    kind,
    answer: { body, refused, replayed },
    signalId,
    chainId,
  }: {
    kind: RequestKind
    answer: Answer
    signalId: string | null
    /** Null where there is none of ours. */
    chainId: number | null
  }): void {
    if (refused === undefined) {
      if (replayed && kind === 'execute') counts.count('repeated', chainId)
      return
    }
    if (kind === 'execute') counts.count('refused', chainId)
    if (!logger.isLevelEnabled('debug')) return
    const { error } = JSON.parse(body) as { error: string }
    logger.debug(
      { signal_id: signalId, chainId, request: kind, code: refused, error },
      'A signal is refused.',
    )
  }

  return {
    take(kind, json, headers, settle) {
      const refuseUnread = (reason: Failure) => {
        const signalId = readSignalId(json)
        const ids = kind === 'execute' ? [signalId ?? headers.idempotencyKey] : []
        const answer = refuse(inDoubt(reason, ids), signalId)
        account({ kind, answer, signalId, chainId: null })
        settle(answer, signalId)
      }
      if (draining !== null) return refuseUnread(draining)
      const decoded = decodeSignal({ json, headers, mode, newSignalId: uuidV7 })
      if (!decoded.ok) {
        metrics.signalReceived('invalid')
        return refuseUnread(decoded.failure)
      }
      const { chainId, signalId } = decoded.value
      const label = labels.get(chainId)
      metrics.signalReceived(label ?? 'unknown')
      let answered = false
      const finish = (answer: Answer) => {
        if (answered) return
        answered = true
        account({ kind, answer, signalId, chainId: label === undefined ? null : chainId })
        settle(answer, signalId)
      }
      try {
        dispatcher.submit(kind, decoded.value, finish)
      } catch (error) {
        const inDoubt = mode === 'LIVE' && kind === 'execute'
        finish(bugAnswer({ error, mode, signalId, inDoubt, onBug }))
      }
    },
    refuseBatch(readIds) {
      if (draining === null) return null
      const ids = readIds()
      for (const _ of ids) counts.count('refused', null)
      return inDoubt(draining, ids)
    },
    draining: () => draining,
    refuseNew() {
      draining = failure('DRAINING', 'The server is stopping and takes no new signals.')
    },
  }
}
