import type { ChainFacts } from '../chain/chainFacts.ts'
import type { Heads } from '../chain/heads.ts'
import type { ChainConfig } from '../config/chainConfig.ts'
import type { Result } from '../errors/failure.ts'
import type { ChainStatus, EndpointStatus, LaneReport } from './protocol.ts'

/** What the main thread is told of a chain: the last probe's outcome, the newest head, the endpoints' health. */
export function chainStatus({
  chain,
  embeddedDevnet,
  facts,
  heads,
  endpoints,
  lanes = [],
}: {
  chain: ChainConfig
  embeddedDevnet: boolean
  /** Null before the first probe. */
  facts: Result<ChainFacts> | null
  heads: Pick<Heads, 'newest' | 'ageMs'> | null
  endpoints: readonly EndpointStatus[]
  lanes?: readonly LaneReport[]
}): ChainStatus {
  const found = facts?.ok === true ? facts.value : null
  const state = facts === null ? 'starting' : facts.ok ? 'ready' : 'unavailable'
  return {
    chainId: chain.chainId,
    name: chain.name,
    state,
    reason: facts?.ok === false ? facts.failure.sentence : null,
    head: heads?.newest()?.number ?? null,
    headAgeMs: heads?.ageMs() ?? null,
    devnet: found?.devnet ?? false,
    devnetRpc: embeddedDevnet ? (chain.endpoints[0] ?? null) : null,
    executor: found && { address: found.executor.address, deployed: found.executor.deployed },
    flashSources: found ? ([1, 2] as const).filter((source) => found.lenders[source] !== null) : [],
    notes: found?.notes ?? [],
    endpoints,
    lanes,
  }
}
