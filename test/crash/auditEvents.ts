import type { FinalRecord } from './audit.ts'
import type { ToldEvent } from './eventReader.ts'

/**
 * What is wrong with the events of a run, a sentence for each: the log's numbers have no hole, no event is in
 * it twice, what came by WebSocket is the log, event by event, and the last one of each trade is its record.
 */
export function auditEvents({
  log,
  received,
  records,
}: {
  /** By `GET /events`. */
  log: readonly ToldEvent[]
  /** By WebSocket, over all its connections. */
  received: readonly ToldEvent[]
  /** By signal_id. */
  records: ReadonlyMap<string, FinalRecord>
}): string[] {
  const last = new Map(log.map((event) => [String(event.signal_id), event]))
  return [
    ...holes('GET /events', log),
    ...holes('The WebSocket', received),
    ...repetitions(log),
    ...differences(log, received),
    ...[...records].flatMap(([id, record]) => {
      if (record === null) return []
      const event = last.get(id)
      if (event === undefined) return [`${id} has a record and no event.`]
      const same =
        event.status === record.status && event.final === record.final && event.txHash === record.txHash
      return same ? [] : [`The last event of ${id} says ${event.status}, its record ${record.status}.`]
    }),
  ]
}

function holes(name: string, events: readonly ToldEvent[]): string[] {
  return events.flatMap(({ seq }, index) => {
    const wanted = index === 0 ? 1 : (events[index - 1] as ToldEvent).seq + 1
    return seq === wanted ? [] : [`${name} went from event ${wanted - 1} to ${seq}.`]
  })
}

/** The same thing told under two numbers: everything is equal but the number. */
function repetitions(log: readonly ToldEvent[]): string[] {
  const seen = new Map<string, number>()
  return log.flatMap(({ seq, ...event }) => {
    const text = JSON.stringify(event)
    const before = seen.get(text)
    seen.set(text, seq)
    return before === undefined ? [] : [`Events ${before} and ${seq} of ${event.signal_id} are the same.`]
  })
}

function differences(log: readonly ToldEvent[], received: readonly ToldEvent[]): string[] {
  const bySeq = new Map(received.map((event) => [event.seq, event]))
  return log.flatMap((event) => {
    const told = bySeq.get(event.seq)
    if (told === undefined) return [`Event ${event.seq} never came by WebSocket.`]
    const { prev_seq: _, ...rest } = told
    return JSON.stringify(rest) === JSON.stringify(event)
      ? []
      : [`Event ${event.seq} came as another by WebSocket.`]
  })
}
