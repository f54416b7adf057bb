import { once } from 'node:events'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { fail, failure, type Result } from '../errors/failure.ts'
import { thrownText } from '../errors/thrown.ts'
import type {
  Answer,
  AttachOutcome,
  ChainStatus,
  ChainTask,
  ChainThreadData,
  ControlEntry,
  ControlRequest,
  DispatchedSignal,
  MainMessage,
  OutboxEvent,
  OutboxMark,
  RpcTiming,
  StageTiming,
  ThreadMessage,
  Totals,
} from './protocol.ts'

/** What a chain pool tells its dispatcher. */
export interface ChainPoolEvents {
  readonly onStatus: (status: ChainStatus) => void
  /** Comes after the events that were journaled with it. */
  readonly onSettled: (chainId: number, key: number, answer: Answer) => void
  readonly onEvents: (chainId: number, events: readonly OutboxEvent[]) => void
  readonly onStages: (chainId: number, timings: readonly StageTiming[]) => void
  readonly onRpc: (chainId: number, requests: readonly RpcTiming[]) => void
  /**
   * The thread has ended: what was in flight gets no answer from it. What it had done shows when it has
   * attached again, and the event log has all of its events.
   */
  readonly onThreadLost: (chainId: number) => void
  /**
   * What ended a thread, or kept it from its work: an exception, a rejection, the end of its memory. Told
   * once.
   */
  readonly onThreadError: (chainId: number, error: unknown) => void
  /** The thread has attached, before anything else of it. */
  readonly onAttached: (chainId: number, forgotten: OutboxMark) => void
  readonly onResent: (chainId: number, events: readonly OutboxEvent[], more: boolean) => void
  readonly onEventLoopDelay: (chainId: number, seconds: number) => void
}

export interface ChainPool {
  /** Why the chain takes no signals now, a sentence; null when it does. */
  unavailable(): string | null
  /** Hands a signal to the thread; only to a chain that is not unavailable. */
  cross(signal: DispatchedSignal): void
  status(): ChainStatus
  totals(): Totals
  /** The thread's answer to a command, or why it has not got or not answered it. Never rejects. */
  control(request: ControlRequest): Promise<Result<readonly ControlEntry[]>>
  /** Tells the thread that its events up to `outboxId` are on disk, and from when on they are kept. */
  stored(outboxId: number, keptSinceMs: number | null): void
  /** Asks the thread for its events above `outboxId` (`onResent`). */
  resend(aboveOutboxId: number): void
  /**
   * Waits up to `drainMs` for `drained`, has the thread answer whoever waits still and close its journal
   * within `closeMs`, and ends it whatever it does.
   */
  stop(options: StopTimes & { readonly drained: Promise<void> }): Promise<void>
}

export interface StopTimes {
  readonly drainMs: number
  readonly closeMs: number
}

const NO_TOTALS: Totals = {
  totalSignals: 0,
  executed: 0,
  paperExecuted: 0,
  failed: 0,
  unpriced: 0,
  profitUsdE8: 0n,
  expectedProfitUsd: 0,
}
const RESTART_DELAY_MS = { first: 100, last: 15_000 }
/** A thread that lived so long was well: the next restart is quick again. */
const WELL_AFTER_MS = 30_000
/** As often as a thread reports (`chainReporter`), and how often in a row one that is well may not have. */
const LISTEN_EVERY_MS = 5_000
const UNHEARD_MAX = 3
/** For a thread that has closed everything to be gone, or to have said so. */
const END_MS = 250

/**
 * One chain's Piscina pool with its one dedicated thread. Signals of one event-loop tick cross together;
 * answers come back over a message channel of our own, so that a slow signal never delays another. A thread
 * that ends is started again alone and begins with its journal.
 */
