import type { Hex } from '../domain/signal.ts'
import type { JsonRpc } from './rpc.ts'

/** The newest block as far as is known. */
export interface Head {
  readonly number: number
  /** Unix seconds, as in its header. */
  readonly timestamp: number
}

/** A block as it is announced, or answered with the hashes of its transactions. */
export interface Block extends Head {
  readonly hash: Hex
  readonly parentHash: Hex
  /** Null in an announcement, which is a header only. */
  readonly transactions: readonly Hex[] | null
}

export interface Heads {
  /** Null until the first is seen. */
  newest(): Head | null
  /** Its age by our clock, ms, never negative; null until the first is seen. */
  ageMs(): number | null
  /** Asks now, twice more in no time while nothing is new, and goes on at `everyMs`: something was sent. */
  hurry(): void
  stop(): void
}

/** Where blocks are announced, polling only notices that the announcements have stopped in silence. */
const WATCH_FACTOR = 10
/** Pauses after a send: a chain that makes blocks on demand has one in a moment, others are asked a little more often. */
const HURRIED_MS: readonly number[] = [25, 100]
/** One poll may be faster than an announcement. */
const UNANNOUNCED_MAX = 2

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
  onHead?: (block: Block) => void
  /** Pause between two polls where blocks are not announced. */
  everyMs: () => number
  now?: () => number
}): Heads {
  let newest: Head | null = first
  let newestHash: Hex | null = null
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let unsubscribe: (() => void) | null = null

  /** Whether it is new. */
  function see(header: unknown): boolean {
    const block = readBlock(header)
    if (stopped || block === null || block.hash === newestHash) return false
    newest = block
    newestHash = block.hash
    onHead(block)
    return true
  }

  let polling = false
  let hurried: readonly number[] = []
  /** Polls in a row that found what was not announced. */
  let unannounced = 0
  /** Since the last poll. */
  let announced = false

  async function poll(): Promise<void> {
    polling = true
    const outcome = await rpc.call('eth_getBlockByNumber', '["latest",false]')
    polling = false
    const isNew = outcome.ok && see(outcome.result)
    const [pauseMs = everyMs(), ...later] = isNew ? [] : hurried
    hurried = later
    unannounced = isNew && unsubscribe && !announced ? unannounced + 1 : 0
    announced = false
    if (unannounced >= UNANNOUNCED_MAX) {
      unannounced = 0
      void subscribe()
    }
    if (stopped) return
    timer = setTimeout(poll, unsubscribe ? everyMs() * WATCH_FACTOR : pauseMs)
  }

  async function subscribe(): Promise<void> {
    const subscription = await rpc.subscribeHeads((header) => {
      announced = true
      see(header)
    })
    if (!subscription.ok) return
    // The one before has fallen silent.
    unsubscribe?.()
    unsubscribe = subscription.value
    if (stopped) unsubscribe()
  }
  void poll()
  void subscribe()

  return {
    newest: () => newest,
    ageMs: () => (newest ? Math.max(0, now() - newest.timestamp * 1_000) : null),
    hurry() {
      if (stopped || unsubscribe) return
      hurried = HURRIED_MS
      if (polling) return
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

const HASH = /^0x[0-9a-f]{64}$/i

/** A block or header with its place in the chain; null when it is not one. */
export function readBlock(header: unknown): Block | null {
  const head = readHead(header)
  const { hash, parentHash, transactions } = (header ?? {}) as Readonly<Record<string, unknown>>
  const known = Array.isArray(transactions) && transactions.every(isHash) ? transactions.map(lower) : null
  return head !== null && isHash(hash) && isHash(parentHash)
    ? { ...head, hash: lower(hash), parentHash: lower(parentHash), transactions: known }
    : null
}

const isHash = (value: unknown): value is Hex => typeof value === 'string' && HASH.test(value)
const lower = (hash: Hex): Hex => hash.toLowerCase() as Hex
