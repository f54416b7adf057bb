import { LIMITS } from '../config/limits.ts'
import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import { type Failure, fail, failure } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'
import { type ChainPool, type ChainPoolEvents, createChainPool, type StopTimes } from './chainPool.ts'
import type { Dispatcher } from './dispatcher.ts'
import { createInFlight, type InFlightSignal } from './inFlight.ts'
import type {
  Answer,
  ChainStatus,
  ChainThreadData,
  DispatchedSignal,
  OutboxEvent,
  OutboxMark,
  RequestKind,
} from './protocol.ts'

/** The event log: where the chains' events go, and the global side of idempotency. */
export interface DispatcherLog {
  attached(chainId: number, forgotten: OutboxMark): void
  append(chainId: number, events: readonly OutboxEvent[]): void
  resent(chainId: number, events: readonly OutboxEvent[], more: boolean): void
  /** Up to where a chain's events are stored; null when nothing is known of it. */
  mark(chainId: number): OutboxMark | null
  /** Since when the history is kept; null while all of it is. */
  keptSinceMs(): number | null
  /** False only for an id that no chain has executed. */
  mayKnow(signalId: string): boolean
  /** The chain that has executed an id; null when none has. Rejects while the log cannot be read. */
  chainOf(signalId: string): Promise<number | null>
  /** Why no signal may be executed, a sentence: what it did could not be kept. Null when one may. */
  full(): string | null
}

/** What is told of the threads, besides answers and events. */
export interface DispatcherEvents
  extends Pick<ChainPoolEvents, 'onStages' | 'onRpc' | 'onThreadError' | 'onEventLoopDelay'> {
  readonly onThreadLost: (chainId: number, lostSignals: number) => void
}

const RETRY_AFTER_S = 1

/**
 * A Piscina pool per configured chain, and the one registry of what they have in flight. An id belongs to one
 * chain: the same id on another chain is another payload, refused here because no single chain thread can
 * know it.
 */
