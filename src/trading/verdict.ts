import type { Simulation, Valuation } from '../domain/execution.ts'
import { MIN_PROFIT_HINT } from '../domain/minProfitHint.ts'
import type { Signal } from '../domain/signal.ts'
import { usdNumber } from '../domain/usd.ts'
import { type Failure, failure } from '../errors/failure.ts'

/**
 * Whether a simulated trade is worth making: null when it is, else why not. A trade must run, reach `min_profit` and earn more than its gas; where
 * the chain has no price to compare them by, `net_profit_usd` stays null and gas cannot be held against the profit.
 */
export function verdict({
  signal,
  simulation,
  valuation,
}: {
  signal: Signal
  simulation: Simulation
  valuation: Valuation | null
}): Failure | null {
  const { loanToken, minProfit, maxBlock } = signal
  if (maxBlock !== null && simulation.block > maxBlock) {
    const sentence = `Block ${simulation.block} is past max_block ${maxBlock}.`
    return failure('EXPIRED', sentence, { block: simulation.block, max_block: maxBlock })
  }
  if (!simulation.success) {
    const facts = {
      ...simulation.facts,
      ...(simulation.failedHop !== null && { hop: simulation.failedHop }),
      ...(simulation.shortfall !== null && { shortfall: simulation.shortfall.toString() }),
    }
    const sentence = simulation.error ?? 'the call failed without a reason.'
    switch (simulation.revertKind) {
      case 'unprofitable':
        return failure('UNPROFITABLE', sentence, facts, simulation.hint)
      case 'expired':
        return failure('EXPIRED', sentence, facts, simulation.hint)
      default:
        return failure('SIMULATION_FAILED', sentence, facts, simulation.hint)
    }
  }
  const profit = simulation.profit ?? 0n
  if (profit < minProfit) {
    const sentence = `The profit of ${profit} base units of ${loanToken} is below min_profit ${minProfit}.`
    const facts = { profit: profit.toString(), min_profit: minProfit.toString() }
    return failure('UNPROFITABLE', sentence, facts, MIN_PROFIT_HINT)
  }
  if (valuation?.pays === false) {
    const { gasCostWei, netProfitUsdE8 } = valuation
    const net = netProfitUsdE8 === null ? null : usdNumber(netProfitUsdE8)
    const facts = { profit: profit.toString(), gas_cost_wei: gasCostWei.toString(), net_profit_usd: net }
    const sum = net === null ? '' : `: net ${net.toFixed(4)} USD`
    return failure(
      'UNPROFITABLE',
      `The profit of ${profit} base units of ${loanToken} does not pay for its gas, up to ${gasCostWei} wei before refunds${sum}.`,
      facts,
    )
  }
  return null
}
