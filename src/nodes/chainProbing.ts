import { type Failure, type Result, succeed } from '../errors/failure.ts'
import { type ChainFacts, sameFacts } from './chainFacts.ts'
import { keepProbing } from './keepProbing.ts'

/** Probes in a row that may fail to read something before a chain that is ready is taken away. */
const UNREAD_MAX = {
  /**
   * While an endpoint is well: what was asked for may be late, and trades have their own answers from the
   * node.
   */
  reachable: 5,
  /** One lost call makes the only endpoint look ill for a moment; two probes in a row do not fail by that. */
  unreachable: 2,
}

/** What is known of a chain from its probes, and what was begun on it. */
export interface ChainProbing<Started> {
  /** Of the last probe that succeeded. */
  facts(): ChainFacts | null
  /** Kept when a later probe fails: what LIVE has sent is watched on. */
  started(): Started | null
  /** Why the chain takes no signals; null while it does, and before the first probe. */
  problem(): Failure | null
  /** Something has changed: probes now. */
  again(): void
  stop(): void
}

/**
 * Probes a chain for as long as its thread lives, and begins to work on what was found: once, and again only
 * when the facts have changed, so that a re-probe leaves everything warm.
 */
export function createChainProbing<Started>({
  probe,
  begin,
  isReachable,
  onChange,
  ...options
}: {
  probe: () => Promise<Result<ChainFacts>>
  begin: (facts: ChainFacts) => Promise<Result<Started>>
  /** Whether an endpoint is well. */
  isReachable: () => boolean
  /** A probe has ended. */
  onChange: () => void
} & Pick<Parameters<typeof keepProbing>[0], 'onThrown' | 'retryMs' | 'recheckMs'>): ChainProbing<Started> {
  let facts: ChainFacts | null = null
  let started: Started | null = null
  let problem: Failure | null = null
  let unread = 0

  const probing = keepProbing({
    ...options,
    async probe(): Promise<Result<{ facts: ChainFacts; started: Started }>> {
      const probed = await probe()
      if (!probed.ok) return probed
      if (started !== null && facts !== null && sameFacts(facts, probed.value))
        return succeed({ facts: probed.value, started })
      const begun = await begin(probed.value)
      return begun.ok ? succeed({ facts: probed.value, started: begun.value }) : begun
    },
    onOutcome(outcome) {
      if (outcome.ok) {
        facts = outcome.value.facts
        started = outcome.value.started
        problem = null
        unread = 0
      } else {
        unread++
        const isPassing =
          started !== null &&
          problem === null &&
          UNREAD_CODES.has(outcome.failure.code) &&
          unread < (isReachable() ? UNREAD_MAX.reachable : UNREAD_MAX.unreachable)
        if (!isPassing) problem = outcome.failure
      }
      onChange()
    },
  })

  return {
    facts: () => facts,
    started: () => started,
    problem: () => problem,
    again: probing.again,
    stop: probing.stop,
  }
}

/** The node has not told; any other failure is a fact about the chain. */
const UNREAD_CODES: ReadonlySet<string> = new Set(['NODE_UNAVAILABLE', 'NODE_TIMEOUT'])
