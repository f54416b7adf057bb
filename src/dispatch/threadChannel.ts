import type { MessagePort } from 'node:worker_threads'
import type { Result } from '../errors/failure.ts'
import type {
  ChainStatus,
  ControlEntry,
  ControlRequest,
  MainMessage,
  OutboxEvent,
  OutboxMark,
  RpcTiming,
  SettledSignal,
  StageTiming,
  ThreadMessage,
  Totals,
} from './protocol.ts'

/** The chain thread's end of its message channel: everything of one event-loop tick leaves in one message. */
export interface ThreadChannel {
  settled(signal: SettledSignal, event: OutboxEvent | null): void
  /** Events of no signal that is being answered. */
  events(events: readonly OutboxEvent[]): void
  timing(timing: StageTiming): void
  rpc(request: RpcTiming): void
  status(status: ChainStatus, eventLoopDelaySeconds: number | null): void
  /** Sends what is collected and closes the port. */
  close(): void
}

/** Events in one message of those that are sent again: about a megabyte. */
const RESEND_ROWS = 1_000

export function createThreadChannel({
  port,
  totals,
  forgotten,
  outboxAbove,
  onStored,
  onControl,
}: {
  port: MessagePort
  totals: () => Totals
  /** Up to where the outbox was emptied before. */
  forgotten: OutboxMark
  outboxAbove: (outboxId: number, limit: number) => readonly OutboxEvent[]
  onStored: (outboxId: number, keptSinceMs: number | null) => void
  onControl: (request: ControlRequest) => Promise<Result<readonly ControlEntry[]>>
}): ThreadChannel {
  let settled: SettledSignal[] = []
  let events: OutboxEvent[] = []
  let timings: StageTiming[] = []
  let requests: RpcTiming[] = []
  let scheduled: NodeJS.Immediate | null = null

  const post = (message: ThreadMessage) => port.postMessage(message)
  const schedule = () => {
    scheduled ??= setImmediate(flush)
  }

  function flush(): void {
    scheduled = null
    if (settled.length > 0 || events.length > 0 || timings.length > 0) {
      // Totals travel only when an execution changed them.
      post({ kind: 'settled', settled, events, totals: events.length > 0 ? totals() : null, timings })
    }
    if (requests.length > 0) post({ kind: 'rpc', requests })
    settled = []
    events = []
    timings = []
    requests = []
  }

  port.on('message', (message: MainMessage) => {
    switch (message.kind) {
      case 'stored':
        return onStored(message.outboxId, message.keptSinceMs)
      case 'resend': {
        // What is collected is in the outbox too: it leaves before, or the log would take it for the newest.
        flush()
        const events = outboxAbove(message.aboveOutboxId, RESEND_ROWS + 1)
        const more = events.length > RESEND_ROWS
        return post({ kind: 'resent', events: more ? events.slice(0, -1) : events, more })
      }
      case 'control': {
        const { key, request } = message
        return void onControl(request).then((outcome) => post({ kind: 'controlled', key, outcome }))
      }
      default:
        message satisfies never
    }
  })
  post({ kind: 'attached', forgotten })
  // The totals of earlier runs, before the first signal.
  post({ kind: 'settled', settled: [], events: [], totals: totals(), timings: [] })

  return {
    settled(signal, event) {
      settled.push(signal)
      if (event !== null) events.push(event)
      schedule()
    },
    events(more) {
      if (more.length === 0) return
      events.push(...more)
      schedule()
    },
    timing(timing) {
      timings.push(timing)
      schedule()
    },
    rpc(request) {
      requests.push(request)
      schedule()
    },
    status: (status, eventLoopDelaySeconds) => post({ kind: 'status', status, eventLoopDelaySeconds }),
    close() {
      if (scheduled !== null) clearImmediate(scheduled)
      flush()
      port.close()
    },
  }
}
