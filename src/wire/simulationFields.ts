import type { Leftover, Simulation, Valuation } from '../domain/execution.ts'
import type { Signal } from '../domain/signal.ts'
import { type UsdE8, usdNumber } from '../domain/usd.ts'
import { checksumAddress } from './checksumAddress.ts'

/**
 * The `simulation` of every answer and event; null when there was none. Amounts are decimal strings of base
 * units.
 */
export function simulationFields({
  signal,
  simulation,
  valuation,
}: {
  readonly signal: Signal
  readonly simulation: Simulation | null
  readonly valuation: Valuation | null
}) {
  if (simulation === null) return null
  return {
    success: simulation.success,
    gasUsed: Number(simulation.gasUsed),
    error: simulation.error,
    profit: decimalText(simulation.profit),
    profit_token: checksumAddress(signal.loanToken),
    net_profit_usd: usdOrNull(valuation?.netProfitUsdE8),
    ...(valuation?.unpriced !== undefined && { unpriced: valuation.unpriced }),
    gas_cost_wei: decimalText(valuation?.gasCostWei),
    gas_price_wei: decimalText(valuation?.gasPriceWei),
    l1_fee_wei: decimalText(simulation.l1FeeWei),
    block: simulation.block,
    ...leftoverFields(simulation.leftovers),
    ...(simulation.success ? null : failureOf(simulation)),
  }
}

const failureOf = ({ failedHop, revertData, shortfall }: Simulation) => ({
  shortfall: decimalText(shortfall),
  failed_hop: failedHop,
  revert_data: revertData,
})

/** What hops leave of their input in the executor; no field at all when they leave nothing. */
export const leftoverFields = (leftovers: readonly Leftover[] | undefined) =>
  leftovers && {
    leftovers: leftovers.map(({ hop, token, amount }) => ({
      hop,
      token: checksumAddress(token),
      amount: decimalText(amount),
    })),
  }

/** An amount on the wire. */
export const decimalText = (amount: bigint | null | undefined): string | null => amount?.toString() ?? null

/** US dollars on the wire; null where they are not known. */
export const usdOrNull = (usd: UsdE8 | null | undefined): number | null =>
  usd === null || usd === undefined ? null : usdNumber(usd)
