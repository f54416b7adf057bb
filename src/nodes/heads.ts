import { setTimeout as sleep } from 'node:timers/promises'
import { readCount, readHash } from '../domain/rpcValues.ts'
import type { Hex } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { HeadAge } from './headAge.ts'
import { lagMax } from './headBoard.ts'
import type { EndpointReader } from './rpc.ts'

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
  /** The best of all endpoints; null until the first is seen. */
  newest(): Head | null
  /** Its age, ms, never negative; null until the first is seen. */
  ageMs(): number | null
  /**
   * `STALE_NODE` when even the best is too old to simulate on; null when it is not, and always where blocks
   * are made on demand.
   */
  staleness(): Failure | null
  /**
   * The lowest block that an answer about the newest state may stand on: not far below the newest, and by the
   * usual time between blocks not too old; null where any will do.
   */
  oldestUsable(): number | null
  /**
   * Asks now, twice more in no time while nothing is new, and goes on at the usual pace: something was sent.
   */
  hurry(): void
  stop(): void
}

/**
 * Pauses after a send: a chain that makes blocks on demand has one in a moment, others are asked a little
 * more often.
 */
const HURRIED_MS: readonly number[] = [25, 100]
/**
 * Polls in a row that find what was not announced before the subscription is given up: one may be faster than
 * an announcement.
 */
const UNANNOUNCED_MAX = 2
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 30_000

/** Pauses between polls. */
export interface HeadPaces {
  /** While something is out, so that its block is noticed soon. */
  readonly busyMs: number
  /** As blocks come. */
  readonly idleMs: number
  /** After an announcement: what was not announced for so long is asked for. */
  readonly announcedMs: number
  /** For the endpoints that are not read from. */
  readonly othersMs: number
}

export const headPaces = (blockTimeMs: number): HeadPaces => ({
  busyMs: Math.min(Math.max(blockTimeMs / 4, 100), 500),
  idleMs: Math.min(Math.max(blockTimeMs, 1_000), 12_000),
  announcedMs: Math.min(Math.max(3 * blockTimeMs, 2_000), 30_000),
  othersMs: Math.min(Math.max(4 * blockTimeMs, 5_000), 30_000),
})

/**
 * Follows the newest block of a chain over all its endpoints, for as long as its thread lives. The endpoint
 * that is read from is polled, or announces its blocks; the others are polled more slowly, and at once when
 * no new block comes in time. One subscription is held; when it ends, or falls silent with its connection
 * open, the next endpoint's is made. After a reorg or a node's restart the newest goes back with the endpoint
 * it came from; and to another's block once that one is not believed any more, or has fallen silent.
 */
