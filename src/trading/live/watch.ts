import type { MinedReceipt } from '../../confirmation/minedReceipt.ts'
import type { CancelReason, NextStep } from '../../confirmation/nextStep.ts'
import type { Inclusion, LiveExecution } from '../../domain/liveExecution.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import type { GapFiller } from './fillGaps.ts'
import type { LiveContext, WatchedExecution } from './liveContext.ts'
import { changedRecord, hashesOf, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { replaceLatest } from './replaceLatest.ts'
import { sendAttempt } from './sendAttempt.ts'

/** Bytes that could not be asked about go out again after this time, as well as at every block. */
const RESEND_MS = 15_000

/** Follows every transaction that is out until its block is final. */
export interface Watch {
  /** There is a new block. */
  onHead(): void
  /** One look at everything now; resolves when what it found is dealt with. A look during a look follows it. */
  look(): Promise<void>
  /** Resolves when nothing of a look is under way; from now on none begins. */
  idle(): Promise<void>
}

/**
 * At each head: asks the chain about every execution whose bytes are out and does what its answer demands. Decisions come from the chain alone, and
 * where it cannot be read nothing is decided.
 */
export function createWatch({
  open,
  gaps,
  context,
}: {
  open: Map<string, OpenExecution>
  gaps: GapFiller
  context: LiveContext
}): Watch {
  let looking: Promise<void> | null = null
  let again = false
  let ended = false
  /** Steps that the next look does not wait for: nodes may take their time to answer what is sent, or asked about a stranger. */
  const underway = new Map<OpenExecution, Promise<void>>()
  let tending: Promise<void> | null = null

  async function lookOnce(): Promise<void> {
    await gaps.fill()
    tending ??= context.tendLanes().finally(() => {
      tending = null
    })
    // What such a step is about to change is decided anew after it.
    const busy = new Set(underway.keys())
    // In the order of nonces, so that what comes first on a lane goes out first.
    const watched = [...open.values()].flatMap(watchedOf).toSorted((a, b) => a.nonce - b.nonce)
    const steps = watched.length === 0 ? [] : await context.decide(watched)
    const settling: Promise<void>[] = []
    for (const [index, { execution, signalId }] of watched.entries()) {
      const step = inPrivate(execution, steps[index] ?? { kind: 'wait' })
      if (step.kind === 'mined') settling.push(takeSafely(execution, step))
      else if (open.has(signalId) && !busy.has(execution) && !underway.has(execution)) {
        const taking = takeSafely(execution, step).finally(() => underway.delete(execution))
        underway.set(execution, taking)
      }
    }
    // Made in one tick, what blocks hold shares a commit.
    await Promise.all(settling)
  }

  async function takeSafely(execution: OpenExecution, step: NextStep): Promise<void> {
    try {
      await take(execution, step)
    } catch (error) {
      const facts = { err: error, executionId: execution.record.signal.signalId, step: step.kind }
      context.log.error(facts, 'A step could not be taken; it is decided again at the next block.')
    }
  }

  /** A trade that was private for long enough goes public for a higher fee, or is cancelled, as its policy says. */
  function inPrivate({ record, attempts, sentAtBlock }: OpenExecution, step: NextStep): NextStep {
    const { relay } = record.signal
    const last = attempts.at(-1)
    const open = step.kind === 'wait' || step.kind === 'rebroadcast' || step.kind === 'bump'
    if (relay === 'public' || !open || record.inclusion !== null || last?.kind === 'cancel') return step
    const blocksWaited = Math.max(0, context.head() - (attempts[0]?.signedAtBlock ?? context.head()))
    switch (context.relays.privateStep({ policy: relay, blocksWaited })) {
      case 'cancel':
        return { kind: 'cancel', why: 'private_too_long' }
      case 'publish':
        return last?.kind === 'first' ? { kind: 'bump' } : step
      case 'none':
        // A bundle is for one block; other relays keep what they have, and a bump would only tell them of our hurry.
        return context.head() > sentAtBlock ? { kind: 'rebroadcast' } : { kind: 'wait' }
    }
  }

  async function take(execution: OpenExecution, step: NextStep): Promise<void> {
    const latest = execution.attempts.at(-1)
    switch (step.kind) {
      case 'wait':
        return
      case 'undecided':
        // The same bytes can do no harm, and a node that cannot be asked may still pass them on.
        if (execution.record.inclusion === null) await sendAgain(execution)
        return
      case 'mined':
        return await settle(execution, step.receipt, step.final)
      case 'final':
        return await finish(execution)
      case 'reorged':
        return await reopen(execution, step.minedCount)
      case 'rebroadcast':
        // What has not been answered yet is not sent a second time.
        return execution.isSending ? undefined : await sendAttempt(execution, latest, context)
      case 'bump': {
        // A no-op that is out is what gets more expensive, not the trade it took the place of.
        const reason = execution.record.failure
        const by =
          latest?.kind === 'cancel'
            ? ({ kind: 'cancel', reason } as const)
            : ({ kind: 'replacement' } as const)
        if (!(await replaceLatest(execution, by, context))) await sendAgain(execution)
        return
      }
      case 'cancel': {
        const by = { kind: 'cancel', reason: CANCEL_REASONS[step.why] } as const
        if (!(await replaceLatest(execution, by, context))) await sendAgain(execution)
        return
      }
      case 'passed':
        return await displace(execution)
      default:
        return step satisfies never
    }
  }

  /** Once per block, or after a while where no block comes: looks are more frequent than that. */
  async function sendAgain(execution: OpenExecution): Promise<void> {
    const { sentAtBlock, sentAtMs, attempts } = execution
    if (execution.isSending) return
    if (context.head() > sentAtBlock || context.now() - sentAtMs >= RESEND_MS)
      await sendAttempt(execution, attempts.at(-1), context)
  }

  /** One of our transactions is in a block: the trade, or the no-op that took its place. */
  async function settle(execution: OpenExecution, receipt: MinedReceipt, final: boolean): Promise<void> {
    const { record } = execution
    const { inclusion, success, logs } = receipt
    const isCancel = execution.attempts.find(({ hash }) => hash === inclusion.hash)?.kind === 'cancel'
    const event = isCancel ? 'cancel' : success ? 'include' : 'revert'
    const { signal } = record
    const realised = await context.realise({ signal, inclusion, logs, success: success && !isCancel })
    const changedAtMs = context.now()
    await change(execution, (before) => {
      const failure = whyFailed(before, event, inclusion)
      return changedRecord(before, event, { inclusion, realised, final, failure, changedAtMs })
    })
    leaveFlight(execution)
    execution.giveAnswer?.()
    if (final) forget(execution)
  }

  /** The lane has room again; a nonce that passed without any of our transactions stops it. */
  function leaveFlight({ slot, record: { lane, nonce } }: OpenExecution): void {
    if (lane !== null && nonce !== null) context.onSettled(lane, nonce)
    const foreign = slot?.settled().foreign ?? null
    if (slot === null || foreign === null) return
    const sentence = `Somebody else uses ${slot.address}: its nonces from ${foreign.lowest} on (${foreign.count}) went to transactions that are not ours.`
    context.lanes.pause(slot.address, sentence)
    context.log.error({ lane: slot.address, ...foreign }, sentence)
  }

  async function finish(execution: OpenExecution): Promise<void> {
    const changedAtMs = context.now()
    const isFinal = await recordChange(
      execution,
      (before) => (before.inclusion === null ? null : { record: { ...before, final: true, changedAtMs } }),
      context,
      'soon',
    )
    if (isFinal) forget(execution)
  }

  /** The block that held it left the chain: the same bytes go out again, all of them valid as before. */
  async function reopen(execution: OpenExecution, minedCount: number): Promise<void> {
    const { record } = execution
    const gone = { inclusion: null, realised: null, failure: null, changedAtMs: context.now() }
    await change(execution, (before) => changedRecord(before, 'reorg', gone))
    if (execution.slot !== null) context.lanes.ledger(execution.slot.address).reorg(minedCount)
    execution.reopenedAtBlock = context.head()
    const mined = execution.attempts.find(({ hash }) => hash === record.inclusion?.hash)
    await sendAttempt(execution, mined ?? execution.attempts.at(-1), context)
  }

  /** Another transaction has the nonce, in a final block: the trade will not happen. A foreign one stops the lane until its owner has looked into it. */
  async function displace(execution: OpenExecution): Promise<void> {
    const { lane, nonce, signal } = execution.record
    if (lane === null || nonce === null) return
    const since = execution.attempts[0]?.signedAtBlock ?? 0
    const hashes = hashesOf(execution)
    const by = await context.findForeign({ lane, nonce, since, hashes })
    if (by === null || (by.hash !== null && hashes.includes(by.hash))) {
      // Counts say that the nonce is mined, but not by whom: receipts of ours may be late, and nothing may be concluded.
      context.log.warn(
        { executionId: signal.signalId, lane, nonce },
        'Who took the nonce cannot be told yet.',
      )
      return
    }
    const isOurs = by.hash !== null && context.journal.isOurs(by.hash)
    const whose = isOurs ? 'Another transaction of ours' : 'A transaction that is not ours'
    const named = by.hash === null ? ', which nodes cannot name any more,' : `, ${by.hash} (${by.what}),`
    const sentence = `${whose}${named} took nonce ${nonce} of ${lane}.`
    const facts = { lane, nonce, ...(by.hash !== null && { transaction: by.hash }) }
    const reason = failure('DISPLACED', sentence, facts)
    const end = { failure: reason, inclusion: null, realised: null, final: true, changedAtMs: context.now() }
    await change(execution, (before) => changedRecord(before, 'displace', end))
    context.log.error({ executionId: signal.signalId, ...reason.facts }, sentence)
    if (execution.slot !== null && !isOurs) context.lanes.pause(lane, sentence)
    leaveFlight(execution)
    execution.giveAnswer?.()
    forget(execution)
  }

  const change = (execution: OpenExecution, make: (before: LiveExecution) => LiveExecution) =>
    recordChange(execution, (before) => ({ record: make(before) }), context)

  /** It can change no more. Nonces below every one that still can are final for their lane. */
  function forget({ slot, record: { signal } }: OpenExecution): void {
    open.delete(signal.signalId)
    if (slot === null) return
    const lane = slot.address
    const ledger = context.lanes.ledger(lane)
    const held = [...open.values()].flatMap(({ record }) => (record.lane === lane ? [record.nonce ?? 0] : []))
    const floor = Math.min(ledger.minedCount(), ...held, ...gaps.nonces(lane))
    context.journal.settleNonces(lane, floor - 1)
    ledger.finalise(floor)
  }

  async function look(): Promise<void> {
    if (ended) return
    if (looking === null)
      looking = (async () => {
        try {
          do {
            again = false
            await lookOnce()
          } while (again)
        } finally {
          looking = null
        }
      })()
    else again = true
    await looking
    await Promise.all([...underway.values(), tending])
  }

  const lookSafely = () =>
    void look().catch((error: unknown) => context.log.error({ err: error }, 'A look at the chain failed.'))

  return {
    onHead: lookSafely,
    look,
    async idle() {
      ended = true
      await looking
      await Promise.all([...underway.values(), tending])
    },
  }
}

const CANCEL_REASONS: Readonly<Record<CancelReason, Failure>> = {
  unprofitable: failure('UNPROFITABLE', 'On the newest block the trade does not pay any more.'),
  refused: failure('SEND_REFUSED', 'Every node refuses the transaction for good.'),
  private_too_long: failure(
    'EXPIRED',
    'The relays did not get it into a block in time, and it must not be shown to the public.',
  ),
}

/** None when nothing of it was signed. */
function watchedOf(execution: OpenExecution): WatchedExecution[] {
  const { record, attempts, sentAtBlock, sentAtMs, taken, isSending } = execution
  const latest = attempts.at(-1)
  if (latest === undefined) return []
  return [
    {
      execution,
      signalId: record.signal.signalId,
      lane: latest.lane,
      nonce: latest.nonce,
      hashes: hashesOf(execution),
      inclusion: record.inclusion,
      since: attempts[0]?.signedAtBlock ?? latest.signedAtBlock,
      sentAtBlock,
      sentAtMs,
      signedAtMs: latest.signedAtMs,
      signedAtBlock: Math.max(latest.signedAtBlock, execution.reopenedAtBlock),
      taken: taken || isSending,
      refusal: execution.refusal,
      isCancelling: latest.kind === 'cancel',
    },
  ]
}

function whyFailed(
  { failure: known, nonce, lane }: LiveExecution,
  event: 'include' | 'revert' | 'cancel',
  { block, hash }: Inclusion,
): Failure | null {
  const because = known === null ? '' : ` ${known.sentence}`
  switch (event) {
    case 'include':
      return null
    case 'revert':
      return failure('REVERTED', `The transaction reverted in block ${block}.`, { block, hash })
    case 'cancel':
      return failure('CANCELLED', `An empty transaction took nonce ${nonce} of ${lane}.${because}`, {
        block,
        hash,
      })
    default:
      return event satisfies never
  }
}
