import type { JsonRpc } from './rpc.ts'

/** The newest block as far as is known. */
export interface Head {
  readonly number: number
  /** Unix seconds, as in its header. */
  readonly timestamp: number
}

export interface Heads {
  /** Null until the first is seen. */
  newest(): Head | null
  /** Its age by our clock, ms, never negative; null until the first is seen. */
  ageMs(): number | null
  /** Asks now and goes on at `everyMs`: something was sent, or waited for. */
  hurry(): void
  stop(): void
}

/** Where blocks are announced, polling only notices that the announcements have stopped, and so reconnects. */
const WATCH_FACTOR = 10

/**
 * Follows the newest block, for people, metrics and the time of the next block. Nothing is pinned to it. After a reorg or a node's
 * restart it goes back with the node.
 */
export function createHeads({
  rpc,
  first = null,
  onHead = () => {},
  everyMs,
  now = Date.now,
}: {
  rpc: Pick<JsonRpc, 'call' | 'subscribeHeads'>
  first?: Head | null
  onHead?: (head: Head) => void
  /** Pause between two polls where blocks are not announced. */
  everyMs: () => number
  now?: () => number
}): Heads {
  let newest = first
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let unsubscribe: (() => void) | null = null

  function see(header: unknown): void {
    const head = readHead(header)
    if (stopped || head === null || (head.number === newest?.number && head.timestamp === newest.timestamp))
      return
    newest = head
    onHead(head)
  }

  let polling = false

  async function poll(): Promise<void> {
    polling = true
    const outcome = await rpc.call('eth_getBlockByNumber', '["latest",false]')
    polling = false
    if (outcome.ok) see(outcome.result)
    if (stopped) return
    timer = setTimeout(poll, unsubscribe ? everyMs() * WATCH_FACTOR : everyMs())
  }

  async function start(): Promise<void> {
    const subscription = await rpc.subscribeHeads(see)
    if (subscription.ok && stopped) subscription.value()
    else if (subscription.ok) unsubscribe = subscription.value
    if (!stopped) await poll()
  }
  void start()

  return {
    newest: () => newest,
    ageMs: () => (newest ? Math.max(0, now() - newest.timestamp * 1_000) : null),
    hurry() {
      if (polling || stopped || unsubscribe) return
      if (timer) clearTimeout(timer)
      void poll()
    },
    stop() {
      stopped = true
      unsubscribe?.()
      if (timer) clearTimeout(timer)
    },
  }
}

/** Number and time of a block or header as JSON-RPC gives it; null when it is not one. */
export function readHead(header: unknown): Head | null {
  const { number, timestamp } = (header ?? {}) as { number?: unknown; timestamp?: unknown }
  if (typeof number !== 'string' || typeof timestamp !== 'string') return null
  const head = { number: Number(number), timestamp: Number(timestamp) }
  return Number.isSafeInteger(head.number) && Number.isSafeInteger(head.timestamp) ? head : null
}
