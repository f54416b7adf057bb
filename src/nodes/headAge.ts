import type { ChainConfig } from '../config/chainConfig.ts'
import type { ChainFacts } from './chainFacts.ts'
import type { Head } from './heads.ts'

/** How old blocks are, by a clock that does not jump with the system's. */
export interface HeadAge {
  /** Milliseconds since its timestamp; never negative. */
  ageMs(head: Head): number
  /** To be told of each block higher than all before, when it comes. */
  arrived(head: Head): void
  /** The age up to which a block is young enough to simulate on; null where blocks are made on demand. */
  maxMs(): number | null
  isTooOld(head: Head): boolean
  /** Its time has not come yet, by more than clocks may differ. */
  isAhead(head: Head): boolean
}

/** Nodes take blocks up to this far ahead of their clock (go-ethereum, consensus/beacon: 15 s). */
const AHEAD_MAX_MS = 15_000
/** Where no age is too old, a new block is at most so old when it comes. */
const USUAL_MAX_MS = 60_000

/**
 * Runs on the monotonic clock, set by the system's at the start and again whenever a block that has just come
 * confirms what the system's clock says. So a system clock that jumps makes no block too old or too young,
 * one that is corrected is followed, and so is a monotonic clock that stood still while the machine slept.
 *
 * @param options.maxMs see `HeadAge.maxMs`
 */
export function createHeadAge({
  maxMs,
  wall = Date.now,
  monotonic = () => performance.now(),
}: {
  maxMs: () => number | null
  wall?: () => number
  monotonic?: () => number
}): HeadAge {
  let offsetMs = wall() - monotonic()
  const ageMs = ({ timestamp }: Head) => Math.max(0, monotonic() + offsetMs - timestamp * 1_000)
  return {
    ageMs,
    arrived({ timestamp }) {
      const wallMs = wall()
      const wallAgeMs = wallMs - timestamp * 1_000
      if (wallAgeMs >= -AHEAD_MAX_MS && wallAgeMs <= (maxMs() ?? USUAL_MAX_MS))
        offsetMs = wallMs - monotonic()
    },
    maxMs,
    isAhead: ({ timestamp }) => timestamp * 1_000 - monotonic() - offsetMs > AHEAD_MAX_MS,
    isTooOld(head) {
      const limitMs = maxMs()
      return limitMs !== null && ageMs(head) > limitMs
    },
  }
}

/** Nodes that make a block when there is something to put in it, so that an old head means nothing. */
export const minesOnDemand = (clientVersion: string | null): boolean =>
  /^(anvil|hardhat|ganache)/i.test(clientVersion ?? '')

/**
 * The age up to which a chain's newest block is young enough, ms; null on the devnet and other nodes that
 * make blocks on demand, unless HEAD_AGE_MAX_S is set, and as long as nothing is known of the chain.
 */
export function headAgeLimit({
  chain: { headAgeMaxMs, headAgeIsSet },
  facts,
}: {
  chain: Pick<ChainConfig, 'headAgeMaxMs' | 'headAgeIsSet'>
  facts: Pick<ChainFacts, 'devnet' | 'clientVersion'> | null
}): number | null {
  if (headAgeIsSet) return headAgeMaxMs
  return facts === null || facts.devnet || minesOnDemand(facts.clientVersion) ? null : headAgeMaxMs
}
