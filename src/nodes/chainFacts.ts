import { isDeepStrictEqual } from 'node:util'
import type { L1FeeModel } from '../config/chainConfig.ts'
import type { Address, FlashSource } from '../domain/signal.ts'

/** How the devnet is recognised, and where its world has what a profile names: the same on every chain id. */
export interface DevnetBook {
  /** Account whose code contains `markerText` (ASCII) on a node that carries the world. */
  readonly marker: Address
  readonly markerText: string
  readonly wrappedNative: Address
  readonly balancerVault: Address | null
  readonly aavePoolAddressesProvider: Address | null
}

/** What the start-up probe found to be true of a chain as its node serves it. Plain data. */
export interface ChainFacts {
  readonly chainId: number
  readonly name: string
  readonly clientVersion: string | null
  /** Newest block, its timestamp and its age when probed. */
  readonly head: number
  readonly headTimestampMs: number
  readonly headAgeMs: number
  /** The node carries the devnet's world. */
  readonly devnet: boolean
  readonly executor: ExecutorFacts
  /** Lender of each flash source; null when it cannot be used here, and then a note says why. */
  readonly lenders: Readonly<Record<FlashSource, Address | null>>
  readonly features: {
    /** `eth_call` takes code and storage overrides; without them nothing can be simulated. */
    readonly stateOverride: boolean
    /** `eth_call` takes a block override, so a trade can be simulated at the time of the next block. */
    readonly blockOverrideTime: boolean
  }
  /**
   * How the data-availability fee is read here; `none` also where the chain's own fee oracle does not exist.
   */
  readonly l1FeeModel: L1FeeModel
  /** Aave price oracle; null where there is none, and then nothing has a price in USD. */
  readonly oracle: Address | null
  readonly wrappedNative: Address
  /** Where profile and node differ, one sentence each. */
  readonly notes: readonly string[]
}

/**
 * Whether nothing that is worked with has changed: the head always has, and notes and the client's name are
 * only told.
 */
export function sameFacts(before: ChainFacts, after: ChainFacts): boolean {
  const { head, headTimestampMs, headAgeMs, notes, clientVersion } = after
  return isDeepStrictEqual({ ...before, head, headTimestampMs, headAgeMs, notes, clientVersion }, after)
}

export interface ExecutorFacts {
  readonly address: Address
  /** False: its code is injected into every simulation, with `caller` as its owner. */
  readonly deployed: boolean
  /** Account that calls it: its owner. */
  readonly caller: Address
}
