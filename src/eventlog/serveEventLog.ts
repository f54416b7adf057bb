import type { MessagePort } from 'node:worker_threads'
import type { OutboxEvent, OutboxMark } from '../dispatch/protocol.ts'
import { thrownText } from '../errors/thrown.ts'
import type { EventStore } from './eventStore.ts'
import { createIdFilter } from './idFilter.ts'
import type { Answers, LogMessage, LogRequest, Question, Retention } from './logProtocol.ts'

/** Subscribers wait at most this long; collecting keeps one commit and one socket write for many events. */
const FLUSH_MS = 20
/** Between attempts to write while the disk refuses. */
const RETRY_MS = 1_000
/**
 * A step of retention, or of reading ids at the start, takes milliseconds; others go in between. After a large
 * commit it is as large.
 */
const TRIM_ROWS = { least: 500, most: 20_000 }
const TRIM_EVERY_MS = 5_000
const TRIM_AGAIN_MS = 20
/** Where as much is written as a step takes: retention goes first, and what is written waits. */
const TRIM_HURRY_MS = 1
const ID_ROWS = 500

/** The thread's end of the event log: collects, commits, answers, and trims between. */
export function serveEventLog({
  port,
  store,
  ids,
  retention,
}: {
  port: MessagePort
  store: EventStore
  ids: SharedArrayBuffer
  retention: Retention
}): void {
  const filter = createIdFilter(ids)
  let waiting: { chainId: number; event: OutboxEvent }[] = []
  /** Of `waiting`. */
  const waitingChains = new Map<string, number>()
  /** Journals to take for a chain's, each after the events that came before it. */
  let adopting: { chainId: number; forgotten: OutboxMark }[] = []
  let flushing: NodeJS.Timeout | null = null
  let trimming: NodeJS.Timeout | null = null
  let reading: NodeJS.Immediate | null = null
  let problem: string | null = null
  /** Events that came since the last step of retention: it takes twice as many, or it would never end. */
  let added = 0

  const post = (message: LogMessage) => port.postMessage(message)

  function flush(): void {
    if (flushing !== null) clearTimeout(flushing)
    flushing = null
    try {
      if (waiting.length > 0) store.append(waiting)
      if (waiting.length > 0) post({ kind: 'stored', count: waiting.length, lastSeq: store.lastSeq() })
      added += waiting.length
      waiting = []
      waitingChains.clear()
      for (let next = adopting[0]; next !== undefined; next = adopting[0]) {
        const { chainId, forgotten } = next
        post({ kind: 'adopted', chainId, mark: store.adopt(chainId, forgotten), epoch: store.epoch() })
        adopting = adopting.slice(1)
      }
      tellProblem(null)
    } catch (error) {
      tellProblem(thrownText(error))
      flushing = setTimeout(flush, RETRY_MS)
    }
  }

  function tellProblem(reason: string | null): void {
    if (reason === problem) return
    problem = reason
    post({ kind: 'failing', reason })
  }

  /** Before a read; a log that is failing is left to its timer, or every reader would try the disk. */
  function flushWaiting(): void {
    if (problem === null && waiting.length > 0) flush()
  }

  function answer(question: Question): Answers[keyof Answers] {
    switch (question.of) {
      case 'events':
        if (question.query.withNewest) flushWaiting()
        return store.read(question.query)
      case 'trade':
        if (waitingChains.has(question.signalId)) flushWaiting()
        return store.trade(question.signalId)
      case 'trades':
        flushWaiting()
        return store.trades(question.query)
      case 'chains':
        return question.signalIds.map((id) => waitingChains.get(id) ?? store.chainOf(id))
      default:
        return question satisfies never
    }
  }

  function readIds(aboveSeq: number): void {
    const page = store.ids(aboveSeq, ID_ROWS)
    for (const id of page?.ids ?? []) filter.add(id)
    if (page === null) post({ kind: 'idsKnown' })
    else reading = setImmediate(readIds, page.lastSeq)
  }

  function trim(): void {
    let again = false
    const limit = Math.min(Math.max(TRIM_ROWS.least, 2 * added), TRIM_ROWS.most)
    added = 0
    try {
      const before = store.oldestSeq()
      again = store.trim({
        beforeMs: Date.now() - retention.keepMs,
        bytesMax: retention.keepBytes,
        limit,
      })
      if (store.oldestSeq() !== before)
        post({ kind: 'trimmed', oldestSeq: store.oldestSeq(), oldestMs: store.oldestMs() })
    } catch (error) {
      // Told as the log's trouble only when something waits to be written, which tries the disk itself.
      if (waiting.length > 0) tellProblem(thrownText(error))
    }
    const againMs = limit > TRIM_ROWS.least ? TRIM_HURRY_MS : TRIM_AGAIN_MS
    trimming = setTimeout(trim, again ? againMs : TRIM_EVERY_MS)
  }

  port.on('message', (request: LogRequest) => {
    switch (request.kind) {
      case 'append':
        for (const event of request.events) {
          waiting.push({ chainId: request.chainId, event })
          waitingChains.set(event.signalId, request.chainId)
        }
        flushing ??= setTimeout(flush, FLUSH_MS)
        return
      case 'adopt':
        adopting.push(request)
        if (problem === null) flush()
        return
      case 'ask':
        try {
          const value = answer(request.question)
          post({ kind: 'answer', key: request.key, value })
        } catch (error) {
          post({ kind: 'unanswered', key: request.key, reason: thrownText(error) })
        }
        return
      case 'ping':
        post({ kind: 'pong' })
        return
      case 'close':
        flush()
        if (flushing !== null) clearTimeout(flushing)
        if (trimming !== null) clearTimeout(trimming)
        if (reading !== null) clearImmediate(reading)
        store.close()
        post({ kind: 'closed' })
        port.close()
        return
      default:
        request satisfies never
    }
  })
  post({
    kind: 'opened',
    epoch: store.epoch(),
    lastSeq: store.lastSeq(),
    oldestSeq: store.oldestSeq(),
    oldestMs: store.oldestMs(),
    marks: store.marks(),
  })
  readIds(0)
  trim()
}
