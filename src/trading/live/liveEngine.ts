import type { Answer } from '../../dispatch/protocol.ts'
import { isOpen } from '../../domain/executionState.ts'
import type { Signal } from '../../domain/signal.ts'
import { type Failure, failure } from '../../errors/failure.ts'
import { createGapFiller } from './fillGaps.ts'
import type { LiveContext } from './liveContext.ts'
import { acceptedRecord, changedRecord, hashesOf, type OpenExecution } from './openExecution.ts'
import { recordChange } from './recordChange.ts'
import { recover } from './recover.ts'
import { sendAttempt } from './sendAttempt.ts'
import { submitTrade } from './submitTrade.ts'
import { createWatch, type Watch } from './watch.ts'

/** The LIVE pipeline of one chain. */
export interface LiveEngine {
  /** Settles with an answer whatever happens; how late is the signal's `wait`. */
  execute(signal: Signal): Promise<Answer>
  /**
   * Takes up what the journal has open, sends its bytes again and asks the chain about all of it; only then may signals come. What was promised
   * and not signed yet runs now.
   */
  recover(): Promise<void>
  /** Answers everyone who still waits with how things stand; what is out stays out and is taken up at the next start. */
  stop(): Promise<void>
  readonly watch: Watch
}

/**
 * One signal's way in LIVE, from top to bottom; `watch` carries on where a transaction is out. At most one effect per id: an id in flight or in the
 * journal never gets a second nonce.
 */
