import type { Stake } from '../budget/budget.ts'
import type { Address } from '../domain/signal.ts'

/**
 * Where a place stands:
 * - `open`: the right to one transaction of the lane; it has no nonce yet.
 * - `reserved`: it has a nonce, and nothing is on disk.
 * - `signed`: an attempt with its nonce is on disk, or may be, so that its bytes may be anywhere.
 * - `mined`: a block holds a transaction with its nonce; a reorg can take it out again.
 * - `ended`: given back, or final.
 */
export type Stage = 'open' | 'reserved' | 'signed' | 'mined' | 'ended'

/**
 * Nonces that were mined without a signed attempt of ours: another party uses the key (Rundler,
 * `NonceUsedForOtherTx`).
 */
export interface ForeignUse {
  readonly lowest: number
  readonly count: number
}

/** The right of one trade, or of one filler, to one transaction of a lane. Misuse is a bug and throws. */
export interface Place {
  readonly lane: Address
  /** Null while it is open. */
  readonly nonce: number | null
  readonly stage: Stage
  /** What its attempts may still cost; set by whoever reserved it in the budget. */
  stake: Stake | null
  /**
   * Takes the lowest free nonce, a gap before a new one, so that what waits behind the gap moves on with the
   * next trade (OpenZeppelin Relayer #862, op-txmgr #15952). It is the last step before signing: a nonce that
   * is taken earlier is a gap whenever a later stage refuses.
   */
  reserve(): number
  /** The attempt is on disk. The nonce belongs to this place until it is final, whatever a node answers. */
  signed(): void
  /**
   * Whether the attempt is on disk is not known (an I/O error during COMMIT). The nonce is not given out
   * again: bytes that a restart finds would land at it. It is listed among the gaps, for a filler to use up.
   */
  orphan(): void
  /**
   * Gives it back, and its nonce too while nothing is signed. Without effect once it is signed, so that it
   * may stand in a `finally`: a committed nonce is never freed (rrelayer #99 and #113, OpenZeppelin Relayer
   * #844).
   */
  release(): void
  /** A transaction with the nonce is in a block, ours or not: the lane has room again. */
  mined(): ForeignUse | null
  /**
   * The block that held it left the chain: in flight again, with the same bytes, at the same nonce (rbuilder
   * #104). Only this place is concerned: others learn it from their own blocks.
   *
   * @param minedCount the highest count that an endpoint tells now
   */
  reopened(minedCount: number): void
  /** Nothing can change it any more. */
  final(): ForeignUse | null
}

/**
 * One account on one chain, and the one owner of its nonces. Pure: no clock and no I/O.
 *
 * A nonce is free when no place holds it and it is not below the mined count. The mined count never falls by
 * a reading: endpoints behind a balancer lag each other (Chainlink #14984, cowprotocol #64), and a counter
 * that follows them down hands nonces out twice. `pending` counts have no place here (besu #350, erigon
 * #22299, reth #10881).
 */
export interface Lane {
  readonly address: Address
  /** A place without a nonce. */
  open(): Place
  /** The place of an attempt that was signed before a restart. */
  adopt(nonce: number): Place
  /** The place of a filler on this very gap; null when it is none any more. */
  claim(nonce: number): Place | null
  /** Learns mined counts at `latest`, one per endpoint that answered; the highest counts. */
  resync(minedCounts: readonly number[]): ForeignUse | null
  /**
   * Every endpoint has counted less for some blocks than what is known to be mined: a block with a foreign
   * transaction has left the chain, and its nonce is a gap now. Never below what is final.
   */
  rewind(minedCount: number): void
  /** Nonces below a held one that no place holds, and orphans: what is above them waits. Ascending. */
  gaps(): readonly number[]
  /** Places that are open, reserved or signed. */
  inFlight(): number
  /** Places whose nonce is taken and not mined. */
  signedInFlight(): number
  /** The nonce above every one in use. */
  next(): number
  /** Below it every nonce is mined, as far as is known. */
  minedCount(): number
  /**
   * Below it nothing is held, and every nonce is mined as far as is known: foreign ones that are not final
   * included.
   */
  lowest(): number
  /** Below it every nonce is final: its attempts need not be read at the next start. */
  floor(): number
}

/**
 * @param options.minedCount the highest of the endpoints' readings and of the journal's final nonces + 1
 * @param options.finalCount the journal's final nonces + 1
 * @param options.onRoom called when a place has stopped being in flight
 */
