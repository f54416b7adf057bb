import type { Simulation, Valuation } from '../domain/execution.ts'
import { MIN_PROFIT_HINT } from '../domain/minProfitHint.ts'
import type { Mode } from '../domain/mode.ts'
import type { Signal } from '../domain/signal.ts'
import type { AmountNames } from '../domain/tokenAmount.ts'
import { usdNumber } from '../domain/usd.ts'
import type { Code } from '../errors/codes.ts'
import { type Failure, failure } from '../errors/failure.ts'

/**
 * Whether a simulated trade is worth making: null when it is, else why not. A trade must run, reach
 * `min_profit` and earn more than its gas. Where the profit cannot be compared with gas, because the chain
 * has no price of the token, PAPER fills the trade with `net_profit_usd` null; LIVE does so only for a sender
 * who says himself, by `min_profit`, from what profit on it pays.
 */
export function verdict(trade: {
  readonly signal: Signal
  readonly simulation: Simulation
  readonly valuation: Valuation | null
  readonly mode: Mode
  readonly names: AmountNames
}): Failure | null {
  const reason = ownVerdict(trade)
  const { takenBy } = trade.simulation
  if (reason === null || !takenBy || !SPOILT.has(reason.code)) return reason
  const sentence = `The trade ${takenBy}, which is on its way, takes this opportunity. Behind it: ${reason.sentence}`
  return failure('OPPORTUNITY_TAKEN', sentence, { ...reason.facts, taken_by: takenBy, reason: reason.code })
}

/** What a trade before it can do to a trade. */
const SPOILT: ReadonlySet<Code> = new Set(['UNPROFITABLE', 'SIMULATION_FAILED'])

function ownVerdict({
  signal,
  simulation,
  valuation,
  mode,
  names,
}: Parameters<typeof verdict>[0]): Failure | null {
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
  const named = (amount: bigint) => names.amount(amount, loanToken)
  if (profit < minProfit) {
    const sentence = `The profit of ${named(profit)} is below the min_profit of ${named(minProfit)}.`
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
      `The profit of ${named(profit)} does not pay for its gas, up to ${names.wei(gasCostWei)} before refunds${sum}.`,
      facts,
    )
  }
  if (mode === 'LIVE' && valuation?.profitWei === null && minProfit === 0n) {
    const sentence = `The profit of ${named(profit)} cannot be compared with its gas, up to ${names.wei(valuation.gasCostWei)} before refunds. ${valuation.unpriced ?? 'The loan token has no price on this chain.'}`
    const facts = { profit: profit.toString(), gas_cost_wei: valuation.gasCostWei.toString() }
    return failure('UNPRICED', sentence, facts)
  }
  return null
}
