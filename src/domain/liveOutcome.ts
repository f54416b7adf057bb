import type { Code } from '../errors/codes.ts'
import type { LiveExecution } from './liveExecution.ts'

/**
 * The code of a LIVE trade as it stands; null when it is in a block with a profit, or on its way and nothing
 * is wrong. Answers, totals and metrics go by this one reading. A trade in a block is a success only when
 * what it earned is known and more than its gas where that can be compared: one that landed at a loss has
 * failed.
 */
export function outcomeCode({
  state,
  failure,
  realised,
}: Pick<LiveExecution, 'state' | 'failure' | 'realised'>): Code | null {
  switch (state) {
    case 'accepted':
    case 'signed':
    case 'pending':
    case 'denied':
    case 'expired':
      return failure?.code ?? null
    case 'included':
      if (realised === null || realised.warning !== undefined) return 'PROFIT_MISMATCH'
      return realised.profit <= 0n || (realised.netProfitUsdE8 ?? realised.netWei ?? 1n) <= 0n
        ? 'NET_LOSS'
        : null
    case 'reverted':
      return 'REVERTED'
    case 'cancelled':
      return 'CANCELLED'
    case 'displaced':
      return 'DISPLACED'
    default:
      return state satisfies never
  }
}
