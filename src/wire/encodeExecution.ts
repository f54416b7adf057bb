import type { Execution } from '../domain/execution.ts'
import { outcomeFields } from './encodeFailure.ts'
import { routeFields, signalFields } from './signalFields.ts'
import { decimalText, leftoverFields, simulationFields, usdOrNull } from './simulationFields.ts'

/**
 * The answer to `POST /execute` as JSON text. Amounts are decimal strings of base units, USD are numbers,
 * addresses carry their checksum; `simulation` is null when the trade was refused before it was simulated.
 */
export function encodeExecution(execution: Execution): string {
  const { signal, simulation, valuation } = execution
  return JSON.stringify({
    ...outcome(execution),
    simulation: simulationFields(execution),
    expected_profit: signal.expectedProfitUsd,
    gas_cost_wei: decimalText(valuation?.gasCostWei),
    net_profit_usd: usdOrNull(valuation?.netProfitUsdE8),
    ...(valuation?.unpriced !== undefined && { unpriced: valuation.unpriced }),
    ...leftoverFields(simulation?.leftovers),
    route: routeFields(signal),
    timestamp: new Date(execution.settledAtMs).toISOString(),
  })
}

/**
 * The answer to `POST /simulate` as JSON text: that of `/execute` with `estimated_profit`, the simulated net
 * profit in USD. It is 0 for a trade that reverts, and null when it cannot be told, because the chain has no
 * price of the token or the trade was not simulated; what the sender claimed is never put in its place.
 */
export function encodeSimulation(execution: Execution): string {
  const { signal, simulation, valuation } = execution
  return JSON.stringify({
    ...outcome(execution),
    simulation: simulationFields(execution),
    estimated_profit: simulation?.success === false ? 0 : usdOrNull(valuation?.netProfitUsdE8),
    expected_profit: signal.expectedProfitUsd,
    route: routeFields(signal),
    timestamp: new Date(execution.settledAtMs).toISOString(),
  })
}

/**
 * A PAPER execution as its sender and everybody else is told, as JSON texts: the `paper_execution` message,
 * which is the record too, is the answer with `type` and the `signal` as it was understood (and `seq`, which
 * the event log adds).
 */
export function encodePaper(execution: Execution): { readonly answer: string; readonly event: string } {
  const answer = encodeExecution(execution)
  const signal = JSON.stringify(signalFields(execution.signal))
  return { answer, event: `{"type":"paper_execution",${answer.slice(1, -1)},"signal":${signal}}` }
}

function outcome({ failure, mode, signal }: Execution) {
  return {
    success: failure === null,
    mode,
    status: failure === null ? 'filled' : 'failed',
    signal_id: signal.signalId,
    chainId: signal.chainId,
    ...outcomeFields(failure),
  }
}
