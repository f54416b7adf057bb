import type { ExecutionState } from '../../domain/executionState.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'

/** A step: the record after it, and bytes that may leave once it is on disk. */
export interface Change {
  readonly record: LiveExecution
  readonly attempt?: Attempt
}

/**
 * Puts a change on disk and only then makes it true in memory and known to subscribers. Changes of one execution follow each other: each is made from the
 * record the one before has left, and may find (null) that there is nothing left to change. Resolves with whether
 * there was a change. Rejects when the disk refuses: then nothing has changed.
 */
export function recordChange(
  execution: OpenExecution,
  make: (record: LiveExecution) => Change | null,
  context: LiveContext,
): Promise<boolean> {
  const changed = execution.lastChange.then(() => write(execution, make(execution.record), context))
  execution.lastChange = changed.then(
    () => {},
    () => {},
  )
  return changed
}

async function write(
  execution: OpenExecution,
  change: Change | null,
  { journal, encode, publish }: LiveContext,
): Promise<boolean> {
  if (change === null) return false
  const { record, attempt = null } = change
  const attempts = attempt === null ? execution.attempts : [...execution.attempts, attempt]
  const told = { execution: record, hashes: attempts.map(({ hash }) => hash) }
  const isOutcome = record.state !== execution.record.state && !isOpen(record.state)
  const event = await journal.record({
    execution: {
      record,
      payloadHash: execution.payloadHash,
      answer: encode.answer({ ...told, settledInTime: !isOpen(record.state) }),
      event: isOutcome
        ? { type: 'live_execution', json: encode.outcome(told) }
        : { type: 'execution_update', json: encode.update(told) },
    },
    attempt,
  })
  execution.record = record
  execution.attempts = attempts
  if (event !== null) publish(event)
  return true
}

/** Nothing has come of it yet. */
export const isOpen = (state: ExecutionState): boolean =>
  state === 'accepted' || state === 'signed' || state === 'pending'
