/** What raising the mined count showed. */
export interface Passage {
  readonly raised: boolean
  /**
   * Nonces of ours, reserved or committed, that lie below the mined count and are not settled. One of our attempts was mined
   * there, or another transaction took the place: only receipts of all our hashes tell, and while they cannot be read nothing
   * is decided: "nonce too low" is no reason to take another nonce (1: OpenZeppelin Relayer `reconcile_tx_nonce_state`).
   * Listed again by every later passage until settled or released.
   */
  readonly passed: readonly number[]
  /**
   * Nonces mined since the last passage without any signed attempt of ours: somebody else uses the key, and the lane is to be
   * paused until that transaction is found and named (23: Rundler `NonceUsedForOtherTx`).
   */
  readonly foreign: { readonly lowest: number; readonly count: number } | null
}

/**
 * The nonces of one account on one chain. Pure: no clock and no I/O; its state is a mined count and the nonces that are held.
 * Numbers in parentheses are rows of `docs/fault-matrix.md`.
 *
 * A nonce is *reserved* (handed out, nothing signed), *committed* (the signed attempt is on disk, so its bytes may be anywhere)
 * or *mined* (settled but not final). It is free when it is none of these and not below the mined count.
 */
export interface NonceLedger {
  /** Of the owner that made this ledger; another owner of the account has a higher one. */
  readonly epoch: number
  /**
   * Takes the lowest free nonce: a gap before a new one, so that whatever waits behind the gap moves on with the next trade
   * instead of resending the tail (12: OpenZeppelin Relayer #862, op-txmgr #15952). Call it last, when nothing but signing is
   * left to do: a nonce taken early, as OpenZeppelin Relayer does, is a gap whenever a later stage refuses.
   */
  reserve(): number
  /** Takes this very gap, for a filler; false when it is no gap any more. */
  claim(nonce: number): boolean
  /**
   * The attempt signed with this nonce is on disk, or may be: a failed write whose outcome is not known counts too. From here
   * the nonce belongs to its intent for good, whatever a node answers. Replacements and cancellations share the nonce and need
   * no further commit.
   *
   * @throws when the nonce is not reserved
   */
  commit(nonce: number): void
  /**
   * Gives back a nonce that nothing was signed with. If a higher one is held it becomes a gap, otherwise it is the next again.
   *
   * False, and no change, once it is committed: bytes that any endpoint may have seen can land later, and a second intent at
   * that nonce would replace the first or be lost with it (27, 28: rrelayer #99 and #113; OpenZeppelin Relayer #844 freed
   * nonces by a status name while their bytes were out). A committed nonce that shall not be used is burnt by a filler at the
   * same nonce.
   *
   * @throws when the nonce is not held
   */
  release(nonce: number): boolean
  /**
   * A transaction with this nonce is in a block. The nonce stops being in flight but is kept until it is final, because a reorg
   * may bring the attempt back (24).
   */
  settle(nonce: number): Passage
  /**
   * Learns mined counts (`eth_getTransactionCount` at `latest`), one per endpoint that answered. The highest counts and is
   * never lowered by a reading: endpoints behind a balancer lag each other (15: Chainlink #14984, cowprotocol #64), and a
   * counter that follows them down hands nonces out twice. `pending` has no place here: besu #350, erigon #22299 and
   * reth #10881 are wrong answers to it.
   *
   * @throws when there is no reading
   */
  resync(minedCounts: readonly number[]): Passage
  /**
   * A reorg is established, by a block hash that is canonical no more and not by a low reading, and the canonical mined count
   * is now this. Returns the nonces of ours that are out of the chain again: they are in flight as before, to be sent again as
   * the same bytes, never at another nonce, because the old bytes remain valid (24: rbuilder #104). Never goes below the final
   * count.
   */
  reorg(minedCount: number): readonly number[]
  /** Nonces below this, and below the mined count, are final: their records are dropped once settled. */
  finalise(finalCount: number): void
  /** Free nonces below a held one: the transactions above them wait until a trade or a filler takes them. Ascending. */
  gaps(): readonly number[]
  /** How many nonces are reserved or committed. */
  inFlight(): number
  /** The nonce above every held and mined one. */
  next(): number
  /** Highest mined count known: the lowest nonce that can still land. */
  minedCount(): number
}

