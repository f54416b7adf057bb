import type { Address } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { NonceLedger } from './nonceLedger.ts'
import { createSlot, type Slot } from './slot.ts'

/** An account that sends on one chain. */
export interface LaneInit {
  readonly address: Address
  readonly ledger: NonceLedger
  /** Slots and open nonces the lane may have together. */
  readonly inFlightMax: number
}

export interface LaneStatus {
  readonly address: Address
  /** The nonce above every one in use. */
  readonly nonce: number
  readonly inFlight: number
  readonly cap: number
  /** Why it takes no trades; null when it does. */
  readonly paused: string | null
  readonly gaps: readonly number[]
}

/**
 * The lanes of one chain, each with its cap, and the queue of those who wait for one. The cap keeps a stall small: what is
 * behind a stuck nonce waits with it, so a new trade goes to the lane with the fewest in flight, and when all are full it
 * waits here, unsigned, where it can still be refused (Chainlink and engine-core cap what is in flight for the same reason).
 * Addresses that are no lane throw.
 */
export interface Lanes {
  /**
   * A slot of the running lane with the fewest in flight, in turns among equals; in the order of asking, at the latest at
   * `deadlineMs` (of the clock given as `now`).
   * Errors: LANES_BUSY, at once when the queue is full or every lane is paused.
   */
  acquire({ deadlineMs }: { deadlineMs: number }): Promise<Result<Slot>>
  /** The slot of an attempt that was signed before a restart. */
  adopt({ address, nonce }: { address: Address; nonce: number }): Slot
  /** A slot on this very gap, for a filler, whatever the cap and also on a paused lane; null when it is no gap any more. */
  fill({ address, nonce }: { address: Address; nonce: number }): Slot | null
  /** For resync, reorg and finality; nonces are taken and ended through slots, so that the queue hears of it. */
  ledger(address: Address): NonceLedger
  /** From now on the lane gets no trades; what is in flight goes on. The newest reason is kept. */
  pause(address: Address, reason: string): void
  resume(address: Address): void
  /** Changes a cap, e.g. to 1 once a node says that the account is delegated. */
  limit(address: Address, inFlightMax: number): void
  status(): readonly LaneStatus[]
}

interface Lane {
  readonly address: Address
  readonly ledger: NonceLedger
  cap: number
  paused: string | null
  /** Slots given out that hold no nonce. */
  bareSlots: number
}

interface Waiter {
  readonly settle: (result: Result<Slot>) => void
  readonly timer: NodeJS.Timeout
}

/** The longest delay that a timer takes. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * @param options.slotsQueueMax how many may wait for a slot
 * @param options.now milliseconds, of the clock that deadlines are of
 */
export function createLanes({
  lanes: inits,
  slotsQueueMax,
  now,
}: {
  lanes: readonly LaneInit[]
  slotsQueueMax: number
  now: () => number
}): Lanes {
  const lanes = inits.map(
    ({ address, ledger, inFlightMax }): Lane => ({
      address,
      ledger,
      cap: inFlightMax,
      paused: null,
      bareSlots: 0,
    }),
  )
  /** In the order of asking. */
  const queue = new Set<Waiter>()
  let lastChosen = -1

  const inFlight = ({ ledger, bareSlots }: Lane): number => ledger.inFlight() + bareSlots

  function choose(): Lane | null {
    let chosen: number | null = null
    let fewest = Number.POSITIVE_INFINITY
    for (let step = 1; step <= lanes.length; step += 1) {
      const index = (lastChosen + step) % lanes.length
      const lane = lanes[index] as Lane
      const count = inFlight(lane)
      if (lane.paused !== null || count >= lane.cap || count >= fewest) continue
      chosen = index
      fewest = count
    }
    if (chosen === null) return null
    lastChosen = chosen
    return lanes[chosen] as Lane
  }

  const slotOf = (lane: Lane, nonce: number | null, isCommitted: boolean): Slot =>
    createSlot({
      address: lane.address,
      ledger: lane.ledger,
      held: nonce === null ? null : { nonce, isCommitted },
      onBare(change) {
        lane.bareSlots += change
      },
      onFreed: serve,
    })

  function take(): Slot | null {
    const lane = choose()
    return lane === null ? null : slotOf(lane, null, false)
  }

  /** Gives what became free to those who wait. */
  function serve(): void {
    for (const waiter of queue) {
      const slot = take()
      if (slot === null) return
      leave(waiter, succeed(slot))
    }
  }

  function leave(waiter: Waiter, result: Result<Slot>): void {
    queue.delete(waiter)
    clearTimeout(waiter.timer)
    waiter.settle(result)
  }

  function pausedFailure(): Failure | null {
    if (lanes.some(({ paused }) => paused === null)) return null
    const reasons = lanes.map(({ address, paused }) => `${address}: ${paused}`)
    return failure('LANES_BUSY', `Every lane is paused. ${reasons[0] ?? 'There is none.'}`, {
      paused: reasons,
    })
  }

  const busyFailure = (sentence: string): Failure =>
    failure('LANES_BUSY', sentence, {
      lanes: lanes.length,
      in_flight: lanes.reduce((sum, lane) => sum + inFlight(lane), 0),
      waiting: queue.size,
    })

  function laneOf(address: Address): Lane {
    const lane = lanes.find((candidate) => candidate.address === address)
    if (lane === undefined) throw new Error(`${address} is no lane of this chain.`)
    return lane
  }

  return {
    async acquire({ deadlineMs }) {
      const allPaused = pausedFailure()
      if (allPaused !== null) return fail(allPaused)
      // Whoever came first is first, also when the ledger has changed without a slot.
      serve()
      const slot = queue.size === 0 ? take() : null
      if (slot !== null) return succeed(slot)
      const waitMs = deadlineMs - now()
      if (waitMs <= 0) return fail(busyFailure('No lane was free in time.'))
      if (queue.size >= slotsQueueMax) return fail(busyFailure('Too many wait for a lane already.'))
      return new Promise((settle) => {
        const refuse = () => leave(waiter, fail(busyFailure('No lane became free in time.')))
        const waiter = { settle, timer: setTimeout(refuse, Math.min(waitMs, TIMER_MS_MAX)) }
        queue.add(waiter)
      })
    },
    adopt: ({ address, nonce }) => slotOf(laneOf(address), nonce, true),
    fill({ address, nonce }) {
      const lane = laneOf(address)
      return lane.ledger.claim(nonce) ? slotOf(lane, nonce, false) : null
    },
    ledger: (address) => laneOf(address).ledger,
    pause(address, reason) {
      laneOf(address).paused = reason
      const allPaused = pausedFailure()
      if (allPaused !== null) for (const waiter of queue) leave(waiter, fail(allPaused))
    },
    resume(address) {
      laneOf(address).paused = null
      serve()
    },
    limit(address, inFlightMax) {
      laneOf(address).cap = inFlightMax
      serve()
    },
    status: () =>
      lanes.map((lane) => ({
        address: lane.address,
        nonce: lane.ledger.next(),
        inFlight: inFlight(lane),
        cap: lane.cap,
        paused: lane.paused,
        gaps: lane.ledger.gaps(),
      })),
  }
}