export function createHeads({
  endpoints,
  headAge,
  blockTimeMs,
  paces = headPaces(blockTimeMs),
  isBusy = () => false,
  onHead = () => {},
}: {
  endpoints: readonly EndpointReader[]
  headAge: HeadAge
  blockTimeMs: number
  paces?: HeadPaces
  isBusy?: () => boolean
  onHead?: (block: Block) => void
}): Heads {
  let newest: Block | null = null
  /** The endpoint that has shown the newest. */
  let source: EndpointReader | null = null
  let newestAtMs = performance.now()
  let stopped = false
  const stopping = new AbortController()

  const isNewest = (block: Block | null) =>
    block !== null && block.hash === newest?.hash && block.number === newest.number

  /** Whether it is new. */
  function see(reader: EndpointReader, header: unknown): boolean {
    const block = readBlock(header)
    if (stopped || block === null) return false
    reader.saw(block)
    if (!reader.isBelieved() || isNewest(block)) return false
    const isHigher = newest === null || block.number > newest.number
    if (!isHigher && reader !== source && source?.isBelieved()) return false
    if (isHigher) headAge.arrived(block)
    newest = block
    source = reader
    newestAtMs = performance.now()
    onHead(block)
    return true
  }

  async function ask(reader: EndpointReader): Promise<{ answered: boolean; isNew: boolean }> {
    const outcome = await reader.askHead()
    const answered = outcome.ok && readHead(outcome.result) !== null
    const isNew = outcome.ok && see(reader, outcome.result)
    if (answered) void verify()
    return { answered, isNew }
  }

  /** Whether those whose heads differ tell the truth; when the newest was none another has it. */
  async function verify(): Promise<void> {
    const changes = await Promise.all(endpoints.map((reader) => reader.verifyHead()))
    if (changes.includes(true) && source?.isBelieved() === false) hurry()
  }

  /** Those that are well first, in order of configuration. */
  function inOrder(): EndpointReader[] {
    const rank = (reader: EndpointReader) => RANKS.indexOf(reader.state())
    return endpoints.toSorted((a, b) => rank(a) - rank(b))
  }

  let timer: NodeJS.Timeout | null = null
  let polling = false
  let hurried: readonly number[] = []
  let subscription: { announcedAtMs: number; unannounced: number; end(): void } | null = null

  /** Of the endpoint that is read from; where it gives none, of the next. */
  async function poll(): Promise<void> {
    polling = true
    if (timer) clearTimeout(timer)
    const askedAtMs = performance.now()
    let isNew = false
    for (const reader of inOrder()) {
      const asked = await ask(reader)
      isNew = asked.isNew
      if (asked.answered || stopped) break
    }
    polling = false
    if (stopped) return
    if (subscription) {
      const { announcedAtMs, unannounced } = subscription
      subscription.unannounced = announcedAtMs >= askedAtMs ? 0 : isNew ? unannounced + 1 : unannounced
      if (subscription.unannounced >= UNANNOUNCED_MAX) subscription.end()
    }
    if (isNew) hurried = []
    else if (performance.now() - newestAtMs > paces.announcedMs) void askOthers(Math.max(blockTimeMs, 1_000))
    const [pauseMs = usualPauseMs(), ...later] = hurried
    hurried = later
    schedule(pauseMs)
  }

  function hurry(): void {
    if (stopped) return
    hurried = HURRIED_MS
    if (!polling) void poll()
  }

  function usualPauseMs(): number {
    if (isBusy()) return paces.busyMs
    return subscription?.unannounced === 0 ? paces.announcedMs : paces.idleMs
  }

  function schedule(ms: number): void {
    if (timer) clearTimeout(timer)
    if (!stopped) timer = setTimeout(poll, ms)
  }

  let othersAskedAtMs = Number.NEGATIVE_INFINITY
  /** Each endpoint but the first in order, when that was last done longer ago than `afterMs`. */
  async function askOthers(afterMs: number): Promise<void> {
    if (performance.now() - othersAskedAtMs < afterMs) return
    othersAskedAtMs = performance.now()
    await Promise.all(inOrder().slice(1).map(ask))
  }
  const others = setInterval(() => void askOthers(paces.othersMs / 2), paces.othersMs)

  async function subscribe(reader: EndpointReader): Promise<boolean> {
    const ended = Promise.withResolvers<void>()
    const made = await reader.subscribeHeads?.({
      onHead(header) {
        if (subscription === null) return
        const isNew = see(reader, header)
        // One that lags, or is not believed, announces nothing: polls go on as if it were silent.
        if (!isNew && !isNewest(readBlock(header))) return
        subscription.announcedAtMs = performance.now()
        subscription.unannounced = 0
        if (isNew && !polling && hurried.length === 0) schedule(usualPauseMs())
      },
      onEnd: ended.resolve,
    })
    if (!made?.ok) return false
    const end = () => {
      made.value()
      ended.resolve()
    }
    subscription = { announcedAtMs: performance.now(), unannounced: 0, end }
    if (stopped) end()
    await ended.promise
    subscription = null
    // Until another is made blocks are asked for as if none were announced.
    if (!polling) schedule(usualPauseMs())
    return true
  }

  /**
   * Holds one subscription, going round the endpoints that can announce, with growing pauses while none holds
   * for long.
   */
  async function keepSubscribed(): Promise<void> {
    const announcing = endpoints.filter((reader) => reader.subscribeHeads !== null)
    let waitMs = RETRY_FIRST_MS
    for (let at = 0; announcing.length > 0 && !stopped; at++) {
      const madeAtMs = performance.now()
      const wasMade = await subscribe(announcing[at % announcing.length] as EndpointReader)
      if (performance.now() - madeAtMs > RETRY_MAX_MS) waitMs = RETRY_FIRST_MS
      if (!wasMade && at % announcing.length < announcing.length - 1) continue
      await sleep(waitMs, undefined, { ref: false, signal: stopping.signal }).catch(() => {})
      waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)
    }
  }

  void poll()
  void askOthers(0)
  void keepSubscribed()

  return {
    newest: () => newest,
    ageMs: () => newest && headAge.ageMs(newest),
    staleness() {
      const maxMs = headAge.maxMs()
      if (maxMs === null || (newest !== null && !headAge.isTooOld(newest))) return null
      return staleNode({ newest, ageMs: newest && headAge.ageMs(newest), maxMs })
    },
    oldestUsable() {
      const maxMs = headAge.maxMs()
      if (newest === null || maxMs === null) return null
      const youngBlocks = Math.max(0, Math.floor((maxMs - headAge.ageMs(newest)) / blockTimeMs))
      return newest.number - Math.min(lagMax(blockTimeMs).blocks, youngBlocks)
    },
    hurry,
    stop() {
      stopped = true
      stopping.abort()
      subscription?.end()
      if (timer) clearTimeout(timer)
      clearInterval(others)
    },
  }
}

const RANKS = ['well', 'behind', 'limited', 'silent', 'unreachable', 'wrong_chain'] as const

function staleNode({
  newest,
  ageMs,
  maxMs,
}: {
  newest: Head | null
  ageMs: number | null
  maxMs: number
}): Failure {
  const seconds = (ms: number) => Math.round(ms / 1_000)
  const sentence =
    newest === null || ageMs === null
      ? 'No RPC endpoint has shown a block yet.'
      : `The newest block of all RPC endpoints, ${newest.number}, is ${seconds(ageMs)} s old; at most ${seconds(maxMs)} s are allowed.`
  return failure('STALE_NODE', sentence, { block: newest?.number ?? null, max_age_s: seconds(maxMs) })
}

/** Number and time of a block or header as JSON-RPC gives it; null when it is not one. */
export function readHead(header: unknown): Head | null {
  const { number: height, timestamp: time } = (header ?? {}) as { number?: unknown; timestamp?: unknown }
  const number = readCount(height)
  const timestamp = readCount(time)
  return number === null || timestamp === null ? null : { number, timestamp }
}

/** A block or header with its place in the chain; null when it is not one. */
export function readBlock(header: unknown): Block | null {
  const head = readHead(header)
  if (head === null) return null
  const { hash, parentHash, transactions } = header as Readonly<Record<string, unknown>>
  const [own, parent] = [readHash(hash), readHash(parentHash)]
  if (own === null || parent === null) return null
  const hashes = Array.isArray(transactions) ? transactions.map(readHash) : [null]
  const known = hashes.every((each) => each !== null) ? hashes : null
  return { ...head, hash: own, parentHash: parent, transactions: known }
}