/** A journaled attempt's nonce, as it was when the process ended. */
export interface OpenNonce {
  readonly nonce: number
  /** Whether bytes may have left: true once an attempt is journaled as signed. When false the nonce is free again (17). */
  readonly left: boolean
}

type Holding = 'reserved' | 'committed' | 'mined'

/**
 * A ledger as of the last commit to the journal. Nothing else needs to survive a crash: a reservation that was lost had no
 * bytes, and its nonce is free or a gap (17); a committed one is in `open` and keeps its intent (1, 18).
 *
 * @param options.minedCount the highest of the endpoints' readings and of the journal's settled nonces + 1
 * @param options.open nonces of all journaled attempts that are not final; those below `minedCount` come back as `passed`
 * @param options.epoch of the owner, higher than that of any earlier one
 */
export function createNonceLedger({
  minedCount,
  open,
  epoch,
}: {
  minedCount: number
  open: readonly OpenNonce[]
  epoch: number
}): NonceLedger {
  let mined = minedCount
  let final = 0
  const held = new Map<number, Holding>()
  for (const { nonce, left } of open) if (left) held.set(nonce, 'committed')

  const next = (): number => Math.max(mined, ...[...held.keys()].map((nonce) => nonce + 1))

  function lowestFree(): number {
    let nonce = mined
    while (held.has(nonce)) nonce += 1
    return nonce
  }

  function gaps(): number[] {
    const found: number[] = []
    const end = next()
    for (let nonce = mined; nonce < end; nonce += 1) if (!held.has(nonce)) found.push(nonce)
    return found
  }

  const isOwn = (nonce: number): boolean => held.has(nonce) && held.get(nonce) !== 'reserved'

  function raise(count: number): Passage {
    const before = mined
    mined = Math.max(mined, count)
    const own = [...held.keys()].filter((nonce) => nonce >= before && nonce < mined && isOwn(nonce)).length
    let lowest = before
    while (isOwn(lowest)) lowest += 1
    const foreignCount = mined - before - own
    return {
      raised: mined > before,
      passed: [...held]
        .filter(([nonce, holding]) => nonce < mined && holding !== 'mined')
        .map(([nonce]) => nonce)
        .toSorted((a, b) => a - b),
      foreign: foreignCount > 0 ? { lowest, count: foreignCount } : null,
    }
  }

  function dropFinal(): void {
    for (const [nonce, holding] of held) if (nonce < final && holding === 'mined') held.delete(nonce)
  }

  return {
    epoch,
    reserve() {
      const nonce = lowestFree()
      held.set(nonce, 'reserved')
      return nonce
    },
    claim(nonce) {
      if (!gaps().includes(nonce)) return false
      held.set(nonce, 'reserved')
      return true
    },
    commit(nonce) {
      if (held.get(nonce) !== 'reserved')
        throw new Error(`Nonce ${nonce} is committed without being reserved.`)
      held.set(nonce, 'committed')
    },
    release(nonce) {
      const holding = held.get(nonce)
      if (holding === undefined) throw new Error(`Nonce ${nonce} is released without being held.`)
      if (holding !== 'reserved') return false
      held.delete(nonce)
      return true
    },
    settle(nonce) {
      if (held.get(nonce) === 'reserved') throw new Error(`Nonce ${nonce} is settled without being signed.`)
      if (held.has(nonce)) held.set(nonce, 'mined')
      dropFinal()
      return raise(nonce + 1)
    },
    resync(minedCounts) {
      if (minedCounts.length === 0) throw new Error('A resync needs a reading.')
      return raise(Math.max(...minedCounts))
    },
    reorg(minedCount) {
      mined = Math.max(final, minedCount)
      const reopened: number[] = []
      for (const [nonce, holding] of held) {
        if (holding !== 'mined' || nonce < mined) continue
        held.set(nonce, 'committed')
        reopened.push(nonce)
      }
      return reopened.toSorted((a, b) => a - b)
    },
    finalise(finalCount) {
      final = Math.max(final, Math.min(finalCount, mined))
      dropFinal()
    },
    gaps,
    inFlight: () => [...held.values()].filter((holding) => holding !== 'mined').length,
    next,
    minedCount: () => mined,
  }
}