export function createLiveEngine(context: LiveContext): LiveEngine {
  const open = new Map<string, OpenExecution>()
  let stopped = false
  const gaps = createGapFiller(context)
  const watch = createWatch({ open, gaps, context })

  async function execute(signal: Signal): Promise<Answer> {
    const payloadHash = context.payloadHash(signal)
    const before = seenBefore(signal)
    if (before !== null) return before

    const execution: OpenExecution = {
      payloadHash,
      record: acceptedRecord(signal, context.now()),
      lastChange: Promise.resolve(),
      isPromised: false,
      attempts: [],
      slot: null,
      sentAtBlock: context.head(),
      reopenedAtBlock: 0,
      sentAtMs: context.now(),
      taken: false,
      isSending: false,
      refusal: 'none',
      giveAnswer: null,
    }
    open.set(signal.signalId, execution)
    if (signal.wait !== 'none') return await run(execution)

    // The client will not wait, so the promise to act has to survive us.
    try {
      await recordChange(execution, (record) => ({ record }), context)
    } catch (error) {
      open.delete(signal.signalId)
      const why = error instanceof Error ? error.message : error
      return context.refuse(failure('JOURNAL_UNAVAILABLE', `The journal cannot be written: ${why}.`), signal)
    }
    execution.isPromised = true
    void run(execution)
    return answerNow(execution, false)
  }

  /** The answer the id has, or a refusal, when it is known; null when it is new. */
  function seenBefore(signal: Signal): Answer | null {
    const { signalId } = signal
    const running = open.get(signalId)
    const first = running === undefined ? context.journal.find(signalId) : null
    const known = running?.payloadHash ?? first?.payloadHash
    if (known === undefined) return null
    if (!context.isSamePayload(signal, known)) {
      const sentence = `signal_id ${signalId} was used before for another trade.`
      return context.refuse(failure('SIGNAL_ID_CONFLICT', sentence), signal)
    }
    if (first !== null) return first.answer
    // With bytes out, the state is on disk and can be told; before that nothing is certain yet.
    if (running !== undefined && (running.attempts.length > 0 || running.isPromised))
      return { ...answerNow(asTaken(running), false), replayed: true }
    return context.refuse(failure('IN_FLIGHT', `The signal ${signalId} is still being worked on.`), signal)
  }

  /** Never rejects: whatever goes wrong, the client is answered and the id does not hang. */
  async function run(execution: OpenExecution): Promise<Answer> {
    const { signal } = execution.record
    try {
      return await advance(execution)
    } catch (error) {
      context.log.error({ err: error, executionId: signal.signalId }, 'A bug.')
      if (execution.attempts.length > 0) return answerNow(execution, false)
      open.delete(signal.signalId)
      return context.refuse(
        failure('INTERNAL', 'A bug in the LIVE engine; its log line has this signal_id.'),
        signal,
      )
    }
  }

  /** @param unfit why the account that was tried before could not be used */
  async function advance(execution: OpenExecution, unfit: Failure | null = null): Promise<Answer> {
    const { signal } = execution.record
    const patienceMs = context.now() + context.laneWaitMs
    const deadlineMs = Math.min(patienceMs, signal.validUntilMs ?? patienceMs)
    const acquired = await context.lanes.acquire({ deadlineMs })
    if (!acquired.ok) return await giveUp(execution, unfit ?? acquired.failure)
    const slot = acquired.value
    let lastUnfit = unfit
    try {
      const submission = await submitTrade(execution, slot, context)
      switch (submission.status) {
        case 'denied':
          open.delete(signal.signalId)
          return answerNow(execution, true)
        case 'refused':
          return await giveUp(execution, submission.failure)
        case 'unfit':
          lastUnfit = submission.failure
          break
        case 'signed':
          break
        default:
          return submission satisfies never
      }
    } finally {
      // Without effect once something is signed: then only the chain ends what was begun.
      slot.release()
    }
    // Another account may do; one that is stopped is not given again.
    if (execution.attempts.length === 0) return await advance(execution, lastUnfit)
    const settled = untilSettled(execution)
    await sendAttempt(execution, execution.attempts.at(-1), context)
    return signal.wait === 'included' ? await settled : answerNow(asTaken(execution), false)
  }

  /** Nothing was signed. A promised execution gets its outcome on disk; of any other nothing is kept, and the id may be sent again. */
  async function giveUp(execution: OpenExecution, reason: Failure): Promise<Answer> {
    const { record } = execution
    if (execution.isPromised) {
      const change = { failure: reason, final: true, changedAtMs: context.now() }
      try {
        await recordChange(
          execution,
          (record) => ({ record: changedRecord(record, 'deny', change) }),
          context,
        )
      } catch (error) {
        // It stays promised on disk: the next start takes it up again.
        context.log.error(
          { err: error, executionId: record.signal.signalId },
          'A denial could not be journaled.',
        )
      }
    }
    open.delete(record.signal.signalId)
    return execution.isPromised ? answerNow(execution, true) : context.refuse(reason, record.signal)
  }

  const answerNow = (execution: OpenExecution, settledInTime: boolean): Answer =>
    context.encode.answer({ execution: execution.record, hashes: hashesOf(execution), settledInTime })

  /** What a node has said is certain before it is on disk. */
  const asTaken = (execution: OpenExecution): OpenExecution =>
    execution.taken && execution.record.state === 'signed'
      ? { ...execution, record: { ...execution.record, state: 'pending' } }
      : execution

  /** Resolves when the watch finds it settled, or with how it stands when the client has waited long enough. */
  function untilSettled(execution: OpenExecution): Promise<Answer> {
    if (stopped) return Promise.resolve(answerNow(execution, false))
    return new Promise((resolve) => {
      const timer = setTimeout(() => execution.giveAnswer?.(), context.includedWaitMs)
      execution.giveAnswer = () => {
        clearTimeout(timer)
        execution.giveAnswer = null
        resolve(answerNow(execution, !isOpen(execution.record.state)))
      }
    })
  }

  return {
    execute,
    async recover() {
      await recover({ open, gaps, context })
      await watch.look()
      for (const execution of open.values()) if (execution.record.state === 'accepted') void run(execution)
    },
    async stop() {
      stopped = true
      for (const execution of open.values()) execution.giveAnswer?.()
      await watch.idle()
    },
    watch,
  }
}
