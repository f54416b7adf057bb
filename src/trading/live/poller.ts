import type { MinedCount } from '../../confirmation/minedCounts.ts'
import { type NextStep, nextStep } from '../../confirmation/nextStep.ts'
import type { Finding, Position } from '../../confirmation/readChain.ts'
import { isNoOp } from '../../domain/liveExecution.ts'
import type { Address } from '../../domain/signal.ts'
import type { LiveContext } from './liveContext.ts'
import { countFromHead, hashesOf, idOf, isTrade, type OpenExecution } from './openExecution.ts'
import { phaseOf } from './phaseOf.ts'
import { CANCEL_REASONS, type Replacement } from './replace.ts'
import type { Trades } from './trade.ts'

/** Bytes that could not be asked about go out again after this time, as well as at every block. */
const RESEND_MS = 15_000
/** Where blocks that were seen do not tell, nodes are asked once per head, and again after this time. */
const ASK_AGAIN_MS = 4_000
/**
 * Where every block was seen and none holds it, nodes are asked all the same after this time: heads may be
 * wrong.
 */
const DOUBT_MS = 30_000
/** So many blocks after its signing counts are asked for: its nonce may have gone to another transaction. */
const COUNT_AFTER_BLOCKS = 2

/** When open executions are checked against the chain. */
export interface Poller {
  /** There is a new head, or time has passed. */
  poll(): void
  /**
   * One check of everything now; resolves when what it found is dealt with. A check during a check follows
   * it.
   */
  check(): Promise<void>
  /** From now on no check begins; resolves when nothing of one is under way. */
  stop(): Promise<void>
}

/**
 * Checks every execution whose bytes are out, and does what the chain's answer demands. What a block holds is
 * settled first, begun in one tick so that it shares a commit. Every step goes on by itself, since it may
 * wait for nodes (a price, a resend, a replacement, the search for a foreign transaction): the next check
 * leaves its execution alone until it is done.
 */
