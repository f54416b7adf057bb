import { Worker } from 'node:worker_threads'
import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'
import type { EventIntake, EventLog, StoredEvent } from './eventLog.ts'
import { withSeq } from './eventStore.ts'
import { createIdFilter, newIdFilterMemory } from './idFilter.ts'
import type {
  Answers,
  EventLogThreadData,
  LogMessage,
  LogRequest,
  Question,
  Retention,
} from './logProtocol.ts'

const RESTART_DELAY_MS = { first: 100, last: 15_000 }
/** Questions that are with the thread at once; further ones wait here, so that their answers do not pile up. */
const ASKED_MAX = 16
const PING_EVERY_MS = 1_000
/** In a row, without a word of the thread: a disk that does not come back holds it in the middle of a commit. */
const UNANSWERED_MAX = 5
/** For the thread to write what waits and end. */
const CLOSE_MS = 500

/** A chain as the log has it. */
interface Tail {
  /** Null before the thread of the chain has attached, unless the log knows the chain. */
  mark: OutboxMark | null
  /** Highest id that was handed to the log's thread. */
  taken: number
  /** Events above `taken` were left to the chain's journal, and are asked for when there is room. */
  behind: boolean
  /** They were asked for. */
  asked: boolean
  /** That is for want of room. */
  overflowed: boolean
  /** Waits for the log's thread to take the chain's journal. */
  adopting: OutboxMark | null
}

interface Unstored {
  readonly chainId: number
  readonly event: OutboxEvent
}

/**
 * The main thread's end of the event log, whose database is in a thread of its own. Events that are not
 * stored yet are kept here too: a thread that ends is started again, and given them again. What is more than
 * `unstoredBytesMax` stays in the journals of the chains, and is asked for once the log has caught up.
 *
 * @throws {Error} a sentence: the log cannot be opened
 */
