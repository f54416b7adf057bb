import type { Simulation, Valuation } from '../domain/execution.ts'
import type { Signal } from '../domain/signal.ts'
import { usdNumber } from '../domain/usd.ts'
import { type Failure, failure } from '../errors/failure.ts'

/**
 * Whether a simulated trade is worth making: null when it is, else why not. A trade must run, reach `min_profit` and, where the chain has prices, earn
 * more than its gas; where it has none, `net_profit_usd` stays null and gas cannot be held against the profit.
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
    return failure('UNPROFITABLE', sentence, { profit: profit.toString(), min_profit: minProfit.toString() })
  }
  const net = valuation?.netProfitUsdE8 ?? null
  if (net !== null && net <= 0n) {
    const facts = { profit: profit.toString(), net_profit_usd: usdNumber(net) }
    const sentence = `The profit of ${profit} base units of ${loanToken} is eaten by gas: net ${usdNumber(net).toFixed(4)} USD.`
    return failure('UNPROFITABLE', sentence, facts)
  }
  return null
}
