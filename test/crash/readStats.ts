import type { ChainStats } from './auditTotals.ts'

/** The sums of `GET /stats`, by chain id. */
export async function readStats(url: string): Promise<ReadonlyMap<number, ChainStats>> {
  const response = await fetch(`${url}/stats`)
  const { per_chain } = (await response.json()) as { per_chain: Record<string, ChainStats> }
  return new Map(Object.entries(per_chain).map(([chainId, stats]) => [Number(chainId), stats]))
}