export function createPoller({
  open,
  trades,
  context,
}: {
  open: ReadonlyMap<string, OpenExecution>
  trades: Trades
  context: LiveContext
}): Poller {
  const { chain, clock, lanes, maintenance, settings, log } = context
  let checking: Promise<void> | null = null
  let again = false
  let stopped = false
  const underway = new Map<OpenExecution, Promise<void>>()
  const settling = new Map<OpenExecution, Promise<void>>()
  let maintaining: Promise<void> | null = null
  /** Heads at which every count of a lane was below all that it holds, since one was not. */
  const lowAtHeads = new Map<Address, Set<number>>()
  const countsOfLane = new Map<
    Address,
    { readonly head: number; readonly atMs: number; readonly counts: Promise<readonly MinedCount[]> }
  >()
  let askedAtHead = new Map<OpenExecution, number>()

  async function checkOnce(): Promise<void> {
    maintaining ??= maintain().finally(() => {
      maintaining = null
    })
    for (const address of [...lowAtHeads.keys()])
      if (lanes.lane(address)?.signedInFlight() === 0) lowAtHeads.delete(address)
    // What a step under way is about to change is decided anew after it; a receipt settles it in any case.
    const busy = new Set(underway.keys())
    // In the order of nonces, so that what comes first on a lane goes out first.
    const polled = [...open.values()]
      .filter(({ attempts }) => attempts.length > 0)
      .toSorted((a, b) => (a.record.nonce ?? 0) - (b.record.nonce ?? 0))
    if (polled.length === 0) return
    for (const execution of polled) countFromHead(execution, chain.head())
    const inclusions = polled.map(({ record }) => record.inclusion)
    const findings = await chain.find(polled.map(positionOf))
    askedAtHead = new Map([...askedAtHead].filter(([{ record }]) => open.has(idOf(record))))
    for (const [index, execution] of polled.entries()) {
      const finding = findings[index] ?? { kind: 'unknown' as const, reason: 'the chain was not asked' }
      noteAsked(execution, finding)
      // Settled or reopened while the chain was asked: the finding is about what it was before.
      if (settling.has(execution) || execution.record.inclusion !== inclusions[index]) continue
      if (finding.kind === 'mined') begin(settling, execution, () => settle(execution, finding))
      else if (open.has(idOf(execution.record)) && !busy.has(execution) && !underway.has(execution))
        begin(underway, execution, () => advance(execution, finding))
    }
  }

  function begin(
    steps: Map<OpenExecution, Promise<void>>,
    execution: OpenExecution,
    work: () => Promise<void>,
  ): void {
    steps.set(
      execution,
      safely(execution, work).finally(() => steps.delete(execution)),
    )
  }

  async function safely(execution: OpenExecution, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      const facts = { err: error, signal_id: idOf(execution.record) }
      log.error(facts, 'A step could not be taken; it is decided again at the next block.')
    }
  }

  async function settle(execution: OpenExecution, finding: Finding & { kind: 'mined' }): Promise<void> {
    if (finding.receipt !== null) await trades.settle(execution, finding.receipt, finding.final)
    else if (finding.final) await trades.finish(execution)
  }

  /** What a chain that does not hold it demands. */
  async function advance(execution: OpenExecution, finding: Finding): Promise<void> {
    const { attempts, sending, record } = execution
    const latest = attempts.at(-1)
    if (latest === undefined) return
    const { lane, nonce } = latest
    const blocksSinceSigned = chain.head() - Math.max(latest.signedAtBlock, sending.reopenedAtBlock)
    const wantsCounts =
      finding.kind === 'absent' &&
      (finding.replaced || sending.contested || blocksSinceSigned >= COUNT_AFTER_BLOCKS)
    const counts = wantsCounts ? await countsOf(lane) : []
    if (counts.some(({ count }) => count > nonce)) {
      const hashes = hashesOf(execution)
      const receipt = await chain.receiptWhereMined({ counts, nonce, hashes })
      // Settled meanwhile: what was found by all means stands.
      if (execution.record.inclusion !== record.inclusion) return
      if (receipt !== null && receipt.inclusion.blockHash !== record.inclusion?.blockHash)
        return await trades.settle(execution, receipt, false)
    }
    const minedCounts = counts.map(({ count }) => count)
    const passed = minedCounts.length > 0 && minedCounts.every((count) => count > nonce)
    if (wantsCounts) execution.passedAtBlock = passed ? (execution.passedAtBlock ?? chain.head()) : null
    heedLowCounts(lane, minedCounts)
    const isNew = clock.elapsedMs() - sending.signedAtMs < settings.policy.patienceMs
    const isWaiting = finding.kind === 'absent' && !finding.replaced && !passed
    if (isWaiting && isTrade(execution) && !isNoOp(latest) && !isNew && blocksSinceSigned > 0)
      await trades.reevaluate(execution)
    await take(execution, decide(execution, finding, minedCounts))
  }

  /** What lies below everything that is held, and no endpoint counts as mined any more, is a gap. */
  function heedLowCounts(address: Address, minedCounts: readonly number[]): void {
    const lane = lanes.lane(address)
    if (lane === null || minedCounts.length === 0) return
    const highest = Math.max(...minedCounts)
    if (highest >= lane.lowest()) {
      lowAtHeads.delete(address)
      return
    }
    const heads = (lowAtHeads.get(address) ?? new Set()).add(chain.head())
    lowAtHeads.set(address, heads)
    if (heads.size <= settings.policy.foreignAfter) return
    lowAtHeads.delete(address)
    log.warn({ lane: address, mined_count: highest }, 'A nonce of another party has left the chain.')
    lane.rewind(highest)
  }

  /** Once per head for all trades of a lane, and again after a while. */
  function countsOf(lane: Address): Promise<readonly MinedCount[]> {
    const head = chain.head()
    const nowMs = clock.elapsedMs()
    const known = countsOfLane.get(lane)
    if (known?.head === head && nowMs - known.atMs < ASK_AGAIN_MS) return known.counts
    const counts = chain.minedCounts(lane)
    countsOfLane.set(lane, { head, atMs: nowMs, counts })
    return counts
  }

  function decide(execution: OpenExecution, finding: Finding, minedCounts: readonly number[]): NextStep {
    const { attempts, sending, worth, passedAtBlock } = execution
    const latest = attempts.at(-1)
    if (latest === undefined) return { kind: 'wait' }
    const head = chain.head()
    const elapsedMs = clock.elapsedMs()
    return nextStep({
      nonce: latest.nonce,
      finding,
      minedCounts,
      blocksSinceSent: head - sending.atBlock,
      blocksSinceSigned: head - Math.max(latest.signedAtBlock, sending.reopenedAtBlock),
      msSinceSigned: elapsedMs - sending.signedAtMs,
      msSinceSent: elapsedMs - sending.atMs,
      blocksSincePassed: passedAtBlock === null ? null : head - passedAtBlock,
      taken: sending.taken || sending.underway === latest.hash,
      refusal: sending.refusal,
      isNoOp: isNoOp(latest),
      worth: worth.pays ? 'pays' : worth.unpayingBlocks.size >= 2 ? 'unpaying' : null,
      phase: phaseOf(execution, context),
      mayCancel: settings.mempoolHoldsGaps,
      policy: settings.policy,
    })
  }

  async function take(execution: OpenExecution, step: NextStep): Promise<void> {
    switch (step.kind) {
      case 'wait':
        return
      case 'undecided':
        // The same bytes can do no harm, and a node that cannot be asked may still pass them on.
        if (execution.record.inclusion === null) await sendAgain(execution)
        return
      case 'mined':
        return await trades.settle(execution, step.receipt, step.final)
      case 'final':
        return await trades.finish(execution)
      case 'reorged':
        return await trades.reopen(execution, step.minedCount)
      case 'rebroadcast':
        return await sendOnce(execution)
      case 'bump':
        return await replaceOrSend(execution, { kind: 'bump' })
      case 'cancel':
        return await replaceOrSend(execution, { kind: 'cancel', reason: CANCEL_REASONS[step.why] })
      case 'passed':
        return await trades.displace(execution)
      default:
        return step satisfies never
    }
  }

  /**
   * Where no limit leaves room for a replacement it is tried again at the next head, and the same bytes are
   * kept out.
   */
  async function replaceOrSend(execution: OpenExecution, by: Replacement): Promise<void> {
    const head = chain.head()
    if (execution.keptAtHead !== head && (await trades.replace(execution, by)).kind !== 'kept') return
    execution.keptAtHead = head
    await sendAgain(execution)
  }

  /** Once per block, or after a while where no block comes: checks are more frequent than that. */
  async function sendAgain(execution: OpenExecution): Promise<void> {
    const { atBlock, atMs } = execution.sending
    if (chain.head() > atBlock || clock.elapsedMs() - atMs >= RESEND_MS) await sendOnce(execution)
  }

  /** What has not been answered yet is not sent a second time. */
  async function sendOnce(execution: OpenExecution): Promise<void> {
    if (execution.sending.underway !== execution.attempts.at(-1)?.hash) await trades.send(execution)
  }

  function positionOf(execution: OpenExecution): Position {
    const { record, attempts, askedAtMs } = execution
    const sinceAskedMs = clock.elapsedMs() - askedAtMs
    const wasAskedNow = askedAtHead.get(execution) === chain.head() && sinceAskedMs < ASK_AGAIN_MS
    return {
      hashes: hashesOf(execution),
      inclusion: record.inclusion,
      since: attempts[0]?.signedAtBlock ?? 0,
      ask: wasAskedNow ? 'never' : sinceAskedMs >= DOUBT_MS ? 'always' : 'if_unseen',
    }
  }

  function noteAsked(execution: OpenExecution, finding: Finding): void {
    if (finding.kind === 'absent' && !finding.asked) return
    execution.askedAtMs = clock.elapsedMs()
    askedAtHead.set(execution, chain.head())
  }

  /** Fills gaps, and maintains lanes at rest. Never rejects. */
  async function maintain(): Promise<void> {
    try {
      await maintenance.run()
      for (const { address, gaps } of lanes.status()) {
        const lane = lanes.lane(address)
        for (const nonce of gaps) if (lane !== null && !stopped) await trades.fill(lane, nonce)
      }
    } catch (error) {
      log.error({ err: error }, 'A lane could not be maintained; it is tried again at the next block.')
    }
  }

  async function check(): Promise<void> {
    if (stopped) return
    if (checking === null)
      checking = (async () => {
        try {
          do {
            again = false
            await checkOnce()
          } while (again && !stopped)
        } finally {
          checking = null
        }
      })()
    else again = true
    await checking
    await settled()
  }

  const settled = async () =>
    void (await Promise.all([checking, ...settling.values(), ...underway.values(), maintaining]))

  return {
    poll: () =>
      void check().catch((error: unknown) => log.error({ err: error }, 'A check of the chain failed.')),
    check,
    async stop() {
      stopped = true
      await settled()
    },
  }
}
