import type { PendingTrade } from '../../domain/execution.ts'
import type { Signal } from '../../domain/signal.ts'

/**
 * Our trades whose effect the newest state does not show yet, or may not. A new trade is simulated behind
 * those that touch its pools, so that five signals for one opportunity do not become one fill and four paid
 * reverts.
 */
export interface TradesInFlight {
  /** In the step in which it is signed. */
  add(trade: PendingTrade & { readonly signal: Signal }): void
  /** A block holds it: from that block on the state shows it. */
  included(signalId: string, block: number): void
  /** It has no effect (reverted, cancelled, displaced, never left). */
  remove(signalId: string): void
  /** Those that may meet the signal's trade in a pool, in the order of signing. */
  behind(signal: Signal): readonly PendingTrade[]
  /** A simulation of the signal must not stand on an older block: one of ours on its pools is in this one. */
  since(signal: Signal): number
  /**
   * Resolves when nothing else is evaluated in turn that may meet the signal's trade in a pool, in the order
   * of asking: until the returned function is called no such trade is signed, so that what is evaluated
   * meanwhile holds when it is signed.
   */
  turn(signal: Signal): Promise<() => void>
  /** Whether a trade that may meet the signal's in a pool is evaluated in turn. */
  isTaken(signal: Signal): boolean
  onHead(head: number): void
}

interface Turn {
  readonly signal: Signal
  readonly begin: () => void
  isBegun: boolean
}

/** No endpoint that is asked lags this far. */
const BLOCKS_KEPT = 64

/** @param options.sharesPool whether two trades may meet in a pool */
export function createTradesInFlight({
  sharesPool,
}: {
  sharesPool: (a: Signal, b: Signal) => boolean
}): TradesInFlight {
  const pending = new Map<string, PendingTrade & { readonly signal: Signal }>()
  const mined = new Map<string, { readonly signal: Signal; readonly block: number }>()
  const turns: Turn[] = []

  /** Those in front of which nobody is that may meet them in a pool. */
  function beginTurns(): void {
    for (const [index, turn] of turns.entries()) {
      if (turn.isBegun || turns.slice(0, index).some((other) => sharesPool(other.signal, turn.signal)))
        continue
      turn.isBegun = true
      turn.begin()
    }
  }

  return {
    turn: (signal) =>
      new Promise((resolve) => {
        const end = () => {
          turns.splice(turns.indexOf(turn), 1)
          beginTurns()
        }
        const turn = { signal, begin: () => resolve(end), isBegun: false }
        turns.push(turn)
        beginTurns()
      }),
    isTaken: (signal) => turns.some((turn) => sharesPool(turn.signal, signal)),
    add(trade) {
      const { signalId } = trade
      mined.delete(signalId)
      pending.delete(signalId)
      pending.set(signalId, trade)
    },
    included(signalId, block) {
      const signal = pending.get(signalId)?.signal ?? mined.get(signalId)?.signal
      pending.delete(signalId)
      if (signal !== undefined) mined.set(signalId, { signal, block })
    },
    remove(signalId) {
      pending.delete(signalId)
      mined.delete(signalId)
    },
    behind: (signal) =>
      [...pending.values()]
        .filter((trade) => trade.signalId !== signal.signalId && sharesPool(trade.signal, signal))
        .map(({ signalId, calldata }) => ({ signalId, calldata })),
    since: (signal) =>
      [...mined.values()].reduce(
        (newest, trade) => (sharesPool(trade.signal, signal) ? Math.max(newest, trade.block) : newest),
        0,
      ),
    onHead(head) {
      for (const [signalId, { block }] of mined) if (head - block > BLOCKS_KEPT) mined.delete(signalId)
    },
  }
}
