import type { Answer } from '../../dispatch/protocol.ts'
import type { ControlCommand } from '../../domain/control.ts'
import type { Simulation } from '../../domain/execution.ts'
import { isOpen } from '../../domain/executionState.ts'
import type { LiveExecution } from '../../domain/liveExecution.ts'
import type { Address, Hex, Signal } from '../../domain/signal.ts'
import { CODES } from '../../errors/codes.ts'
import { type Failure, failure, type Result } from '../../errors/failure.ts'
import { createControl } from './control.ts'
import type { LiveContext } from './liveContext.ts'
import { acceptedRecord, hashesOf, isTrade, type OpenExecution, openExecution } from './openExecution.ts'
import { createPoller } from './poller.ts'
import { recordChange } from './recordChange.ts'
import { recover } from './recover.ts'
import { journalFailure } from './signing.ts'
import { PAUSED } from './submit.ts'
import { createTrades } from './trade.ts'
import { createTradesInFlight } from './tradesInFlight.ts'

/** The LIVE pipeline of one chain. */
export interface LiveEngine {
  /** Settles with an answer whatever happens; how late is the signal's `wait`. */
  execute(signal: Signal): Promise<Answer>
  /**
   * Takes up what the journal has open, sends its bytes again and asks the chain about all of it; only then
   * may signals come. What was promised and not signed yet runs now.
   */
  recover(): Promise<void>
  /** As a trade of the first lane would run now, behind trades of ours in flight. */
  simulate(request: { signal: Signal; calldata: Hex }): Promise<Result<Simulation>>
  /** There is a new head, or time has passed. */
  poll(): void
  /** One check of everything that is out; resolves when what it found is dealt with. */
  check(): Promise<void>
  /** The operator's hand on a lane or a trade. The command is on disk already. */
  control(command: ControlCommand): Promise<Result<{ sentence: string }>>
  /**
   * Answers everyone who still waits with how things stand; what is out stays out and is taken up at the next
   * start.
   */
  stop(): Promise<void>
}

/** A promised trade that could not be submitted is tried again at the next head, or after these pauses. */
const RETRY_MS = { first: 250, last: 5_000 }

/**
 * One signal's way in LIVE; `poller` carries on where a transaction is out. At most one effect per id: an id
 * in flight or in the journal never gets a second nonce.
 */
