import type { Signal } from '../domain/signal.ts'
import { type Failure, fail, failure } from '../errors/failure.ts'
import { type ChainPoolEvents, createChainPool, type StopTimes } from './chainPool.ts'
import type { Dispatcher } from './dispatcher.ts'
import type { Answer, ChainStatus, ChainThreadData } from './protocol.ts'

/**
 * The global side of idempotency: which chain has executed an id, and how far each chain's events are on
 * disk.
 */
export interface SignalIndex {
  chainOf(signalId: string): number | null
  storedOutboxId(chainId: number): number
}

/**
 * A Piscina pool per configured chain. An id belongs to one chain: the same id on another chain is another
 * payload, refused here because no single chain thread can know it.
 */
export function createPiscinaDispatcher({
  threads,
  threadFile,
  queueMax,
  index,
  refuse,
  missingChain,
  events,
}: {
  threads: readonly ChainThreadData[]
  threadFile: string
  queueMax: number
  index: SignalIndex
  refuse: (reason: Failure, signal: Signal) => Answer
  /** Words the refusal of a chain that is not configured. */
  missingChain: (chainId: number) => Failure
  events: Omit<ChainPoolEvents, 'onStatus' | 'onReplayed'>
}): Dispatcher & {
  stored(chainId: number, outboxId: number): void
  /**
   * Resolves when each chain's thread has reported: that it is ready, why it is not, or that its node has
   * kept it waiting for seconds.
   */
  probed(): Promise<void>
  stop(times: StopTimes): Promise<void>
} {
  const statusListeners: ((status: ChainStatus) => void)[] = []
  /** Ids in flight, each with its chain and how many signals have it. */
  const held = new Map<string, { readonly chainId: number; count: number }>()
  /**
   * Ids that a chain's thread had in flight when it ended: they stay its own until it has told what it did.
   */
  const lostIds = new Map(threads.map(({ chain }): [number, string[]] => [chain.chainId, []]))
  /** Their events of earlier lives of the process are not all in the event log. */
  const unheard = new Set(threads.map(({ chain }) => chain.chainId))
  const unprobed = new Set(threads.map(({ chain }) => chain.chainId))
  let allProbed: () => void = () => undefined
  const probed = new Promise<void>((resolve) => {
    allProbed = resolve
  })

  function onStatus(status: ChainStatus): void {
    if (unprobed.delete(status.chainId) && unprobed.size === 0) allProbed()
    for (const listener of statusListeners) listener(status)
  }

  function hold(signalId: string, chainId: number): void {
    const holder = held.get(signalId)
    if (holder === undefined) held.set(signalId, { chainId, count: 1 })
    else holder.count++
  }

  function release(signalId: string): void {
    const holder = held.get(signalId)
    if (holder !== undefined && --holder.count === 0) held.delete(signalId)
  }

  function onReplayed(chainId: number): void {
    unheard.delete(chainId)
    for (const signalId of lostIds.get(chainId)?.splice(0) ?? []) release(signalId)
  }

  const pools = new Map(
    threads.map((data) => [
      data.chain.chainId,
      createChainPool({
        data,
        threadFile,
        queueMax,
        storedOutboxId: () => index.storedOutboxId(data.chain.chainId),
        refuse,
        events: { ...events, onStatus, onReplayed },
      }),
    ]),
  )

  /** The chain that holds this id already, in flight or executed. */
  const ownerOf = (signalId: string) => held.get(signalId)?.chainId ?? index.chainOf(signalId)

  return {
    submit(kind, signal, settle) {
      const { chainId, signalId } = signal
      const pool = pools.get(chainId)
      if (pool === undefined) return settle(refuse(missingChain(chainId), signal))
      if (kind === 'simulate') return pool.submit({ kind, signal, isKnown: false, settle })
      const owner = ownerOf(signalId)
      if (owner !== null && owner !== chainId) {
        const sentence = `signal_id ${signalId} was used before, on chain ${owner}.`
        return settle(refuse(failure('SIGNAL_ID_CONFLICT', sentence, { chain_id: owner }), signal))
      }
      // A second one with the id of a signal in flight goes on to the thread, which compares the payloads.
      hold(signalId, chainId)
      pool.submit({
        kind,
        signal,
        isKnown: owner !== null || unheard.has(chainId),
        settle(answer, lost) {
          if (lost) lostIds.get(chainId)?.push(signalId)
          else release(signalId)
          settle(answer)
        },
      })
    },
    chains: () => [...pools.values()].map((pool) => pool.status()),
    totals: () => new Map([...pools].map(([chainId, pool]) => [chainId, pool.totals()])),
    inFlight: (signalId) => held.get(signalId)?.chainId ?? null,
    unheard: () =>
      [...pools.values()].map((pool) => pool.status()).filter(({ chainId }) => unheard.has(chainId)),
    queueDepth: (chainId) => pools.get(chainId)?.depth() ?? 0,
    chainOf: (signalId) => ownerOf(signalId),
    async control(chainId, request) {
      const pool = pools.get(chainId)
      return pool === undefined ? fail(missingChain(chainId)) : await pool.control(request)
    },
    onStatus: (listener) => void statusListeners.push(listener),
    stored: (chainId, outboxId) => pools.get(chainId)?.stored(outboxId),
    probed: () => probed,
    async stop(times) {
      await Promise.all([...pools.values()].map((pool) => pool.stop(times)))
    },
  }
}
