import type { Address } from '../domain/signal.ts'
import type { NonceLedger, Passage } from './nonceLedger.ts'

/** The right of one intent to one transaction of a lane. It counts against the lane's cap until released or settled. */
export interface Slot {
  readonly address: Address
  /** The nonce it holds; null before `reserve` and after `release`. */
  readonly nonce: number | null
  /**
   * Takes a nonce; the last step before signing.
   *
   * @throws when the slot holds one, or was given back
   */
  reserve(): number
  /**
   * The attempt signed with the slot's nonce is on disk, or may be.
   *
   * @throws when that nonce is not the one reserved
   */
  commit(nonce: number): void
  /**
   * Gives the slot back, and its nonce too when nothing was committed. Without effect after `commit`, so that it may stand in a
   * `finally`: from then on only the chain ends what was begun.
   */
  release(): void
  /**
   * A transaction with the slot's nonce is in a block, ours or not: the lane has room again. May be called again after a reorg.
   *
   * @throws when nothing was committed
   */
  settled(): Passage
}

/**
 * @param options.held null for a slot without a nonce
 * @param options.onBare told +1 and -1 as the slot begins and ceases to count without a nonce
 * @param options.onFreed called when the lane has room again
 */
export function createSlot({
  address,
  ledger,
  held: initial,
  onBare,
  onFreed,
}: {
  address: Address
  ledger: NonceLedger
  held: { readonly nonce: number; readonly isCommitted: boolean } | null
  onBare: (change: 1 | -1) => void
  onFreed: () => void
}): Slot {
  let nonce = initial?.nonce ?? null
  let state: 'bare' | 'reserved' | 'committed' | 'returned' =
    initial === null ? 'bare' : initial.isCommitted ? 'committed' : 'reserved'
  if (state === 'bare') onBare(1)

  return {
    address,
    get nonce() {
      return nonce
    },
    reserve() {
      if (state !== 'bare') throw new Error(`A ${state} slot reserves no nonce.`)
      nonce = ledger.reserve()
      state = 'reserved'
      onBare(-1)
      return nonce
    },
    commit(signed) {
      if (state !== 'reserved' || signed !== nonce)
        throw new Error(`A ${state} slot with nonce ${nonce} commits nonce ${signed}.`)
      ledger.commit(signed)
      state = 'committed'
    },
    release() {
      switch (state) {
        case 'bare':
          onBare(-1)
          break
        case 'reserved':
          if (nonce !== null) ledger.release(nonce)
          nonce = null
          break
        case 'committed':
        case 'returned':
          return
        default:
          state satisfies never
      }
      state = 'returned'
      onFreed()
    },
    settled() {
      if (state !== 'committed' || nonce === null) throw new Error(`A ${state} slot is settled.`)
      const passage = ledger.settle(nonce)
      onFreed()
      return passage
    },
  }
}