export function createLiveEngine(context: LiveContext): LiveEngine {
  const { chain, clock, journal, lanes, settings, tell, log } = context
  const open = new Map<string, OpenExecution>()
  const inFlight = createTradesInFlight({ sharesPool: context.trade.sharesPool })
  const trades = createTrades({ open, inFlight, context })
  const poller = createPoller({ open, trades, context })
  let stopped = false
  /** Promised trades that wait for a head to be tried again. */
  const retries = new Set<() => void>()
  let promised = 0

  async function execute(signal: Signal): Promise<Answer> {
    const payloadHash = context.trade.payloadHash(signal)
    const before = seenBefore(signal)
    if (before !== null) return before
    if (signal.wait === 'none' && promised >= settings.promisedMax) {
      const sentence = `${promised} promised trades of ${chain.name} wait to be signed already.`
      return tell.refuse(failure('OVERLOADED', sentence), signal)
    }
    const execution = openExecution({
      record: acceptedRecord(signal, clock.steadyMs()),
      payloadHash,
      head: chain.head(),
      elapsedMs: clock.elapsedMs(),
    })
    open.set(signal.signalId, execution)
    if (signal.wait !== 'none') return await run(execution)

    // The client will not wait, so the promise to act has to survive us.
    promised += 1
    try {
      await recordChange(execution, (record) => ({ record }), context)
    } catch (error) {
      promised -= 1
      open.delete(signal.signalId)
      return tell.refuse(journalFailure(error), signal)
    }
    execution.isPromised = true
    void keepPromise(execution)
    return answerNow(execution, false)
  }

  /** The answer the id has, or a refusal, when it is known; null when it is new. */
  function seenBefore(signal: Signal): Answer | null {
    const { signalId } = signal
    const running = open.get(signalId)
    const first = running === undefined ? journal.find(signalId) : null
    const known = running?.payloadHash ?? first?.payloadHash
    if (known === undefined) return null
    if (!context.trade.isSamePayload(signal, known)) {
      const sentence = `signal_id ${signalId} was used before for another trade.`
      return tell.refuse(failure('SIGNAL_ID_CONFLICT', sentence), signal)
    }
    if (first !== null) return first.answer
    // With bytes out, the state is on disk and can be told; before that nothing is certain yet.
    if (running !== undefined && isTrade(running) && (running.attempts.length > 0 || running.isPromised))
      return { ...answerNow(asTaken(running), false), replayed: true }
    return tell.refuse(failure('IN_FLIGHT', `The signal ${signalId} is still being worked on.`), signal)
  }

  /** Never rejects: whatever goes wrong, the client is answered and the id does not hang. */
  async function run(execution: OpenExecution<LiveExecution>): Promise<Answer> {
    const { signal } = execution.record
    try {
      const reason = await advance(execution)
      if (reason === null) return await answerOf(execution)
      // Nothing was signed, and nothing is kept: the same id may be sent again.
      open.delete(signal.signalId)
      return tell.refuse(reason, signal)
    } catch (error) {
      log.error({ err: error, signal_id: signal.signalId }, 'A bug.')
      if (execution.attempts.length > 0) return answerNow(execution, false)
      open.delete(signal.signalId)
      const sentence = 'A bug in the LIVE engine; its log line has this signal_id.'
      return tell.refuse(failure('INTERNAL', sentence), signal)
    }
  }

  /**
   * A promised trade is tried until it is signed, is denied by its own merits, or its time has passed:
   * trouble of a node, the disk or the lanes is none of the trade's. Never rejects.
   */
  async function keepPromise(execution: OpenExecution<LiveExecution>): Promise<void> {
    const { signal } = execution.record
    try {
      for (let waitMs = RETRY_MS.first; !stopped; waitMs = Math.min(2 * waitMs, RETRY_MS.last)) {
        // The operator may have ended it.
        if (!isOpen(execution.record.state)) return
        const reason = trades.late(execution.record) ?? (chain.isPaused() ? PAUSED : await advance(execution))
        if (reason === null) {
          if (execution.attempts.length > 0) await trades.send(execution)
          return
        }
        const isOwn = !CODES[reason.code].retryable && reason.code !== 'INSUFFICIENT_FUNDS'
        if (isOwn && reason.facts.limit === undefined && (await denied(execution, reason))) return
        await nextHead(waitMs)
      }
    } catch (error) {
      // It stays promised on disk: the next start takes it up again.
      log.error({ err: error, signal_id: signal.signalId }, 'A bug.')
      if (execution.attempts.length === 0) open.delete(signal.signalId)
    } finally {
      promised -= 1
    }
  }

  /** Whether it has ended unsigned: by this, or before. */
  async function denied(execution: OpenExecution<LiveExecution>, reason: Failure): Promise<boolean> {
    try {
      await trades.deny(execution, reason)
    } catch (error) {
      log.error(
        { err: error, signal_id: execution.record.signal.signalId },
        'A denial could not be journaled.',
      )
      return false
    }
    if (execution.attempts.length > 0) return false
    open.delete(execution.record.signal.signalId)
    return true
  }

  /** Resolves at the next head, after `waitMs`, or at the stop. */
  function nextHead(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer)
        retries.delete(go)
        resolve()
      }
      const timer = setTimeout(go, waitMs)
      retries.add(go)
    })
  }

  /** From nothing to bytes on disk, or to a denial on disk: null. Why neither could be, else. */
  async function advance(execution: OpenExecution<LiveExecution>): Promise<Failure | null> {
    let unfit: Failure | null = null
    for (;;) {
      const { signal } = execution.record
      const untilMs = (signal.validUntilMs ?? Number.POSITIVE_INFINITY) - clock.nowMs()
      const acquired = await lanes.acquire({ waitMs: Math.min(settings.laneWaitMs, untilMs) })
      // An operator may have ended it while it waited.
      if (!isOpen(execution.record.state)) {
        if (acquired.ok) acquired.value.release()
        return null
      }
      if (!acquired.ok) return unfit ?? acquired.failure
      const place = acquired.value
      try {
        const submission = await trades.submit(execution, place)
        switch (submission.status) {
          case 'signed':
            return null
          case 'denied':
            open.delete(signal.signalId)
            return null
          case 'refused':
            return submission.failure
          case 'unfit':
            // Another account may do; one that is stopped is not given again.
            unfit = submission.failure
            break
          default:
            return submission satisfies never
        }
      } finally {
        // Without effect once something is signed: then only the chain ends what was begun.
        place.release()
      }
    }
  }

  /** Of what `advance` has brought to disk, as late as the signal waits. */
  async function answerOf(execution: OpenExecution<LiveExecution>): Promise<Answer> {
    if (execution.attempts.length === 0) return answerNow(execution, true)
    const settled = untilSettled(execution)
    await trades.send(execution)
    return execution.record.signal.wait === 'included' ? await settled : answerNow(asTaken(execution), false)
  }

  const answerNow = (execution: OpenExecution<LiveExecution>, settledInTime: boolean): Answer =>
    tell.answer({ execution: execution.record, hashes: hashesOf(execution), settledInTime })

  /** What a node has said is certain before it is on disk. */
  const asTaken = (execution: OpenExecution<LiveExecution>): OpenExecution<LiveExecution> =>
    execution.sending.taken && execution.record.state === 'signed'
      ? { ...execution, record: { ...execution.record, state: 'pending' } }
      : execution

  /**
   * Resolves when the poller finds it settled, or with how it stands when the client has waited long enough.
   */
  function untilSettled(execution: OpenExecution<LiveExecution>): Promise<Answer> {
    if (stopped) return Promise.resolve(answerNow(execution, false))
    return new Promise((resolve) => {
      const timer = setTimeout(() => execution.giveAnswer?.(), settings.includedWaitMs)
      execution.giveAnswer = () => {
        clearTimeout(timer)
        execution.giveAnswer = null
        resolve(answerNow(execution, !isOpen(execution.record.state)))
      }
    })
  }

  return {
    execute,
    simulate: ({ signal, calldata }) =>
      context.trade.simulate({
        signal,
        calldata,
        lane: lanes.status()[0]?.address as Address,
        behind: inFlight.behind(signal),
      }),
    async recover() {
      await recover({ open, trades, inFlight, context })
      await poller.check()
      for (const execution of open.values())
        if (isTrade(execution) && execution.record.state === 'accepted') {
          promised += 1
          void keepPromise(execution)
        }
    },
    poll() {
      inFlight.onHead(chain.head())
      for (const retry of [...retries]) retry()
      poller.poll()
    },
    check: poller.check,
    control: createControl({ open, trades, denied, context }),
    async stop() {
      stopped = true
      lanes.close()
      for (const retry of [...retries]) retry()
      for (const execution of open.values()) execution.giveAnswer?.()
      await poller.stop()
    },
  }
}
