import type { AllowanceReport, BudgetReport } from '../budget/budget.ts'
import type { ChainConfig } from '../config/chainConfig.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import type { Heads } from '../nodes/heads.ts'
import type { ChainPause, ChainStatus, EndpointStatus, GasReport, LaneReport } from './protocol.ts'

/**
 * What the main thread is told of a chain. It is unavailable when its probes fail or the journal cannot be
 * written; what was found before is told all the same.
 */
export function chainStatus({
  chain,
  embeddedDevnet,
  facts,
  problem,
  journalProblem = null,
  paused,
  heads,
  endpoints,
  lanes = [],
  budget = null,
  notes = [],
}: {
  chain: ChainConfig
  embeddedDevnet: boolean
  /** What the last probe that succeeded found; null when none has yet. */
  facts: ChainFacts | null
  /** Why the probes fail, a sentence; null when they do not, or it is the first one. */
  problem: string | null
  /** Why the journal cannot be written, a sentence. */
  journalProblem?: string | null
  paused: ChainPause | null
  heads: Pick<Heads, 'newest' | 'ageMs' | 'staleness'>
  endpoints: readonly EndpointStatus[]
  lanes?: readonly LaneReport[]
  budget?: BudgetReport | null
  /** What became known since the probe. */
  notes?: readonly string[]
}): ChainStatus {
  const reason = unavailableReason({ chain, problem, journalProblem, endpoints: () => endpoints })
  const headAgeMs = heads.ageMs()
  return {
    chainId: chain.chainId,
    name: chain.name,
    state: reason !== null ? 'unavailable' : facts === null ? 'starting' : 'ready',
    reason,
    head: heads.newest()?.number ?? null,
    headAgeMs: headAgeMs === null ? null : Math.round(headAgeMs),
    // Before the first block has come nothing is known of their age.
    stale: headAgeMs === null ? null : (heads.staleness()?.sentence ?? null),
    paused,
    devnet: facts?.devnet ?? false,
    devnetRpc: embeddedDevnet ? (chain.endpoints[0] ?? null) : null,
    executor: facts && { address: facts.executor.address, deployed: facts.executor.deployed },
    flashSources: facts ? ([1, 2] as const).filter((source) => facts.lenders[source] !== null) : [],
    notes: [...(facts?.notes ?? []), ...notes],
    endpoints,
    lanes,
    gas: budget && { trades: gasReport(budget.trades), repairs: gasReport(budget.repairs) },
  }
}

const gasReport = ({ allowanceWei, spentLastHourWei, atStakeWei, leftWei }: AllowanceReport): GasReport => ({
  allowanceWei: `${allowanceWei}`,
  spentLastHourWei: `${spentLastHourWei}`,
  atStakeWei: `${atStakeWei}`,
  leftWei: `${leftWei}`,
})

/** Why a chain takes no signals, a sentence; null when it does, or has not begun yet. */
export function unavailableReason({
  chain,
  problem,
  journalProblem,
  endpoints,
}: {
  chain: Pick<ChainConfig, 'name'>
  problem: string | null
  journalProblem: string | null
  endpoints: () => readonly EndpointStatus[]
}): string | null {
  if (problem === null) return journalProblem
  // The endpoints' own words come first: they stay the same over every failed probe.
  return endpointTrouble({ chain, endpoints: endpoints() }) ?? problem
}

/** Why no endpoint of a chain can be used now, a sentence; null while one is well. */
export function endpointTrouble({
  chain,
  endpoints,
}: {
  chain: Pick<ChainConfig, 'name'>
  endpoints: readonly EndpointStatus[]
}): string | null {
  if (endpoints.some(({ healthy }) => healthy)) return null
  const each = endpoints.map(({ host, lastError }) => `${host}: ${lastError}`)
  return `No RPC endpoint of ${chain.name} is well. ${each.join(' ')}`
}
