import type { Execution } from '../domain/execution.ts'
import type { LiveExecution } from '../domain/liveExecution.ts'
import { outcomeCode } from '../domain/liveOutcome.ts'
import { usdNumber } from '../domain/usd.ts'

/** A line for each trade that is settled and on disk. */
export interface TradeLog {
  /** @param ms from the signal's arrival at its chain to the record */
  paper(execution: Execution, ms: number): void
  live(execution: LiveExecution): void
}

/**
 * Field names are those of the API; nothing is put together where the level is off. `ms` of LIVE is from the
 * record of the signal to the block, or to what ended it.
 */
export function createTradeLog(logger: {
  isLevelEnabled(level: 'info'): boolean
  info(facts: object, message: string): void
}): TradeLog {
  return {
    paper({ signal, failure, simulation, valuation }, ms) {
      if (!logger.isLevelEnabled('info')) return
      logger.info(
        {
          signal_id: signal.signalId,
          status: failure === null ? 'filled' : 'failed',
          code: failure?.code ?? null,
          profit: text(simulation?.profit),
          net_profit_usd: usd(valuation?.netProfitUsdE8),
          gas_used: simulation === null ? null : Number(simulation.gasUsed),
          gas_cost_wei: text(valuation?.gasCostWei),
          ms,
          ...(failure !== null && { error: failure.sentence }),
        },
        MESSAGE,
      )
    },
    live(execution) {
      if (!logger.isLevelEnabled('info')) return
      const { signal, state, failure, inclusion, realised, acceptedAtMs, changedAtMs } = execution
      logger.info(
        {
          signal_id: signal.signalId,
          status: state,
          code: outcomeCode(execution),
          txHash: inclusion?.hash ?? null,
          block: inclusion?.block ?? null,
          profit: text(realised?.profit),
          net_profit_usd: usd(realised?.netProfitUsdE8),
          gas_used: inclusion === null ? null : Number(inclusion.gasUsed),
          gas_cost_wei: text(realised?.gasCostWei),
          ms: changedAtMs - acceptedAtMs,
          ...(failure !== null && { error: failure.sentence }),
        },
        MESSAGE,
      )
    },
  }
}

const MESSAGE = 'A trade is settled.'

const text = (amount: bigint | null | undefined) => amount?.toString() ?? null
const usd = (e8: bigint | null | undefined) => (e8 === null || e8 === undefined ? null : usdNumber(e8))
