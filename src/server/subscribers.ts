import { setTimeout as sleep } from 'node:timers/promises'
import type { ChainStatus } from '../dispatch/protocol.ts'
import type { EventLog, EventPage, StoredEvent } from '../eventlog/eventLog.ts'
import type { Channel, ClientMessage, MessageId } from '../wire/decodeMessage.ts'
import { type OnBug, reportBug } from './bug.ts'

/** One client's way out. Messages leave in the order in which they were given. */
export interface Outlet {
  send(text: string): void
  /** Bytes that the client has not taken yet. */
  bufferedBytes(): number
  /** Sends what waits, then the close frame; nothing is sent after it. */
  close(code: number, reason: string): void
}

export interface Subscriber {
  readonly outlet: Outlet
  /** Replaced as a whole. */
  filter: Filter
  /**
   * Everything up to here was sent, or is outside the filter. Who stands at the end of the log gets new
   * events as they come; everybody else gets them from the log, page by page.
   */
  cursor: number
  /** `seq` of the last event sent on this stream, or where the stream began. */
  sentSeq: number
}

interface Filter {
  readonly channels: ReadonlySet<Channel>
  /** Null = every chain. */
  readonly chainIds: ReadonlySet<number> | null
}

export type Subscribe = Extract<ClientMessage, { type: 'subscribe' }>

export interface Subscribers {
  /**
   * A client that has said nothing yet gets every settled trade of every chain from now on, but no
   * `execution_update`.
   */
  add(outlet: Outlet): Subscriber
  remove(subscriber: Subscriber): void
  /**
   * Replaces what the client gets, from the `subscribed` message on (a new connection may have brought some
   * of its events before it). With `fromSeq` the missed events come first, in order, without a gap or a
   * repetition.
   */
  subscribe(subscriber: Subscriber, request: Subscribe): void
  /** The client has taken what was buffered: what it missed goes on. */
  drained(subscriber: Subscriber): void
  heartbeat(): void
  count(): number
}

const REPLAY_PAGE = 200
const CHANNEL_OF: Readonly<Record<StoredEvent['type'], Channel>> = {
  paper_execution: 'trades',
  live_execution: 'trades',
  execution_update: 'updates',
}
const wantsEvents = ({ filter: { channels } }: Subscriber) =>
  channels.has('trades') || channels.has('updates')
/** RFC 6455: the server met a condition that keeps it from going on. */
const CLOSE_INTERNAL_ERROR = 1011

