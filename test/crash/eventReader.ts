import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'

/** An event as the server tells it, by WebSocket or by `GET /events`. */
export type ToldEvent = Readonly<Record<string, unknown>> & { readonly seq: number }

/** Every event that came by WebSocket, in the order in which it came, over as many connections as it took. */
export interface EventReader {
  readonly received: readonly ToldEvent[]
  /** Resolves when an event of at least this number has come, or the time is over. */
  reached(seq: number, timeoutMs: number): Promise<void>
  stop(): void
}

const AGAIN_MS = 50

/**
 * Subscribes to all events from the first on, and after a lost connection from the one behind the last that
 * came, as a client of its own that must not miss any.
 */
export function readEventsByWebSocket({ url }: { url: string }): EventReader {
  const received: ToldEvent[] = []
  let socket: WebSocket | null = null
  let stopped = false

  function connect(): void {
    const opened = new WebSocket(url.replace(/^http/, 'ws'))
    socket = opened
    opened.on('error', () => {})
    opened.on('open', () => {
      const from = (received.at(-1)?.seq ?? 0) + 1
      opened.send(
        JSON.stringify({ type: 'subscribe', id: 1, channels: ['trades', 'updates'], from_seq: from }),
      )
    })
    let subscribed = false
    opened.on('message', (data) => {
      const message = JSON.parse(data.toString()) as ToldEvent & { type: string }
      // Before that word an event may be one of those that are to come again.
      if (message.type === 'subscribed') subscribed = true
      else if (subscribed && /^(live_execution|execution_update)$/.test(message.type)) received.push(message)
    })
    opened.on('close', async () => {
      await sleep(AGAIN_MS)
      if (!stopped) connect()
    })
  }
  connect()

  return {
    received,
    async reached(seq, timeoutMs) {
      const deadline = performance.now() + timeoutMs
      while ((received.at(-1)?.seq ?? 0) < seq && performance.now() < deadline) await sleep(AGAIN_MS)
    },
    stop() {
      stopped = true
      socket?.terminate()
    },
  }
}

/** The whole log by `GET /events`, page by page. */
export async function readEventsByHttp({ url }: { url: string }): Promise<ToldEvent[]> {
  const all: ToldEvent[] = []
  for (let from = 1; ; ) {
    const response = await fetch(`${url}/events?from_seq=${from}&limit=1000`)
    const page = (await response.json()) as { events: ToldEvent[]; next_seq: number }
    if (page.events.length === 0) return all
    all.push(...page.events)
    from = page.next_seq
  }
}