export async function openThreadedEventLog({
  path,
  threadFile,
  retention,
  unstoredBytesMax,
  onTrouble,
  onMissing,
  onBehind,
  onCaughtUp,
}: {
  path: string
  threadFile: string
  retention: Retention
  unstoredBytesMax: number
  /** What the log must say: the thread has ended, the disk refuses, a file was put back. */
  onTrouble: (level: 'warn' | 'error' | 'fatal', sentence: string) => void
  /** Events of a chain above this id are wanted (`resent`). */
  onMissing: (chainId: number, aboveOutboxId: number) => void
  /** What a chain did is not all here from now on, until `onCaughtUp`. */
  onBehind: (chainId: number) => void
  onCaughtUp: (chainId: number) => void
}): Promise<EventLog & EventIntake> {
  const memory = newIdFilterMemory()
  const ids = createIdFilter(memory)
  const listeners: ((events: readonly StoredEvent[]) => void)[] = []
  const tails = new Map<number, Tail>()
  /** In the order in which the thread was given them. */
  let unstored: Unstored[] = []
  let unstoredBytes = 0
  const questions = new Map<
    number,
    { question: Question; answer: (value: never) => void; fail: (error: Error) => void }
  >()
  const unasked: number[] = []
  let asked = 0
  let nextKey = 0
  /** Ids whose chain is asked for at the end of this turn. */
  let lookups: { signalId: string; answer: (chainId: number | null) => void; fail: (e: Error) => void }[] = []
  let idsKnown = false
  /** The newest thread, and the same once it has the log open. */
  let started: Worker | null = null
  let worker: Worker | null = null
  let restartDelayMs = RESTART_DELAY_MS.first
  let restart: NodeJS.Timeout | null = null
  let closing: (() => void) | null = null
  let [epoch, lastSeq, oldestSeq] = ['', 0, 1]
  let oldestMs: number | null = null
  /** Why the disk refuses, that the thread says nothing, why it is gone, why it must not go on; null when that is not so. */
  let unwritable: string | null = null
  let silent: string | null = null
  let down: string | null = null
  let replaced: string | null = null
  let unanswered = 0
  let opened: { resolve: () => void; reject: (error: Error) => void } | null = null

  const post = (request: LogRequest) => worker?.postMessage(request)
  const tailOf = (chainId: number): Tail => {
    const known = tails.get(chainId)
    if (known !== undefined) return known
    const tail: Tail = {
      mark: null,
      taken: 0,
      behind: false,
      asked: false,
      overflowed: false,
      adopting: null,
    }
    tails.set(chainId, tail)
    return tail
  }

  function start(): void {
    restart = null
    const thread = new Worker(threadFile, {
      workerData: { path, retention, ids: memory } satisfies EventLogThreadData,
      name: 'eventlog',
    })
    started = thread
    let why = 'it ended by itself'
    thread.on('message', (message: LogMessage) => {
      hear()
      if (message.kind === 'refused') why = message.reason
      else onMessage(thread, message)
    })
    thread.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    thread.on('exit', () => lose(thread, why))
  }

  function lose(thread: Worker, why: string): void {
    closing?.()
    opened?.reject(new Error(why))
    if (closing !== null || opened !== null || replaced !== null) return
    if (worker === thread) worker = null
    silent = null
    down = `The event log is being started again: ${why.replace(/\.$/, '')}.`
    onTrouble('fatal', `The thread of the event log has ended: ${why}. It is started again.`)
    failQuestions(down)
    restart = setTimeout(start, restartDelayMs)
    restartDelayMs = Math.min(restartDelayMs * 2, RESTART_DELAY_MS.last)
  }

  function failQuestions(why: string): void {
    for (const { fail } of questions.values()) fail(new Error(why))
    questions.clear()
    unasked.length = 0
    asked = 0
  }

  function hear(): void {
    unanswered = 0
    if (silent === null) return
    silent = null
    onTrouble('warn', 'The event log answers again.')
  }

  function ping(): void {
    if (worker === null) return
    post({ kind: 'ping' })
    if (unanswered++ < UNANSWERED_MAX || silent !== null) return
    silent = 'The event log does not answer: its disk may hang. What was executed is kept and will be in it.'
    onTrouble('error', silent)
    failQuestions(silent)
  }

  function onMessage(thread: Worker, message: Exclude<LogMessage, { kind: 'refused' }>): void {
    switch (message.kind) {
      case 'opened':
        onOpened(thread, message)
        return
      case 'idsKnown':
        idsKnown = true
        return
      case 'stored':
        onStoredMessage(message.count, message.lastSeq)
        return
      case 'adopted':
        onAdopted(message.chainId, message.mark, message.epoch)
        return
      case 'trimmed':
        oldestSeq = message.oldestSeq
        oldestMs = message.oldestMs
        return
      case 'failing': {
        const { reason } = message
        unwritable =
          reason && `The event log cannot be written: ${reason}. What was executed is kept and will be in it.`
        if (unwritable === null) onTrouble('warn', 'The event log is written again.')
        else onTrouble('error', unwritable)
        return
      }
      case 'answer':
        settle(message.key)?.answer(message.value as never)
        return
      case 'unanswered':
        settle(message.key)?.fail(new Error(message.reason))
        return
      case 'pong':
      case 'closed':
        return
      default:
        message satisfies never
    }
  }

  /** A thread that was started again has stored the first of what waits, or none of it. */
  function onOpened(thread: Worker, log: Extract<LogMessage, { kind: 'opened' }>): void {
    const isFirst = opened !== null
    if (!isFirst && (log.epoch !== epoch || log.lastSeq < lastSeq)) {
      replaced = `The file of the event log was replaced while the server ran; restart the server.`
      onTrouble('fatal', replaced)
      void thread.terminate()
      return
    }
    worker = thread
    down = null
    unwritable = null
    epoch = log.epoch
    oldestSeq = log.oldestSeq
    oldestMs = log.oldestMs
    if (isFirst) {
      lastSeq = log.lastSeq
      for (const { chainId, journal, outboxId } of log.marks) {
        const tail = tailOf(chainId)
        tail.mark = { journal, outboxId }
        tail.taken = outboxId
      }
    } else {
      onTrouble('warn', 'The event log is open again.')
      onStoredMessage(log.lastSeq - lastSeq, log.lastSeq)
    }
    for (const { chainId, event } of unstored) post({ kind: 'append', chainId, events: [event] })
    for (const [chainId, { adopting }] of tails)
      if (adopting !== null) post({ kind: 'adopt', chainId, forgotten: adopting })
    opened?.resolve()
    opened = null
  }

  function onStoredMessage(count: number, last: number): void {
    restartDelayMs = RESTART_DELAY_MS.first
    const done = unstored.slice(0, count)
    unstored = unstored.slice(count)
    lastSeq = last
    for (const { chainId, event } of done) {
      unstoredBytes -= event.json.length
      const tail = tailOf(chainId)
      tail.mark = { journal: tail.mark?.journal ?? '', outboxId: event.outboxId }
    }
    const events = done.map(({ chainId, event }, place): StoredEvent => {
      const seq = last - count + 1 + place
      return { ...event, chainId, seq, json: withSeq(event.json, seq) }
    })
    for (const listener of listeners) listener(events)
    askForMissing()
  }

  function onAdopted(chainId: number, mark: OutboxMark, nextEpoch: string): void {
    const tail = tailOf(chainId)
    if (tail.mark !== null && tail.mark.journal !== '' && tail.mark.journal !== mark.journal)
      onTrouble('warn', `The journal of chain ${chainId} is another one than before; its events follow.`)
    if (nextEpoch !== epoch)
      onTrouble(
        'warn',
        `The event log was put back to an older state: chain ${chainId} has forgotten events that it lacks. It has a new epoch.`,
      )
    epoch = nextEpoch
    tail.mark = mark
    tail.taken = mark.outboxId
    tail.adopting = null
    askForMissing()
  }

  /** Half of the room is left for what comes meanwhile. */
  function askForMissing(): void {
    if (unstoredBytes > unstoredBytesMax / 2) return
    for (const [chainId, tail] of tails) {
      if (!tail.behind || tail.asked || tail.adopting !== null) continue
      tail.asked = true
      onMissing(chainId, tail.taken)
    }
  }

  function take(chainId: number, tail: Tail, events: readonly OutboxEvent[]): void {
    const fresh = events.filter(({ outboxId }) => outboxId > tail.taken)
    const last = fresh.at(-1)
    if (last === undefined) return
    tail.taken = last.outboxId
    for (const event of fresh) {
      unstored.push({ chainId, event })
      unstoredBytes += event.json.length
    }
    post({ kind: 'append', chainId, events: fresh })
  }

  function settle(key: number) {
    const entry = questions.get(key)
    questions.delete(key)
    if (entry !== undefined && entry.question.of !== 'chains') asked--
    const next = asked < ASKED_MAX ? unasked.shift() : undefined
    if (next !== undefined) put(next)
    return entry
  }

  function put(key: number): void {
    const entry = questions.get(key)
    if (entry === undefined) return
    asked++
    post({ kind: 'ask', key, question: entry.question })
  }

  function ask<Of extends Question['of']>(question: Extract<Question, { of: Of }>): Promise<Answers[Of]> {
    const trouble = replaced ?? down ?? silent
    if (trouble !== null) return Promise.reject(new Error(trouble))
    return new Promise((answer, fail) => {
      const key = nextKey++
      questions.set(key, { question, answer, fail })
      // Signals wait for their lookups, so these pass whatever else is asked.
      if (question.of === 'chains') post({ kind: 'ask', key, question })
      else if (asked < ASKED_MAX) put(key)
      else unasked.push(key)
    })
  }

  /** All lookups of a turn in one question. */
  function lookUp(): void {
    const group = lookups
    lookups = []
    ask({ of: 'chains', signalIds: group.map(({ signalId }) => signalId) }).then(
      (chains) => group.forEach(({ answer }, place) => void answer(chains[place] ?? null)),
      (error: Error) => {
        for (const { fail } of group) fail(error)
      },
    )
  }

  await new Promise<void>((resolve, reject) => {
    opened = { resolve, reject }
    start()
  })

  const pinging = setInterval(ping, PING_EVERY_MS).unref()

  return {
    epoch: () => epoch,
    lastSeq: () => lastSeq,
    oldestSeq: () => oldestSeq,
    read: (query) => ask({ of: 'events', query }),
    trade: (signalId) => ask({ of: 'trade', signalId }),
    trades: (query) => ask({ of: 'trades', query }),
    onStored: (listener) => void listeners.push(listener),
    failing: () => replaced ?? down ?? silent ?? unwritable,
    attached(chainId, forgotten) {
      const tail = tailOf(chainId)
      Object.assign(tail, { behind: true, asked: false, adopting: forgotten })
      onBehind(chainId)
      post({ kind: 'adopt', chainId, forgotten })
    },
    append(chainId, events) {
      for (const { signalId } of events) ids.add(signalId)
      const tail = tailOf(chainId)
      const [first] = events
      if (tail.behind || first === undefined) return
      const isFull = unstoredBytes > unstoredBytesMax
      // Ids have no holes: what is missing before these is in the journal.
      if (!isFull && first.outboxId <= tail.taken + 1) return take(chainId, tail, events)
      tail.behind = true
      tail.overflowed = isFull
      onBehind(chainId)
      askForMissing()
    },
    resent(chainId, events, more) {
      const tail = tailOf(chainId)
      if (!tail.asked) return
      tail.asked = false
      for (const { signalId } of events) ids.add(signalId)
      take(chainId, tail, events)
      if (more) return askForMissing()
      tail.behind = false
      tail.overflowed = false
      onCaughtUp(chainId)
    },
    keptSinceMs: () => (oldestSeq > 1 ? oldestMs : null),
    mark: (chainId) => tails.get(chainId)?.mark ?? null,
    mayKnow: (signalId) => !idsKnown || ids.mayHave(signalId),
    chainOf: (signalId) =>
      new Promise((answer, fail) => {
        if (lookups.push({ signalId, answer, fail }) === 1) setImmediate(lookUp)
      }),
    full() {
      if (replaced !== null) return replaced
      // What an overflow has left out is not known here by its ids, until it has come.
      const isFull = unstoredBytes > unstoredBytesMax || [...tails.values()].some((tail) => tail.overflowed)
      if (!isFull) return null
      const why = down ?? silent ?? unwritable ?? 'The event log is behind.'
      return `${why} ${unstored.length} events wait to be written, as many as the server keeps.`
    },
    async close() {
      clearInterval(pinging)
      if (restart !== null) clearTimeout(restart)
      await new Promise<void>((resolve) => {
        closing = resolve
        if (worker === null) return resolve()
        post({ kind: 'close' })
        setTimeout(resolve, CLOSE_MS).unref()
      })
      await started?.terminate()
    },
  }
}
