import type { Signal } from '../domain/signal.ts'
import type { Answer, RequestKind } from './protocol.ts'

/** A signal that was handed to its chain and is not answered. */
export interface InFlightSignal {
  readonly kind: RequestKind
  readonly signal: Signal
  readonly settle: (answer: Answer) => void
}

/**
 * The one registry of signals in flight, of all chains, and of the ids that belong to a chain because of
 * them: an id to execute is its chain's while a signal with it is in flight and, when the chain's thread has
 * ended over it, until the chain has told what it did.
 */
export interface InFlight {
  /** Returns the key that its answer will carry, which no other signal of the process has. */
  add(one: InFlightSignal): number
  has(chainId: number, key: number): boolean
  /** Takes a signal out to be answered; null when it was already. */
  take(chainId: number, key: number): InFlightSignal | null
  /** Takes out all signals of a chain whose thread has ended; their ids stay its own until it has `told`. */
  lose(chainId: number): readonly InFlightSignal[]
  told(chainId: number): void
  /** Takes out all that are left, of every chain. */
  takeAll(): readonly InFlightSignal[]
  /** The chain that an id belongs to; null when none. */
  chainOf(signalId: string): number | null
  /** Signals of a chain. */
  depth(chainId: number): number
  /** Resolves once a chain has none. */
  emptied(chainId: number): Promise<void>
}

interface OfChain {
  readonly signals: Map<number, InFlightSignal>
  lostIds: readonly string[]
  onEmpty: (() => void) | null
}

export function createInFlight(chainIds: readonly number[]): InFlight {
  const chains = new Map(
    chainIds.map((chainId): [number, OfChain] => [
      chainId,
      { signals: new Map(), lostIds: [], onEmpty: null },
    ]),
  )
  /** Ids with their chain, and how often each is held: a repetition is in flight beside the first. */
  const held = new Map<string, { readonly chainId: number; count: number }>()
  let nextKey = 0

  function ofChain(chainId: number): OfChain {
    const found = chains.get(chainId)
    if (found === undefined) throw new Error(`No chain ${chainId} is configured.`)
    return found
  }

  function release(signalId: string): void {
    const holder = held.get(signalId)
    if (holder !== undefined && --holder.count === 0) held.delete(signalId)
  }

  function takeAllOf(chain: OfChain): readonly InFlightSignal[] {
    const all = [...chain.signals.values()]
    chain.signals.clear()
    chain.onEmpty?.()
    return all
  }

  return {
    add(one) {
      const { chainId, signalId } = one.signal
      const key = nextKey++
      ofChain(chainId).signals.set(key, one)
      if (one.kind === 'execute') {
        const holder = held.get(signalId)
        if (holder === undefined) held.set(signalId, { chainId, count: 1 })
        else holder.count++
      }
      return key
    },
    has: (chainId, key) => ofChain(chainId).signals.has(key),
    take(chainId, key) {
      const { signals, onEmpty } = ofChain(chainId)
      const one = signals.get(key)
      if (one === undefined) return null
      signals.delete(key)
      if (one.kind === 'execute') release(one.signal.signalId)
      if (signals.size === 0) onEmpty?.()
      return one
    },
    lose(chainId) {
      const chain = ofChain(chainId)
      const lost = takeAllOf(chain)
      const ids = lost.filter(({ kind }) => kind === 'execute').map(({ signal }) => signal.signalId)
      chain.lostIds = [...chain.lostIds, ...ids]
      return lost
    },
    told(chainId) {
      const chain = ofChain(chainId)
      for (const signalId of chain.lostIds) release(signalId)
      chain.lostIds = []
    },
    takeAll: () => [...chains.values()].flatMap(takeAllOf),
    chainOf: (signalId) => held.get(signalId)?.chainId ?? null,
    depth: (chainId) => chains.get(chainId)?.signals.size ?? 0,
    emptied(chainId) {
      const chain = ofChain(chainId)
      if (chain.signals.size === 0) return Promise.resolve()
      return new Promise((resolve) => {
        chain.onEmpty = resolve
      })
    },
  }
}
