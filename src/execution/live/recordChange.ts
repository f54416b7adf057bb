import type { ExecutionState } from '../../domain/executionState.ts'
import type { Attempt, LiveExecution } from '../../domain/liveExecution.ts'
import type { LiveContext } from './liveContext.ts'
import type { OpenExecution } from './openExecution.ts'

/**
 * Puts a change on disk and only then makes it true in memory and known to subscribers. With an attempt, its bytes may leave once this resolves.
 * Rejects when the disk refuses: then nothing has changed.
 */
export async function recordChange(
  execution: OpenExecution,
  { record, attempt }: { record: LiveExecution; attempt: Attempt | null },
  { journal, encode, publish }: LiveContext,
): Promise<void> {
  const attempts = attempt === null ? execution.attempts : [...execution.attempts, attempt]
  const told = { execution: record, hashes: attempts.map(({ hash }) => hash) }
  const isOutcome = record.state !== execution.record.state && !OPEN_STATES.has(record.state)
  const event = await journal.record({
    execution: {
      record,
      payloadHash: execution.payloadHash,
      answer: encode.answer({ ...told, settledInTime: !OPEN_STATES.has(record.state) }),
      event: isOutcome
        ? { type: 'live_execution', json: encode.outcome(told) }
        : { type: 'execution_update', json: encode.update(told) },
    },
    attempt,
  })
  execution.record = record
  execution.attempts = attempts
  if (event !== null) publish(event)
}

const OPEN_STATES: ReadonlySet<ExecutionState> = new Set(['accepted', 'signed', 'pending'])