/** Brings stored events and changes of chains to WebSocket clients. */
export function createSubscribers({
  events,
  onStatus,
  replayBytesMax,
  onBug,
  rest = sleep,
}: {
  events: Pick<EventLog, 'epoch' | 'lastSeq' | 'oldestSeq' | 'read' | 'onStored'>
  onStatus: (listener: (status: ChainStatus) => void) => void
  /** A replay waits while this much is unread, so that a long one never makes its reader a slow consumer. */
  replayBytesMax: number
  onBug: OnBug
  /** Lets others have the time, ms. */
  rest?: (ms: number) => Promise<unknown>
}): Subscribers {
  const all = new Set<Subscriber>()
  const known = new Map<number, ChainStatus>()
  /** Who is to be given a page of the log, in the order of their turns. */
  const behind = new Set<Subscriber>()
  let pumping = false

  /** An event that does not follow the one before it on this stream, or may not, says which one does. */
  function deliver(subscriber: Subscriber, stored: readonly StoredEvent[]) {
    const { filter, outlet } = subscriber
    for (const { seq, chainId, type, json } of stored) {
      if (seq <= subscriber.cursor) continue
      subscriber.cursor = seq
      if (!filter.channels.has(CHANNEL_OF[type]) || filter.chainIds?.has(chainId) === false) continue
      const follows = filter.chainIds === null && seq === subscriber.sentSeq + 1
      outlet.send(follows ? json : `{"prev_seq":${subscriber.sentSeq},${json.slice(1)}`)
      subscriber.sentSeq = seq
    }
  }

  const isBehind = (subscriber: Subscriber) =>
    all.has(subscriber) && wantsEvents(subscriber) && subscriber.cursor < events.lastSeq()

  function fetch(subscriber: Subscriber) {
    if (!isBehind(subscriber)) return
    behind.add(subscriber)
    if (!pumping) void pump()
  }

  /**
   * The one way in which missed events reach anybody: a page for each of those who are behind in turn, one
   * page at a time whoever they are, so that new events and signals wait for one page at most, and then as
   * long as that took, so that half of the time is theirs. Who has too much unread loses its turns until it
   * has `drained`, or until there is something new.
   */
  async function pump() {
    pumping = true
    for (const subscriber of behind) {
      behind.delete(subscriber)
      if (!isBehind(subscriber) || subscriber.outlet.bufferedBytes() > replayBytesMax) continue
      const beganMs = performance.now()
      await givePage(subscriber)
      if (isBehind(subscriber)) behind.add(subscriber)
      await rest(performance.now() - beganMs)
    }
    pumping = false
  }

  async function givePage(subscriber: Subscriber) {
    const { filter, cursor } = subscriber
    const chainIds = filter.chainIds === null ? null : [...filter.chainIds]
    let page: EventPage
    try {
      page = await events.read({ fromSeq: cursor + 1, limit: REPLAY_PAGE, chainIds, withNewest: false })
    } catch (error) {
      // A log that cannot be read must not look like the end of it: the client comes back with from_seq.
      reportBug(error, onBug)
      remove(subscriber)
      subscriber.outlet.close(CLOSE_INTERNAL_ERROR, 'internal error')
      return
    }
    // It has asked for something else meanwhile.
    if (subscriber.filter !== filter || subscriber.cursor !== cursor) return
    if (page.fromSeq > cursor + 1) {
      sendGap(subscriber.outlet, null, page.fromSeq)
      subscriber.sentSeq = page.fromSeq - 1
    }
    deliver(subscriber, page.events)
    subscriber.cursor = page.nextSeq - 1
  }

  function broadcast(channel: Channel, chainId: number, message: object) {
    let text: string | null = null
    for (const { filter, outlet } of all) {
      if (!filter.channels.has(channel) || filter.chainIds?.has(chainId) === false) continue
      text ??= JSON.stringify(message)
      outlet.send(text)
    }
  }

  events.onStored((stored) => {
    const endBefore = (stored[0]?.seq ?? events.lastSeq() + 1) - 1
    for (const subscriber of all) {
      if (!wantsEvents(subscriber)) continue
      if (subscriber.cursor >= endBefore) deliver(subscriber, stored)
      else fetch(subscriber)
    }
  })
  onStatus((status) => {
    const { chainId, head, headAgeMs, name, state, reason, paused } = status
    const before = known.get(chainId)
    known.set(chainId, status)
    if (head !== null && head !== before?.head) {
      broadcast('heads', chainId, { type: 'head', chainId, block: head, age_ms: headAgeMs })
    }
    if (state !== before?.state || reason !== before.reason || paused?.since !== before.paused?.since) {
      broadcast('control', chainId, { type: 'chain_state', chainId, name, state, reason, paused })
    }
  })

  function remove(subscriber: Subscriber) {
    all.delete(subscriber)
    behind.delete(subscriber)
  }

  /** Events below `oldest`, or of another log, cannot be had any more; what is kept follows. */
  function sendGap(outlet: Outlet, id: MessageId, oldest: number) {
    outlet.send(JSON.stringify({ type: 'gap', id, oldest, epoch: events.epoch() }))
  }

  return {
    add(outlet) {
      const seq = events.lastSeq()
      const filter = { channels: new Set<Channel>(['trades']), chainIds: null }
      const subscriber: Subscriber = { outlet, filter, cursor: seq, sentSeq: seq }
      all.add(subscriber)
      return subscriber
    },
    remove,
    subscribe(subscriber, { id, channels, chainIds, fromSeq }) {
      const hadEvents = wantsEvents(subscriber)
      subscriber.filter = {
        channels: new Set(channels),
        chainIds: chainIds === null ? null : new Set(chainIds),
      }
      const hasEvents = wantsEvents(subscriber)
      if (!hasEvents || !hadEvents) subscriber.cursor = events.lastSeq()
      subscriber.sentSeq = subscriber.cursor
      const missed = hasEvents && fromSeq !== null
      const seq = missed ? events.lastSeq() : subscriber.cursor
      subscriber.outlet.send(JSON.stringify({ type: 'subscribed', id, seq }))
      if (!missed) return
      const oldest = events.oldestSeq()
      const start = Math.min(Math.max(fromSeq, oldest), events.lastSeq() + 1)
      // 0 asks for whatever there is.
      if (start !== fromSeq && fromSeq > 0) sendGap(subscriber.outlet, id, oldest)
      subscriber.cursor = start - 1
      subscriber.sentSeq = start - 1
      fetch(subscriber)
    },
    drained: fetch,
    heartbeat() {
      for (const subscriber of all) {
        const seq = wantsEvents(subscriber) ? subscriber.cursor : events.lastSeq()
        subscriber.outlet.send(`{"type":"heartbeat","seq":${seq}}`)
      }
    },
    count: () => all.size,
  }
}