export function createChainPool({
  data,
  threadFile,
  heapMbMax,
  stored,
  events,
}: {
  data: ChainThreadData
  threadFile: string
  /** Of the thread's heap, MiB: one that needs more ends. */
  heapMbMax: number
  /** Up to where the event log has stored the chain's events. */
  stored: () => OutboxMark | null
  events: ChainPoolEvents
}): ChainPool {
  const { chainId, name } = data.chain
  const pool = new Piscina<ChainTask, AttachOutcome | undefined>({
    filename: threadFile,
    minThreads: 1,
    maxThreads: 1,
    idleTimeout: Number.POSITIVE_INFINITY,
    concurrentTasksPerWorker: 4,
    // 'sync' would freeze the event loop of an idle thread, which watches heads and holds sockets.
    atomics: 'disabled',
    resourceLimits: { maxOldGenerationSizeMb: heapMbMax },
    workerData: data,
  })
  /** Commands that are not answered, by key. */
  const controls = new Map<number, (outcome: Result<readonly ControlEntry[]>) => void>()
  let status: ChainStatus = startingStatus(data)
  let totals = NO_TOTALS
  let port: MessagePort | null = null
  let batch: DispatchedSignal[] = []
  let nextControl = 0
  let restartDelayMs = RESTART_DELAY_MS.first
  let attachedAtMs: number | null = null
  let toldError: unknown = null
  let unheard = 0
  let stopping = false
  let restart: NodeJS.Timeout | null = null

  function setStatus(next: ChainStatus): void {
    status = next
    events.onStatus(next)
  }

  function onMessage(message: ThreadMessage): void {
    unheard = 0
    switch (message.kind) {
      case 'settled':
        if (message.totals !== null) totals = message.totals
        // Events first: an id must be known to the event log before it stops being in flight.
        if (message.events.length > 0) events.onEvents(chainId, message.events)
        for (const { key, answer } of message.settled) events.onSettled(chainId, key, answer)
        if (message.timings.length > 0) events.onStages(chainId, message.timings)
        return
      case 'status':
        setStatus(message.status)
        if (message.eventLoopDelaySeconds !== null)
          events.onEventLoopDelay(chainId, message.eventLoopDelaySeconds)
        return
      case 'attached':
        events.onAttached(chainId, message.forgotten)
        return
      case 'resent':
        events.onResent(chainId, message.events, message.more)
        return
      case 'controlled':
        controls.get(message.key)?.(message.outcome)
        controls.delete(message.key)
        return
      case 'rpc':
        events.onRpc(chainId, message.requests)
        return
      default:
        message satisfies never
    }
  }

  /** Gives a fresh thread its end of a new channel; the thread opens its journal before it answers. */
  function attach(): void {
    restart = null
    const { port1, port2 } = new MessageChannel()
    port = port1
    port1.on('message', onMessage)
    port1.on('close', () => lose(port1, 'its thread ended'))
    pool.run({ task: 'attach', port: port2, stored: stored() }, { transferList: [port2] }).then((outcome) => {
      if (outcome?.ok === false) lose(port1, outcome.reason)
      else attachedAtMs = performance.now()
    }, failed)
  }

  /**
   * The thread has ended by an error, or could not do its task. Its port may close before or after; a new
   * thread is started only once the error of the old one was told, so an open port is that of the thread
   * meant here.
   */
  function failed(error: unknown): void {
    if (stopping || error === toldError) return
    toldError = error
    events.onThreadError(chainId, error)
    const why = `its thread ended: ${thrownText(error)}`
    if (port === null) setStatus(restartingStatus(why))
    else lose(port, why)
  }

  const restartingStatus = (why: string): ChainStatus => ({
    ...startingStatus(data),
    state: 'unavailable',
    reason: `${name} is being restarted: ${why}.`,
  })

  function lose(lostPort: MessagePort, why: string): void {
    if (port !== lostPort) return
    port = null
    lostPort.close()
    const unanswered = `The thread of ${name} ended before it answered; what it did stands in GET /control/log.`
    for (const answer of controls.values())
      answer(fail(failure('CHAIN_THREAD_LOST', unanswered, { chain_id: chainId })))
    controls.clear()
    if (stopping) return
    batch = []
    setStatus(restartingStatus(why))
    events.onThreadLost(chainId)
    if (attachedAtMs !== null && performance.now() - attachedAtMs >= WELL_AFTER_MS)
      restartDelayMs = RESTART_DELAY_MS.first
    attachedAtMs = null
    restart = setTimeout(attach, restartDelayMs)
    restartDelayMs = Math.min(restartDelayMs * 2, RESTART_DELAY_MS.last)
  }

  function crossBatch(): void {
    const signals = batch
    batch = []
    if (signals.length === 0) return
    pool.run({ task: 'signals', signals }).catch(failed)
  }

  /** What it has is answered when it goes on; what would only wait behind it is refused. */
  function listen(): void {
    if (port === null || status.state !== 'ready' || unheard++ < UNHEARD_MAX) return
    const reason = `${name} does not answer: its thread stands still, or its disk does.`
    setStatus({ ...status, state: 'unavailable', reason })
  }

  const listening = setInterval(listen, LISTEN_EVERY_MS).unref()
  // Tasks are acknowledged at once, so that what ends a thread mostly finds it with none.
  pool.on('error', failed)
  attach()

  return {
    unavailable: () =>
      port === null || status.state !== 'ready' ? (status.reason ?? `${name} is starting.`) : null,
    cross(signal) {
      if (batch.push(signal) === 1) setImmediate(crossBatch)
    },
    status: () => status,
    totals: () => totals,
    control(request) {
      const lines = port
      if (lines === null) {
        const reason = status.reason ?? `${name} is starting.`
        return Promise.resolve(fail(failure('CHAIN_UNAVAILABLE', reason, { chain_id: chainId })))
      }
      const key = nextControl++
      return new Promise((resolve) => {
        controls.set(key, resolve)
        lines.postMessage({ kind: 'control', key, request } satisfies MainMessage)
      })
    },
    stored(outboxId, keptSinceMs) {
      port?.postMessage({ kind: 'stored', outboxId, keptSinceMs } satisfies MainMessage)
    },
    resend(aboveOutboxId) {
      port?.postMessage({ kind: 'resend', aboveOutboxId } satisfies MainMessage)
    },
    async stop({ drainMs, closeMs, drained }) {
      if (port !== null) await within(drainMs, drained)
      stopping = true
      clearInterval(listening)
      if (restart !== null) clearTimeout(restart)
      if (port !== null) {
        // The thread closes its end last: then its answers are all here.
        const ended = once(port, 'close')
        const closed = pool.run({ task: 'close', withinMs: closeMs }).catch(() => undefined)
        await within(closeMs + END_MS, Promise.all([ended, closed]))
      }
      port?.close()
      await within(END_MS, pool.destroy())
    },
  }
}

/** Waits for work, and no longer than that. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, ms)
  await Promise.race([work, late.promise])
  clearTimeout(timer)
}

function startingStatus({ chain }: ChainThreadData): ChainStatus {
  return {
    chainId: chain.chainId,
    name: chain.name,
    state: 'starting',
    reason: null,
    head: null,
    headAgeMs: null,
    stale: null,
    paused: null,
    devnet: false,
    devnetRpc: null,
    executor: null,
    flashSources: [],
    notes: [],
    endpoints: [],
    lanes: [],
    gas: null,
  }
}
