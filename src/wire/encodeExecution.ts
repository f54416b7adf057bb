import type { Execution, Simulation, Valuation } from '../domain/execution.ts'
import type { Hop, Signal } from '../domain/signal.ts'
import { usdNumber } from '../domain/usd.ts'
import { CODES } from '../errors/codes.ts'
import { checksumAddress } from './checksumAddress.ts'

/**
 * The answer to `POST /execute` as JSON text. Amounts are decimal strings of base units, USD are numbers, addresses carry
 * their checksum; `simulation` is null when the trade was refused before it was simulated.
 */
export function encodeExecution(execution: Execution): string {
  const { signal, valuation } = execution
  return JSON.stringify({
    ...outcome(execution),
    simulation: simulationOf(execution),
    expected_profit: signal.expectedProfitUsd,
    gas_cost_wei: valuation?.gasCostWei.toString() ?? null,
    net_profit_usd: netProfitUsd(valuation),
    route: signal.hops.map(routeEntry),
    timestamp: new Date(execution.settledAtMs).toISOString(),
  })
}

/**
 * The answer to `POST /simulate` as JSON text: that of `/execute` with `estimated_profit`, the simulated net profit in USD. It is
 * 0 for a trade that reverts, and null when it cannot be told, because the chain has no price of the token or the trade was
 * not simulated; what the sender claimed is never put in its place.
 */
export function encodeSimulation(execution: Execution): string {
  const { signal, simulation, valuation } = execution
  return JSON.stringify({
    ...outcome(execution),
    simulation: simulationOf(execution),
    estimated_profit: simulation?.success === false ? 0 : netProfitUsd(valuation),
    expected_profit: signal.expectedProfitUsd,
    route: signal.hops.map(routeEntry),
    timestamp: new Date(execution.settledAtMs).toISOString(),
  })
}

/** The `paper_execution` message as JSON text, without `seq`; `signal` holds the request as it was understood. */
export function encodePaperEvent(execution: Execution): string {
  const { failure, signal } = execution
  return JSON.stringify({
    type: 'paper_execution',
    mode: execution.mode,
    signal: requestOf(signal),
    simulation: simulationOf(execution),
    success: failure === null,
    code: failure?.code ?? null,
    error: errorOf(execution),
    timestamp: new Date(execution.settledAtMs).toISOString(),
  })
}

function outcome(execution: Execution) {
  const { failure, mode, signal } = execution
  const head = {
    success: failure === null,
    mode,
    status: failure === null ? 'filled' : 'failed',
    signal_id: signal.signalId,
    chainId: signal.chainId,
  }
  if (failure === null) return head
  const { code, facts, hint } = failure
  const { fix, retryable } = CODES[code]
  return { ...head, error: errorOf(execution), code, retryable, hint: hint ?? fix, facts }
}

/** Clients of old look for these words; other failures are not the simulation's. */
function errorOf({ failure }: Execution): string | null {
  if (failure === null) return null
  return failure.code === 'SIMULATION_FAILED' ? `Simulation failed: ${failure.sentence}` : failure.sentence
}

function simulationOf({ signal, simulation, valuation }: Execution) {
  if (simulation === null) return null
  return {
    success: simulation.success,
    gasUsed: Number(simulation.gasUsed),
    error: simulation.error,
    profit: decimal(simulation.profit),
    profit_token: checksumAddress(signal.loanToken),
    net_profit_usd: netProfitUsd(valuation),
    gas_cost_wei: decimal(valuation?.gasCostWei),
    gas_price_wei: decimal(valuation?.gasPriceWei),
    l1_fee_wei: decimal(simulation.l1FeeWei),
    block: simulation.block,
    ...(simulation.success ? null : failureOf(simulation)),
  }
}

const failureOf = ({ failedHop, revertData, shortfall }: Simulation) => ({
  shortfall: decimal(shortfall),
  failed_hop: failedHop,
  revert_data: revertData,
})

/** The request as it was understood, in its own fields; `path` in the form that names what each hop gives. */
function requestOf(signal: Signal) {
  const { hops } = signal
  return {
    signal_id: signal.signalId,
    chainId: signal.chainId,
    token: checksumAddress(signal.loanToken),
    amount: signal.loanAmount.toString(),
    flashSource: signal.flashSource,
    protocols: hops.map((hop) => hop.protocol),
    routers: hops.map((hop) => checksumAddress(hop.router)),
    path: hops.map((hop) => checksumAddress(hop.tokenOut)),
    extras: hops.map((hop) => hop.extra),
    expected_profit: signal.expectedProfitUsd,
    min_profit: signal.minProfit.toString(),
    valid_until: signal.validUntilMs,
    max_block: signal.maxBlock,
  }
}

const routeEntry = ({ extra, protocol, router, tokenIn, tokenOut }: Hop) => ({
  protocol,
  router: checksumAddress(router),
  token_in: checksumAddress(tokenIn),
  token_out: checksumAddress(tokenOut),
  extra,
})

const decimal = (amount: bigint | null | undefined) => amount?.toString() ?? null

const netProfitUsd = (valuation: Valuation | null) =>
  valuation === null || valuation.netProfitUsdE8 === null ? null : usdNumber(valuation.netProfitUsdE8)
