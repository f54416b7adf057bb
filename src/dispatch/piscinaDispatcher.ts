import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import { type Failure, fail, failure } from '../errors/failure.ts'
import { type ChainPool, type ChainPoolEvents, createChainPool, type StopTimes } from './chainPool.ts'
import type { Dispatcher } from './dispatcher.ts'
import { createInFlight, type InFlightSignal } from './inFlight.ts'
import type { Answer, ChainStatus, ChainThreadData } from './protocol.ts'

/**
 * The global side of idempotency: which chain has executed an id, and how far each chain's events are on
 * disk.
 */
export interface SignalIndex {
  chainOf(signalId: string): number | null
  storedOutboxId(chainId: number): number
}

/** What is told of the threads, besides answers. */
export interface DispatcherEvents
  extends Pick<ChainPoolEvents, 'onEvents' | 'onStages' | 'onRpc' | 'onThreadError' | 'onEventLoopDelay'> {
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
  queueMax,
  index,
  refuse,
  missingChain,
  events,
}: {
  mode: Mode
  threads: readonly ChainThreadData[]
  threadFile: string
  /** Signals of a chain that may be in flight. */
  queueMax: number
  index: SignalIndex
  refuse: (reason: Failure, signal: Signal) => Answer
  /** Words the refusal of a chain that is not configured. */
  missingChain: (chainId: number) => Failure
  events: DispatcherEvents
}): Dispatcher & {
  stored(chainId: number, outboxId: number): void
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
  /** Chains whose events of earlier lives of the process are not all in the event log. */
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
    onReplayed(chainId) {
      unheard.delete(chainId)
      inFlight.told(chainId)
    },
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
      const storedOutboxId = () => index.storedOutboxId(chainId)
      return [chainId, createChainPool({ data, threadFile, storedOutboxId, events: poolEvents })]
    }),
  )

  /** The chain that has this id, in flight or executed. */
  const ownerOf = (signalId: string) => inFlight.chainOf(signalId) ?? index.chainOf(signalId)

  /** Of a signal that a thread has had. */
  const sentOf = ({ kind }: InFlightSignal) => (mode === 'LIVE' && kind === 'execute' ? 'unknown' : 'no')

  /** Why a chain takes no signal now; null when it does. */
  function refusalOf(pool: ChainPool, chainId: number): Failure | null {
    const reason = pool.unavailable()
    const facts = { chain_id: chainId, retry_after_s: RETRY_AFTER_S }
    if (reason !== null) return failure('CHAIN_UNAVAILABLE', reason, facts)
    if (inFlight.depth(chainId) < queueMax) return null
    const sentence = `${pool.status().name} has ${queueMax} signals waiting, its limit.`
    return failure('OVERLOADED', sentence, { ...facts, queue_max: queueMax })
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
      if (pool === undefined) return settle(refuse(missingChain(chainId), signal))
      const owner = kind === 'execute' ? ownerOf(signalId) : null
      if (owner !== null && owner !== chainId) {
        const sentence = `signal_id ${signalId} was used before, on chain ${owner}.`
        return settle(refuse(failure('SIGNAL_ID_CONFLICT', sentence, { chain_id: owner }), signal))
      }
      const refusal = refusalOf(pool, chainId)
      if (refusal === null) {
        // One with the id of a signal in flight goes on to the thread too, which compares the payloads.
        return pool.cross({ key: inFlight.add({ kind, signal, settle }), kind, signal })
      }
      // Of an id that may have been executed it cannot be said that nothing was sent.
      const mayBeKnown = kind === 'execute' && (owner !== null || unheard.has(chainId))
      const doubt = mode === 'LIVE' && mayBeKnown ? { sent: 'unknown' } : {}
      settle(refuse({ ...refusal, facts: { ...refusal.facts, ...doubt } }, signal))
    },
    chains: () => [...pools.values()].map((pool) => pool.status()),
    totals: () => new Map([...pools].map(([chainId, pool]) => [chainId, pool.totals()])),
    inFlight: inFlight.chainOf,
    unheard: () =>
      [...pools.values()].map((pool) => pool.status()).filter(({ chainId }) => unheard.has(chainId)),
    queueDepth: inFlight.depth,
    chainOf: ownerOf,
    async control(chainId, request) {
      const pool = pools.get(chainId)
      return pool === undefined ? fail(missingChain(chainId)) : await pool.control(request)
    },
    onStatus: (listener) => void statusListeners.push(listener),
    stored: (chainId, outboxId) => pools.get(chainId)?.stored(outboxId),
    probed: () => allProbed.promise,
    async stop(times) {
      await Promise.all(
        [...pools].map(([chainId, pool]) => pool.stop({ ...times, drained: inFlight.emptied(chainId) })),
      )
      for (const one of inFlight.takeAll()) one.settle(refuse(stillUnknown(one), one.signal))
    },
  }
}
