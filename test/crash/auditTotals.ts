import type { FinalRecord } from './audit.ts'
import type { MinedTransaction } from './readChain.ts'

/** The sums of one chain as `GET /stats` tells them. */
export interface ChainStats {
  readonly recorded: number
  readonly executed: number
  readonly failed: number
  readonly total_profit: number
}

/** The devnet's oracle: the loan token is worth a dollar, the coin three thousand. */
const USD_PER_TOKEN_UNIT = 1e-6
const USD_PER_WEI = 3_000e-18
/** Gain and cost of each trade are rounded to 1e-8 USD. */
const ROUNDING_USD = 2e-8

/**
 * What is wrong with the sums of a run, a sentence for each: the profit of all trades that landed less the
 * gas of everything that the accounts sent, no-ops and reverts included, and the counts of what has a record.
 */
export function auditTotals({
  stats,
  transactions,
  records,
}: {
  /** By chain id. */
  stats: ReadonlyMap<number, ChainStats>
  /** What the accounts have in blocks, foreign ones left out. */
  transactions: readonly MinedTransaction[]
  records: ReadonlyMap<string, FinalRecord>
}): string[] {
  const findings: string[] = []
  for (const [chainId, told] of stats) {
    const ours = transactions.filter((transaction) => transaction.chainId === chainId)
    const own = [...records.values()].filter((record) => record?.chainId === chainId)
    const landed = ours.filter(({ profit }) => profit !== null).length
    const expected = { recorded: own.length, executed: landed, failed: own.length - landed }
    for (const [name, count] of Object.entries(expected))
      if (told[name as keyof ChainStats] !== count)
        findings.push(`${name} of ${chainId} is ${told[name as keyof ChainStats]}, and it is ${count}.`)
    const gain = sum(ours.map(({ profit }) => profit ?? 0n)) * USD_PER_TOKEN_UNIT
    const cost = sum(ours.map(({ gasCostWei }) => gasCostWei)) * USD_PER_WEI
    if (Math.abs(told.total_profit - (gain - cost)) > (ours.length + 1) * ROUNDING_USD)
      findings.push(`total_profit of ${chainId} is ${told.total_profit}, and it is ${gain - cost}.`)
  }
  return findings
}

const sum = (amounts: readonly bigint[]): number => Number(amounts.reduce((all, each) => all + each, 0n))
