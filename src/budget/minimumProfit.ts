import { unitsForWei } from '../domain/exchangeRate.ts'
import type { Simulation, Valuation } from '../domain/execution.ts'
import { highest } from '../domain/highest.ts'
import type { Signal } from '../domain/signal.ts'

/**
 * The profit below which the executor reverts, base units of the loan token: what was evaluated here is
 * enforced on chain, so that a trade which others get ahead of reverts instead of landing at a loss. The
 * highest of what the sender demands, what the transaction can cost at its highest fee (where the token can
 * be compared with the native coin), and a share of the profit that was simulated. Rounded up; never above
 * the simulated profit for a cost that the budget has let pass.
 *
 * @param options.maxCostWei fee cap × gas limit and the data fee
 * @param options.sharePercent 0 to 100
 */
export function minimumProfit({
  signal,
  simulation,
  valuation,
  maxCostWei,
  sharePercent,
}: {
  signal: Pick<Signal, 'minProfit'>
  simulation: Pick<Simulation, 'profit'>
  valuation: Pick<Valuation, 'rate'>
  maxCostWei: bigint
  sharePercent: number
}): bigint {
  const profit = simulation.profit ?? 0n
  const share = profit > 0n ? (profit * BigInt(sharePercent) + 99n) / 100n : 0n
  const cost = valuation.rate === null ? 0n : unitsForWei(valuation.rate, maxCostWei)
  return highest(signal.minProfit, cost, share)
}
