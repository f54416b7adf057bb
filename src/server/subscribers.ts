import type { ChainStatus } from '../dispatch/protocol.ts'
import type { EventLog, StoredEvent } from '../eventlog/eventLog.ts'
import type { Channel, ClientMessage, MessageId } from '../wire/decodeMessage.ts'
import { type OnBug, report } from './bug.ts'

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
  channels: ReadonlySet<Channel>
  /** Null = every chain. */
  chainIds: ReadonlySet<number> | null
  /** Everything up to here was sent, or is outside the filter. */
  seenSeq: number
  /** `seq` of the last event sent on this stream, or where the stream began. */
  sentSeq: number
  /**
   * Whether missed events are being read from the log, to which live ones are left until it has caught up;
   * `waiting` for the client to read.
   */
  replay: 'none' | 'running' | 'waiting'
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
  /** The client has taken what was buffered: a replay that waited for it goes on. */
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
const wantsEvents = ({ channels }: Subscriber) => channels.has('trades') || channels.has('updates')
/** RFC 6455: the server met a condition that keeps it from going on. */
const CLOSE_INTERNAL_ERROR = 1011

/** Brings stored events and changes of chains to WebSocket clients. */
export function createSubscribers({
  events,
  onStatus,
  replayBytesMax,
  onBug,
}: {
  events: Pick<EventLog, 'epoch' | 'lastSeq' | 'oldestSeq' | 'read' | 'onStored'>
  onStatus: (listener: (status: ChainStatus) => void) => void
  /** A replay waits while this much is unread, so that a long one never makes its reader a slow consumer. */
  replayBytesMax: number
  onBug: OnBug
}): Subscribers {
  const all = new Set<Subscriber>()
  const known = new Map<number, ChainStatus>()

  /** An event that does not follow the one before it on this stream, or may not, says which one does. */
  function deliver(subscriber: Subscriber, stored: readonly StoredEvent[]) {
    const { channels, chainIds, outlet } = subscriber
    for (const { seq, chainId, type, json } of stored) {
      if (seq <= subscriber.seenSeq) continue
      subscriber.seenSeq = seq
      if (!channels.has(CHANNEL_OF[type]) || chainIds?.has(chainId) === false) continue
      const follows = chainIds === null && seq === subscriber.sentSeq + 1
      outlet.send(follows ? json : `{"prev_seq":${subscriber.sentSeq},${json.slice(1)}`)
      subscriber.sentSeq = seq
    }
  }

  /** One page per turn of the event loop, so that a long replay delays nobody. */
  function replay(subscriber: Subscriber) {
    if (!all.has(subscriber) || subscriber.replay === 'none') return
    subscriber.replay = subscriber.outlet.bufferedBytes() > replayBytesMax ? 'waiting' : 'running'
    if (subscriber.replay === 'waiting') return
    try {
      const page = events.read({ fromSeq: subscriber.seenSeq + 1, limit: REPLAY_PAGE })
      deliver(subscriber, page)
      if (page.length === 0) subscriber.replay = 'none'
      else setImmediate(replay, subscriber)
    } catch (error) {
      // A log that cannot be read must not look like the end of it: the client comes back with from_seq.
      report(error, onBug)
      subscriber.outlet.close(CLOSE_INTERNAL_ERROR, 'internal error')
    }
  }

  function broadcast(channel: Channel, chainId: number, message: object) {
    let text: string | null = null
    for (const { channels, chainIds, outlet } of all) {
      if (!channels.has(channel) || chainIds?.has(chainId) === false) continue
      text ??= JSON.stringify(message)
      outlet.send(text)
    }
  }

  events.onStored((stored) => {
    for (const subscriber of all) {
      if (wantsEvents(subscriber) && subscriber.replay === 'none') deliver(subscriber, stored)
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

  return {
    add(outlet) {
      const seq = events.lastSeq()
      const subscriber: Subscriber = {
        outlet,
        channels: new Set<Channel>(['trades']),
        chainIds: null,
        seenSeq: seq,
        sentSeq: seq,
        replay: 'none',
      }
      all.add(subscriber)
      return subscriber
    },
    remove: (subscriber) => void all.delete(subscriber),
    subscribe(subscriber, { id, channels, chainIds, fromSeq }) {
      const hadEvents = wantsEvents(subscriber)
      subscriber.channels = new Set(channels)
      subscriber.chainIds = chainIds === null ? null : new Set(chainIds)
      const hasEvents = wantsEvents(subscriber)
      if (!hasEvents) subscriber.replay = 'none'
      if (!hasEvents || !hadEvents) subscriber.seenSeq = events.lastSeq()
      subscriber.sentSeq = subscriber.seenSeq
      const missed = hasEvents && fromSeq !== null
      const seq = missed ? events.lastSeq() : subscriber.seenSeq
      subscriber.outlet.send(JSON.stringify({ type: 'subscribed', id, seq }))
      if (!missed) return
      const oldest = events.oldestSeq()
      const start = Math.min(Math.max(fromSeq, oldest), events.lastSeq() + 1)
      // 0 asks for whatever there is.
      if (start !== fromSeq && fromSeq > 0) sendGap(subscriber.outlet, id, oldest)
      subscriber.seenSeq = start - 1
      subscriber.sentSeq = start - 1
      const idle = subscriber.replay === 'none'
      subscriber.replay = 'running'
      if (idle) replay(subscriber)
    },
    drained(subscriber) {
      if (subscriber.replay === 'waiting') replay(subscriber)
    },
    heartbeat() {
      for (const subscriber of all) {
        const seq = wantsEvents(subscriber) ? subscriber.seenSeq : events.lastSeq()
        subscriber.outlet.send(`{"type":"heartbeat","seq":${seq}}`)
      }
    },
    count: () => all.size,
  }

  /** Events below `oldest`, or of another log, cannot be had any more; what is kept follows. */
  function sendGap(outlet: Outlet, id: MessageId, oldest: number) {
    outlet.send(JSON.stringify({ type: 'gap', id, oldest, epoch: events.epoch }))
  }
}