export function createPiscinaDispatcher({
  mode,
  threads,
  threadFile,
  heapMbMax = LIMITS.threadHeapMbMax,
  queueMax,
  log,
  refuse,
  missingChain,
  events,
}: {
  mode: Mode
  threads: readonly ChainThreadData[]
  threadFile: string
  /** Of each thread's heap, MiB. */
  heapMbMax?: number
  /** Signals of a chain that may be in flight. */
  queueMax: number
  log: DispatcherLog
  refuse: (reason: Failure, signal: Signal) => Answer
  /** Words the refusal of a chain that is not configured. */
  missingChain: (chainId: number) => Failure
  events: DispatcherEvents
}): Dispatcher & {
  stored(chainId: number, outboxId: number): void
  /** The event log wants a chain's events above this one. */
  resend(chainId: number, aboveOutboxId: number): void
  /** The event log has not all events of a chain from now on, until it has caught up. */
  behind(chainId: number): void
  caughtUp(chainId: number): void
  /**
   * Resolves when each chain's thread has reported: that it is ready, why it is not, or that its node has
   * kept it waiting for seconds.
   */
  probed(): Promise<void>
  /** Stops every chain; what has no answer then is told that its outcome is not known (DRAINING). */
  stop(times: StopTimes): Promise<void>
} {
  const statusListeners: ((status: ChainStatus) => void)[] = []
  const inFlight = createInFlight(threads.map(({ chain }) => chain.chainId))
  /** Chains whose events are not all in the event log: of earlier lives, or for want of room. */
  const unheard = new Set(threads.map(({ chain }) => chain.chainId))
  const unprobed = new Set(threads.map(({ chain }) => chain.chainId))
  const allProbed = Promise.withResolvers<void>()

  const poolEvents: ChainPoolEvents = {
    ...events,
    onSettled: (chainId, key, answer) => inFlight.take(chainId, key)?.settle(answer),
    onStatus(status) {
      if (unprobed.delete(status.chainId) && unprobed.size === 0) allProbed.resolve()
      for (const listener of statusListeners) listener(status)
    },
    onAttached: log.attached,
    onEvents: log.append,
    onResent: log.resent,
    onThreadLost(chainId) {
      const name = pools.get(chainId)?.status().name
      const sentence = `The thread of ${name} ended before it answered; send the signal again with the same signal_id.`
      const lost = inFlight.lose(chainId)
      for (const one of lost) {
        const facts = { chain_id: chainId, sent: sentOf(one) }
        one.settle(refuse(failure('CHAIN_THREAD_LOST', sentence, facts), one.signal))
      }
      events.onThreadLost(chainId, lost.length)
    },
  }

  const pools: ReadonlyMap<number, ChainPool> = new Map(
    threads.map((data) => {
      const { chainId } = data.chain
      const stored = () => log.mark(chainId)
      return [chainId, createChainPool({ data, threadFile, heapMbMax, stored, events: poolEvents })]
    }),
  )

  const mayKnow = (signalId: string) => inFlight.chainOf(signalId) !== null || log.mayKnow(signalId)

  /** Of a signal that a thread has had. */
  const sentOf = ({ kind }: InFlightSignal) => (mode === 'LIVE' && kind === 'execute' ? 'unknown' : 'no')

  /** Why a chain takes no signal now; null when it does. */
  function refusalOf(pool: ChainPool, kind: RequestKind, chainId: number): Failure | null {
    const full = kind === 'execute' ? log.full() : null
    if (full !== null) return failure('JOURNAL_UNAVAILABLE', full, { retry_after_s: RETRY_AFTER_S })
    const reason = pool.unavailable()
    const facts = { chain_id: chainId, retry_after_s: RETRY_AFTER_S }
    if (reason !== null) return failure('CHAIN_UNAVAILABLE', reason, facts)
    if (inFlight.depth(chainId) < queueMax) return null
    const sentence = `${pool.status().name} has ${queueMax} signals waiting, its limit.`
    return failure('OVERLOADED', sentence, { ...facts, queue_max: queueMax })
  }

  const conflict = (signalId: string, owner: number) =>
    failure('SIGNAL_ID_CONFLICT', `signal_id ${signalId} was used before, on chain ${owner}.`, {
      chain_id: owner,
    })

  /** Hands on a signal whose id some chain may have executed, unless that was another one. */
  function lookUp(pool: ChainPool, dispatched: DispatchedSignal): void {
    const { key, signal } = dispatched
    const { chainId, signalId } = signal
    const refuseIt = (reason: Failure) => inFlight.take(chainId, key)?.settle(refuse(reason, signal))
    // Nothing was sent for this signal, but perhaps for its id.
    const inDoubt = mode === 'LIVE' ? { sent: 'unknown' } : {}
    log.chainOf(signalId).then(
      (owner) => {
        if (owner !== null && owner !== chainId) return refuseIt(conflict(signalId, owner))
        const reason = pool.unavailable()
        if (reason !== null)
          return refuseIt(
            failure('CHAIN_UNAVAILABLE', reason, {
              chain_id: chainId,
              retry_after_s: RETRY_AFTER_S,
              ...inDoubt,
            }),
          )
        // It may have been answered meanwhile, with the end of a thread or of the server.
        if (inFlight.has(chainId, key)) pool.cross(dispatched)
      },
      (error) => refuseIt(failure('JOURNAL_UNAVAILABLE', `${thrownText(error)}.`, inDoubt)),
    )
  }

  const stillUnknown = (one: InFlightSignal) =>
    one.kind === 'simulate'
      ? failure('DRAINING', 'The server stopped before the simulation was done.', { sent: sentOf(one) })
      : failure(
          'DRAINING',
          'The server stopped before the answer was known: the signal may have been executed. Send it again with the same signal_id.',
          { sent: sentOf(one) },
        )

  return {
    submit(kind, signal, settle) {
      const { chainId, signalId } = signal
      const pool = pools.get(chainId)
      if (pool === undefined) {
        const reason = missingChain(chainId)
        // It may have been configured when the id was executed.
        const inDoubt = mode === 'LIVE' && kind === 'execute' && mayKnow(signalId)
        const doubt = inDoubt ? { sent: 'unknown' } : {}
        return settle(refuse({ ...reason, facts: { ...reason.facts, ...doubt } }, signal))
      }
      const holder = kind === 'execute' ? inFlight.chainOf(signalId) : null
      if (holder !== null && holder !== chainId) return settle(refuse(conflict(signalId, holder), signal))
      const refusal = refusalOf(pool, kind, chainId)
      if (refusal !== null) {
        // Of an id that may have been executed it cannot be said that nothing was sent.
        const inDoubt = mode === 'LIVE' && kind === 'execute' && (mayKnow(signalId) || unheard.has(chainId))
        const doubt = inDoubt ? { sent: 'unknown' } : {}
        return settle(refuse({ ...refusal, facts: { ...refusal.facts, ...doubt } }, signal))
      }
      // One with the id of a signal in flight goes on to the thread too, which compares the payloads.
      const key = inFlight.add({ kind, signal, settle })
      if (kind === 'simulate' || !log.mayKnow(signalId)) return pool.cross({ key, kind, signal })
      lookUp(pool, { key, kind, signal })
    },
    chains: () => [...pools.values()].map((pool) => pool.status()),
    totals: () => new Map([...pools].map(([chainId, pool]) => [chainId, pool.totals()])),
    inFlight: inFlight.chainOf,
    unheard: () =>
      [...pools.values()].map((pool) => pool.status()).filter(({ chainId }) => unheard.has(chainId)),
    queueDepth: inFlight.depth,
    mayKnow,
    chainOf: async (signalId) => inFlight.chainOf(signalId) ?? (await log.chainOf(signalId)),
    async control(chainId, request) {
      const pool = pools.get(chainId)
      return pool === undefined ? fail(missingChain(chainId)) : await pool.control(request)
    },
    onStatus: (listener) => void statusListeners.push(listener),
    stored: (chainId, outboxId) => pools.get(chainId)?.stored(outboxId, log.keptSinceMs()),
    resend: (chainId, aboveOutboxId) => pools.get(chainId)?.resend(aboveOutboxId),
    behind: (chainId) => void unheard.add(chainId),
    caughtUp(chainId) {
      unheard.delete(chainId)
      inFlight.told(chainId)
    },
    probed: () => allProbed.promise,
    async stop(times) {
      await Promise.all(
        [...pools].map(([chainId, pool]) => pool.stop({ ...times, drained: inFlight.emptied(chainId) })),
      )
      for (const one of inFlight.takeAll()) one.settle(refuse(stillUnknown(one), one.signal))
    },
  }
}
