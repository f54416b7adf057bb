import { isOpen } from '../../domain/executionState.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'

/** A step: the record after it, and bytes that may leave once it is on disk. */
export interface Change {
  readonly record: LiveExecution
  readonly attempt?: Attempt
}

/**
 * Puts a change on disk, which makes it known to subscribers, and only then makes it true in memory. Changes of one execution follow each other: each is made from the
 * record the one before has left, and may find (null) that there is nothing left to change. Resolves with whether
 * there was a change. Rejects when the disk refuses: then nothing has changed.
 *
 * @param urgency `soon` for what nobody waits for: it shares another change's commit
 */
export function recordChange(
  execution: OpenExecution,
  make: (record: LiveExecution) => Change | null,
  context: LiveContext,
  urgency: 'now' | 'soon' = 'now',
): Promise<boolean> {
  // One before it that still waits for company must not keep it waiting.
  if (urgency === 'now') context.journal.hurry()
  const changed = execution.lastChange.then(() => write(execution, make(execution.record), context, urgency))
  execution.lastChange = changed.then(
    () => {},
    () => {},
  )
  return changed
}

async function write(
  execution: OpenExecution,
  change: Change | null,
  { journal, encode }: LiveContext,
  urgency: 'now' | 'soon',
): Promise<boolean> {
  if (change === null) return false
  const { record, attempt = null } = change
  const attempts = attempt === null ? execution.attempts : [...execution.attempts, attempt]
  const told = { execution: record, hashes: attempts.map(({ hash }) => hash) }
  const isOutcome = record.state !== execution.record.state && !isOpen(record.state)
  const putDown = urgency === 'now' ? journal.record : journal.recordSoon
  await putDown({
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
  return true
}
