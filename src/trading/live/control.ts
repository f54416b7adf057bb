import type { ControlCommand } from '../../domain/control.ts'
import { countSpread } from '../../domain/countSpread.ts'
import { isOpen } from '../../domain/executionState.ts'
import { isNoOp, type LiveExecution } from '../../domain/liveExecution.ts'
import type { Address } from '../../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../../errors/failure.ts'
import type { LiveContext } from './liveContext.ts'
import { hashesOf, isTrade, type OpenExecution } from './openExecution.ts'
import type { Replaced } from './replace.ts'
import type { Trades } from './trade.ts'

/** What became of a command, as the operator is told it. */
type Told = Result<{ sentence: string }>

/**
 * The operator's hand on a lane or a trade of one chain. The command is on disk already.
 *
 * @param options.denied puts the end of a trade that is not signed on disk; false when that could not be
 */
export function createControl({
  open,
  trades,
  denied,
  context,
}: {
  open: ReadonlyMap<string, OpenExecution>
  trades: Trades
  denied: (execution: OpenExecution<LiveExecution>, reason: Failure) => Promise<boolean>
  context: Pick<LiveContext, 'chain' | 'lanes' | 'settings'>
}): (command: ControlCommand) => Promise<Told> {
  const { chain, lanes, settings } = context

  /**
   * A lane that is resumed takes for granted what others have done with its account, as far as every endpoint
   * counts it. What is known to be mined falls to that where nothing is held: a wrong count may have raised
   * it.
   */
  async function controlLane({
    action,
    lane: address,
    reason,
  }: Extract<ControlCommand, { lane: Address | null }>): Promise<Told> {
    const lane = address && lanes.lane(address)
    if (address === null || lane === null)
      return fail(failure('INVALID_CONTROL', `${address} is no lane of ${chain.name}.`))
    if (action === 'pause') {
      lanes.pause(address, 'operator', `The operator has paused it${reason === null ? '.' : `: ${reason}`}`)
      return succeed({ sentence: `${address} takes no more trades; what is in flight goes on.` })
    }
    const counts = await chain.minedCounts(address)
    const spread = countSpread({ chain: chain.name, account: address, counts })
    if (!spread.ok) return spread
    const { lowest } = spread.value
    if (lane.lowest() === lane.next()) lane.rewind(lowest)
    lane.resync([lowest])
    lanes.resume(address)
    return succeed({ sentence: `${address} takes trades again, from nonce ${lane.next()} on.` })
  }

  async function controlTrade({
    action,
    signalId,
  }: Extract<ControlCommand, { signalId: string }>): Promise<Told> {
    const execution = open.get(signalId)
    if (execution === undefined || !isTrade(execution) || execution.record.inclusion !== null)
      return fail(notOpen(signalId))
    const { lane, nonce } = execution.record
    const latest = execution.attempts.at(-1)
    const byOperator = failure('CANCELLED', 'The operator has cancelled it.')
    if (latest === undefined) {
      if (action === 'speed_up')
        return fail(failure('TRADE_NOT_OPEN', `${signalId} is not signed yet: there is nothing to speed up.`))
      if (!execution.isPromised)
        return fail(failure('TRADE_NOT_OPEN', `${signalId} is being simulated: try again in a moment.`))
      if (!(await denied(execution, byOperator)))
        return execution.attempts.length > 0
          ? fail(failure('TRADE_NOT_OPEN', `${signalId} was signed meanwhile: cancel it again.`))
          : fail(failure('JOURNAL_UNAVAILABLE', 'The journal cannot be written.'))
      return succeed({ sentence: `${signalId} was not signed yet, and will not be.` })
    }
    switch (action) {
      case 'cancel':
        if (isNoOp(latest)) return succeed({ sentence: `${signalId} is being cancelled already.` })
        return asTold(await trades.replace(execution, { kind: 'cancel', reason: byOperator }), {
          signalId,
          out: `A no-op at nonce ${nonce} of ${lane} is out in the place of ${signalId}.`,
        })
      case 'speed_up':
        if (!isNoOp(latest)) {
          if (chain.head() > latest.signedAtBlock) await trades.reevaluate(execution)
          else trades.trustSigning(execution)
        }
        return asTold(await trades.replace(execution, { kind: 'bump' }), {
          signalId,
          out: `Nonce ${nonce} of ${lane} is out again with a higher fee.`,
        })
      case 'abandon': {
        const counts = lane === null ? [] : await chain.minedCounts(lane)
        if (nonce === null || counts.length === 0 || !counts.every(({ count }) => count > nonce)) {
          const sentence = `Nonce ${nonce} of ${lane} is not used up by every count: its bytes can still land. Cancel it instead.`
          return fail(failure('TRADE_NOT_OPEN', sentence))
        }
        // Our own may have been mined a moment ago.
        const receipt = await chain.receiptWhereMined({ counts, nonce, hashes: hashesOf(execution) })
        if (receipt !== null) {
          await trades.settle(execution, receipt, false)
          return fail(notOpen(signalId))
        }
        // It may have been settled by other means meanwhile.
        if (!isOpen(execution.record.state)) return fail(notOpen(signalId))
        execution.passedAtBlock ??= chain.head()
        const blocksLeft = execution.passedAtBlock + settings.policy.foreignAfter - chain.head()
        if (blocksLeft > 0) {
          const sentence = `Nonce ${nonce} of ${lane} was used up a moment ago, and its receipt may be late: try again in ${blocksLeft} blocks.`
          return fail(failure('TRADE_NOT_OPEN', sentence))
        }
        const sentence = `The operator has abandoned it: nonce ${nonce} of ${lane} is used up, and nodes have no receipt of ours.`
        return (await trades.abandon(execution, failure('DISPLACED', sentence, { lane, nonce })))
          ? succeed({ sentence })
          : fail(notOpen(signalId))
      }
      default:
        return action satisfies never
    }
  }

  const notOpen = (signalId: string): Failure =>
    failure(
      'TRADE_NOT_OPEN',
      `No open trade of ${chain.name} has the signal_id ${signalId}: it has ended, is in a block, or never was.`,
    )

  function asTold(replaced: Replaced, { signalId, out }: { signalId: string; out: string }): Told {
    switch (replaced.kind) {
      case 'out':
        return succeed({ sentence: out })
      case 'superseded':
        return succeed({ sentence: `Another replacement of ${signalId} has just gone out.` })
      case 'settled':
        return fail(notOpen(signalId))
      case 'kept':
        return fail(replaced.failure)
      default:
        return replaced satisfies never
    }
  }

  return async (command) => ('signalId' in command ? await controlTrade(command) : await controlLane(command))
}