export function createLane({
  address,
  minedCount,
  finalCount = 0,
  onRoom = () => {},
}: {
  address: Address
  minedCount: number
  finalCount?: number
  onRoom?: () => void
}): Lane {
  let mined = minedCount
  let final = finalCount
  let openPlaces = 0
  const held = new Map<number, 'reserved' | 'signed' | 'mined'>()
  const places = new Map<number, Place>()
  const orphans = new Set<number>()

  const next = (): number => Math.max(mined, ...[...held.keys()].map((nonce) => nonce + 1))
  const isOwn = (nonce: number): boolean => held.has(nonce) && held.get(nonce) !== 'reserved'

  function lowestFree(): number {
    let nonce = mined
    while (held.has(nonce)) nonce += 1
    return nonce
  }

  function gaps(): number[] {
    const found: number[] = []
    for (let nonce = mined; nonce < next(); nonce += 1)
      if (!held.has(nonce) || orphans.has(nonce)) found.push(nonce)
    return found
  }

  function raise(count: number): ForeignUse | null {
    const before = mined
    mined = Math.max(mined, count)
    const own = [...held.keys()].filter((nonce) => nonce >= before && nonce < mined && isOwn(nonce)).length
    let lowest = before
    while (isOwn(lowest)) lowest += 1
    const foreignCount = mined - before - own
    return foreignCount > 0 ? { lowest, count: foreignCount } : null
  }

  function place(initial: number | null, start: 'open' | 'reserved' | 'signed'): Place {
    let nonce = initial
    let stage: Stage = start
    if (stage === 'open') openPlaces += 1
    const wrong = (verb: string) => new Error(`A place that is ${stage} (nonce ${nonce}) cannot be ${verb}.`)

    /** Its nonce in another stage. */
    function move(to: 'reserved' | 'signed' | 'mined'): number {
      stage = to
      held.set(nonce as number, to)
      return nonce as number
    }

    const self: Place = {
      lane: address,
      get nonce() {
        return nonce
      },
      get stage() {
        return stage
      },
      stake: null,
      reserve() {
        if (stage !== 'open') throw wrong('reserved')
        nonce = lowestFree()
        openPlaces -= 1
        places.set(nonce, self)
        return move('reserved')
      },
      signed() {
        if (stage !== 'reserved' && stage !== 'signed') throw wrong('signed')
        orphans.delete(move('signed'))
      },
      orphan() {
        if (stage !== 'reserved' && stage !== 'signed') throw wrong('an orphan')
        orphans.add(move('signed'))
      },
      release() {
        if (stage !== 'open' && stage !== 'reserved') return
        if (stage === 'open') openPlaces -= 1
        else {
          held.delete(nonce as number)
          places.delete(nonce as number)
        }
        stage = 'ended'
        nonce = null
        onRoom()
      },
      mined() {
        if (stage !== 'signed' && stage !== 'mined') throw wrong('mined')
        const at = move('mined')
        orphans.delete(at)
        const foreign = raise(at + 1)
        onRoom()
        return foreign
      },
      reopened(minedCount) {
        if (stage !== 'mined') throw wrong('reopened')
        const at = move('signed')
        mined = Math.max(final, Math.min(mined, at, minedCount))
      },
      final() {
        if (stage === 'ended') return null
        if (stage !== 'signed' && stage !== 'mined') throw wrong('final')
        const at = nonce as number
        const foreign = raise(at + 1)
        stage = 'ended'
        held.delete(at)
        places.delete(at)
        orphans.delete(at)
        final = Math.max(final, at + 1)
        onRoom()
        return foreign
      },
    }
    return self
  }

  const unmined = (): number => [...held.values()].filter((stage) => stage !== 'mined').length
  const lowest = (): number => Math.min(mined, ...held.keys())

  return {
    address,
    open: () => place(null, 'open'),
    adopt(nonce) {
      if (held.has(nonce)) throw new Error(`Nonce ${nonce} of ${address} is adopted twice.`)
      const adopted = place(nonce, 'signed')
      held.set(nonce, 'signed')
      places.set(nonce, adopted)
      return adopted
    },
    claim(nonce) {
      if (orphans.delete(nonce)) return places.get(nonce) ?? null
      if (!gaps().includes(nonce)) return null
      const claimed = place(nonce, 'reserved')
      held.set(nonce, 'reserved')
      places.set(nonce, claimed)
      return claimed
    },
    resync(minedCounts) {
      if (minedCounts.length === 0) throw new Error('A resync needs a reading.')
      return raise(Math.max(...minedCounts))
    },
    rewind(minedCount) {
      mined = Math.max(final, Math.min(mined, minedCount))
    },
    gaps,
    inFlight: () => openPlaces + unmined(),
    signedInFlight: unmined,
    next,
    minedCount: () => mined,
    lowest,
    // What is final is final with everything before it, and what a foreign transaction has used is not for
    // that.
    floor: () => Math.min(final, ...held.keys()),
  }
}
