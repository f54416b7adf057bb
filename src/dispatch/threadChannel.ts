import type { MessagePort } from 'node:worker_threads'
import type { Result } from '../errors/failure.ts'
import type {
  ChainStatus,
  ControlEntry,
  ControlRequest,
  MainMessage,
  OutboxEvent,
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
  /**
   * Sends the events of an earlier life of this thread that the event log has not stored, and says that these
   * were all.
   */
  replay(events: readonly OutboxEvent[]): void
  timing(timing: StageTiming): void
  rpc(request: RpcTiming): void
  status(status: ChainStatus, eventLoopDelaySeconds: number | null): void
  /** Sends what is collected and closes the port. */
  close(): void
}

export function createThreadChannel({
  port,
  totals,
  onStored,
  onControl,
}: {
  port: MessagePort
  totals: () => Totals
  onStored: (outboxId: number) => void
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
        return onStored(message.outboxId)
      case 'control': {
        const { key, request } = message
        return void onControl(request).then((outcome) => post({ kind: 'controlled', key, outcome }))
      }
      default:
        message satisfies never
    }
  })
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
    replay(earlier) {
      events.push(...earlier)
      flush()
      post({ kind: 'replayed' })
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
