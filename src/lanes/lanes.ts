import type { Address } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { createLane, type Lane, type Place } from './lane.ts'

/** An account that sends on one chain. */
export interface LaneInit {
  readonly address: Address
  /** The highest of the endpoints' readings and of the journal's final nonces + 1. */
  readonly minedCount: number
  /** The journal's final nonces + 1: the mined count never falls below it. */
  readonly finalCount?: number
  /** Places the lane may have in flight. */
  readonly inFlightMax: number
}

/** Why a lane takes no trades; each reason holds until it is taken back. */
export type PauseReason =
  /** The operator said so; survives a restart. */
  | 'operator'
  /** Another party uses its key. */
  | 'foreign'
  /** Its account cannot pay for a trade; it resumes by itself once it can. */
  | 'underfunded'

export interface LaneStatus {
  readonly address: Address
  /** The nonce above every one in use. */
  readonly nonce: number
  readonly inFlight: number
  readonly cap: number
  /** Why it takes no trades, as a sentence; null when it does. */
  readonly paused: string | null
  readonly gaps: readonly number[]
}

/**
 * The lanes of one chain, each with its cap, and the queue of those who wait for one. The cap keeps a stall
 * small: what is behind a stuck nonce waits with it, so a new trade goes to the lane with the fewest in
 * flight, and when all are full it waits here, unsigned, where it can still be refused (Chainlink and
 * engine-core cap what is in flight for the same reason). Addresses that are no lane throw.
 */
export interface Lanes {
  /**
   * A place on the running lane with the fewest in flight, in turns among equals; in the order of asking, at
   * the latest after `waitMs`. Errors: LANES_BUSY, at once when the queue is full or every lane is paused;
   * DRAINING after `close`.
   */
  acquire(request: { waitMs: number }): Promise<Result<Place>>
  /** Null when the account is no lane of this chain. */
  lane(address: Address): Lane | null
  /** From now on the lane gets no trades; what is in flight goes on. */
  pause(address: Address, reason: PauseReason, sentence: string): void
  /** Takes one reason back, or all. */
  resume(address: Address, reason?: PauseReason): void
  pausedFor(address: Address, reason: PauseReason): boolean
  /** Changes a cap, e.g. once an account turns out to be delegated. */
  limit(address: Address, inFlightMax: number): void
  /** Refuses whoever waits, and whoever comes from now on. */
  close(): void
  status(): readonly LaneStatus[]
}

interface OwnedLane {
  readonly lane: Lane
  cap: number
  readonly paused: Map<PauseReason, string>
}

interface Waiter {
  readonly settle: (result: Result<Place>) => void
  readonly timer: NodeJS.Timeout
}

/** The longest delay that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1
const CLOSED = failure('DRAINING', 'The server is stopping; nothing of this signal was signed.')
/** The most lasting reason is told first. */
const REASONS: readonly PauseReason[] = ['operator', 'foreign', 'underfunded']

/** @param options.queueMax how many may wait for a place */
export function createLanes({
  lanes: inits,
  queueMax,
}: {
  lanes: readonly LaneInit[]
  queueMax: number
}): Lanes {
  const owned = inits.map(
    ({ inFlightMax, ...init }): OwnedLane => ({
      lane: createLane({ ...init, onRoom: () => serve() }),
      cap: inFlightMax,
      paused: new Map(),
    }),
  )
  const byAddress = new Map(owned.map((entry) => [entry.lane.address, entry]))
  /** In the order of asking. */
  const queue = new Set<Waiter>()
  let lastChosen = -1
  let closed = false

  function choose(): Lane | null {
    let chosen: number | null = null
    let fewest = Number.POSITIVE_INFINITY
    for (let step = 1; step <= owned.length; step += 1) {
      const index = (lastChosen + step) % owned.length
      const { lane, cap, paused } = owned[index] as OwnedLane
      const count = lane.inFlight()
      if (paused.size > 0 || count >= cap || count >= fewest) continue
      chosen = index
      fewest = count
    }
    if (chosen === null) return null
    lastChosen = chosen
    return (owned[chosen] as OwnedLane).lane
  }

  const take = (): Place | null => choose()?.open() ?? null

  /** Gives what became free to those who wait. */
  function serve(): void {
    for (const waiter of queue) {
      const place = take()
      if (place === null) return
      leave(waiter, succeed(place))
    }
  }

  function leave(waiter: Waiter, result: Result<Place>): void {
    queue.delete(waiter)
    clearTimeout(waiter.timer)
    waiter.settle(result)
  }

  const sentenceOf = ({ paused }: OwnedLane): string | null =>
    REASONS.map((reason) => paused.get(reason)).find((sentence) => sentence !== undefined) ?? null

  function pausedFailure(): Failure | null {
    const reasons: string[] = []
    for (const entry of owned) {
      const sentence = sentenceOf(entry)
      if (sentence === null) return null
      reasons.push(`${entry.lane.address}: ${sentence}`)
    }
    return failure('LANES_BUSY', `Every lane is paused. ${reasons[0] ?? 'There is none.'}`, {
      paused: reasons,
    })
  }

  const busyFailure = (sentence: string): Failure =>
    failure('LANES_BUSY', sentence, {
      lanes: owned.length,
      in_flight: owned.reduce((sum, { lane }) => sum + lane.inFlight(), 0),
      waiting: queue.size,
    })

  function ownedBy(address: Address): OwnedLane {
    const entry = byAddress.get(address)
    if (entry === undefined) throw new Error(`${address} is no lane of this chain.`)
    return entry
  }

  return {
    async acquire({ waitMs }) {
      if (closed) return fail(CLOSED)
      const allPaused = pausedFailure()
      if (allPaused !== null) return fail(allPaused)
      // Whoever came first is first.
      serve()
      const place = queue.size === 0 ? take() : null
      if (place !== null) return succeed(place)
      if (waitMs <= 0) return fail(busyFailure('No lane was free in time.'))
      if (queue.size >= queueMax) return fail(busyFailure('Too many wait for a lane already.'))
      return new Promise((settle) => {
        const refuse = () => leave(waiter, fail(busyFailure('No lane became free in time.')))
        const waiter = { settle, timer: setTimeout(refuse, Math.min(waitMs, TIMER_MS_MAX)) }
        queue.add(waiter)
      })
    },
    lane: (address) => byAddress.get(address)?.lane ?? null,
    pause(address, reason, sentence) {
      ownedBy(address).paused.set(reason, sentence)
      const allPaused = pausedFailure()
      if (allPaused !== null) for (const waiter of queue) leave(waiter, fail(allPaused))
    },
    resume(address, reason) {
      const { paused } = ownedBy(address)
      if (reason === undefined) paused.clear()
      else paused.delete(reason)
      serve()
    },
    pausedFor: (address, reason) => ownedBy(address).paused.has(reason),
    limit(address, inFlightMax) {
      ownedBy(address).cap = inFlightMax
      serve()
    },
    close() {
      closed = true
      for (const waiter of queue) leave(waiter, fail(CLOSED))
    },
    status: () =>
      owned.map((entry) => ({
        address: entry.lane.address,
        nonce: entry.lane.next(),
        inFlight: entry.lane.inFlight(),
        cap: entry.cap,
        paused: sentenceOf(entry),
        gaps: entry.lane.gaps(),
      })),
  }
}
