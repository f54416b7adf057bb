import { isOpen } from '../../domain/executionState.ts'
import type { Attempt, FillerRecord, LiveExecution } from '../../domain/liveExecution.ts'
import type { ExecutionChange } from '../../journal/liveJournal.ts'
import type { LiveContext } from './liveContext.ts'
import { hashesOf, type OpenExecution, type OpenRecord } from './openExecution.ts'

/** A step: the record after it, and bytes that may leave once it is on disk. */
export interface Change<Kind extends OpenRecord> {
  readonly record: Kind
  readonly attempt?: Attempt
}

/**
 * Puts a change on disk, which makes it known to subscribers, and only then makes it true in memory. Changes
 * of one execution follow each other: each is made from the record the one before has left, and may find
 * (null) that there is nothing left to change. Resolves with whether there was a change. Rejects when the
 * disk refuses: then nothing has changed.
 *
 * @param urgency `soon` for what nobody waits for: it shares another change's commit
 */
export function recordChange<Kind extends OpenRecord>(
  execution: OpenExecution<Kind>,
  make: (record: Kind) => Change<Kind> | null,
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

async function write<Kind extends OpenRecord>(
  execution: OpenExecution<Kind>,
  change: Change<Kind> | null,
  { journal, tell, onOutcome }: LiveContext,
  urgency: 'now' | 'soon',
): Promise<boolean> {
  if (change === null) return false
  const { record, attempt = null } = change
  const attempts = attempt === null ? execution.attempts : [...execution.attempts, attempt]
  const put = urgency === 'now' ? journal.record : journal.recordSoon
  const { signal } = record
  const told =
    signal === null
      ? (record as FillerRecord)
      : changeOf({
          record: record as LiveExecution,
          attempts,
          stateBefore: execution.record.state,
          payloadHash: execution.payloadHash,
          tell,
        })
  await put({ execution: told, attempt })
  execution.record = record
  execution.attempts = attempts
  if ('event' in told && told.event?.type === 'live_execution') onOutcome(told.record)
  return true
}

function changeOf({
  record,
  attempts,
  stateBefore,
  payloadHash,
  tell,
}: {
  record: LiveExecution
  attempts: readonly Attempt[]
  stateBefore: LiveExecution['state']
  payloadHash: string
  tell: LiveContext['tell']
}): ExecutionChange {
  const told = { execution: record, hashes: hashesOf({ attempts }) }
  const isOutcome = record.state !== stateBefore && !isOpen(record.state)
  return {
    record,
    payloadHash,
    answer: tell.answer({ ...told, settledInTime: !isOpen(record.state) }),
    event: isOutcome
      ? { type: 'live_execution', json: tell.outcome(told) }
      : { type: 'execution_update', json: tell.update(told) },
  }
}
