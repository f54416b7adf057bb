import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { workerData } from 'piscina'
import { devnetBook } from '../devnet/devnetBook.ts'
import { LIMITS } from '../src/config/limits.ts'
import { chainStatus, endpointTrouble } from '../src/dispatch/chainStatus.ts'
import type {
  AttachOutcome,
  AttachTask,
  ChainTask,
  ChainThreadData,
  DispatchedSignal,
} from '../src/dispatch/protocol.ts'
import { createThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Signal } from '../src/domain/signal.ts'
import { type Failure, failure, type Result, succeed } from '../src/errors/failure.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import { createHeadAge, headAgeLimit } from '../src/nodes/headAge.ts'
import { createHeads } from '../src/nodes/heads.ts'
import { createJsonRpc } from '../src/nodes/jsonRpc.ts'
import { keepProbing } from '../src/nodes/keepProbing.ts'
import { probeChain } from '../src/nodes/probe.ts'
import { createLogger } from '../src/observability/logger.ts'
import { refusal } from '../src/wire/refusal.ts'
import { openPaper } from './paper.ts'
import type { Pipeline, Trader } from './pipeline.ts'

const PROBE_RETRY_MS = { first: 1_000, last: 30_000 }
const PROBE_RECHECK_MS = 60_000
const STATUS_EVERY_MS = 5_000
const JOURNAL_CHECK_MS = 1_000

const data = workerData as ChainThreadData
const { mode, chain, embeddedDevnet, dataDir, rpcTimeoutMs, logLevel } = data
const logger = createLogger({ level: logLevel, thread: `chain-${chain.chainId}` }).child({
  chainId: chain.chainId,
})

/** From attach to close: everything this thread owns. */
interface Session {
  take(signals: readonly DispatchedSignal[]): void
  close(): Promise<void>
}

let session: Session | null = null

/** The one entry of the thread; Piscina calls it for every task. Signals are only taken here: their answers leave by the channel. */
export default async function run(task: ChainTask): Promise<AttachOutcome | undefined> {
  switch (task.task) {
    case 'attach':
      await session?.close()
      return await openSession(task)
    case 'signals':
      session?.take(task.signals)
      return undefined
    case 'close':
      await session?.close()
      return undefined
    default:
      return task satisfies never
  }
}

const refuse = (reason: Failure, { signalId }: Signal) => refusal({ failure: reason, mode, signalId })

/** The code that signs and sends is loaded in LIVE only: in PAPER it is not in the process. */
async function openPipeline(): Promise<Pipeline> {
  const path = join(dataDir, `chain-${chain.chainId}.sqlite`)
  if (mode === 'PAPER') return openPaper({ data, logger, refuse, path })
  const { openLive } = await import('./live.ts')
  return await openLive({ data, logger, refuse, path })
}

async function openSession({ port, storedOutboxId }: AttachTask): Promise<AttachOutcome> {
  let pipeline: Pipeline
  try {
    pipeline = await openPipeline()
  } catch (error) {
    return { ok: false, reason: `it cannot start: ${error instanceof Error ? error.message : error}` }
  }
  const { journal } = pipeline
  const channel = createThreadChannel({ port, totals: journal.totals, onStored: journal.stored })
  channel.replay(journal.outboxAbove(storedOutboxId))
  const running = new Set<Promise<void>>()
  /** Of the last probe that succeeded. They are kept when a later one fails: what LIVE has sent is watched on. */
  let facts: ChainFacts | null = null
  let trader: Trader | null = null
  /** Why the last probe failed. */
  let problem: Failure | null = null
  /** Nothing can be promised while it cannot be written down. */
  let journalProblem: string | null = null
  let reachable = true

  const headAge = createHeadAge({ maxMs: () => headAgeLimit({ chain, facts }) })
  const rpc = createJsonRpc({
    endpoints: chain.endpoints,
    timeoutMs: rpcTimeoutMs,
    limits: LIMITS,
    chainId: chain.chainId,
    blockTimeMs: chain.blockTimeMs,
    headAge,
    onRequest: channel.rpc,
  })
  /** Followed over all probes: neither a node's trouble nor a new probe forgets what was seen. */
  const heads = createHeads({
    endpoints: rpc.endpoints,
    headAge,
    blockTimeMs: chain.blockTimeMs,
    isBusy: () => trader?.isBusy() ?? false,
    onHead(block) {
      trader?.onHead(block)
      // The first report is that of the first probe's outcome.
      if (facts !== null) report()
    },
  })

  const isReachable = () => endpointTrouble({ chain, endpoints: rpc.status() }) === null

  function report(eventLoopDelaySeconds: number | null = null): void {
    channel.status(
      chainStatus({
        chain,
        embeddedDevnet,
        facts,
        problem: problem?.sentence ?? journalProblem,
        heads,
        endpoints: rpc.status(),
        lanes: trader?.lanes() ?? [],
        budget: trader?.budget?.() ?? null,
        notes: trader?.notes() ?? [],
      }),
      eventLoopDelaySeconds,
    )
    if (isReachable() === reachable) return
    reachable = !reachable
    probing.again()
  }

  /** What a probe found, and then whether the mode can work with it: in LIVE recovery comes first. */
  async function probe(): Promise<Result<{ facts: ChainFacts; trader: Trader }>> {
    const probed = await probeChain({ rpc, chain, devnetBook })
    if (!probed.ok) return probed
    const begun = await pipeline.begin({ facts: probed.value, heads, rpc, channel })
    return begun.ok ? succeed({ facts: probed.value, trader: begun.value }) : begun
  }

  const probing = keepProbing({
    probe,
    retryMs: PROBE_RETRY_MS,
    recheckMs: PROBE_RECHECK_MS,
    onThrown: (error) => logger.error({ err: error }, `The probe of ${chain.name} failed by a bug.`),
    onOutcome(outcome) {
      problem = outcome.ok ? null : outcome.failure
      if (outcome.ok) {
        trader = outcome.value.trader
        facts = outcome.value.facts
      }
      reachable = isReachable()
      report()
    },
  })
  const loop = monitorEventLoopDelay({ resolution: 10 })
  loop.enable()
  const reporting = setInterval(() => {
    report(loop.percentile(99) / 1e9)
    loop.reset()
  }, STATUS_EVERY_MS)

  const checking = setInterval(() => {
    const trouble = journal.trouble()
    const sentence = trouble && `The journal of ${chain.name} cannot be written: ${trouble}.`
    if (sentence === journalProblem) return
    journalProblem = sentence
    if (sentence !== null) logger.error(sentence)
    report()
  }, JOURNAL_CHECK_MS)

  async function answer({ key, kind, signal }: DispatchedSignal): Promise<void> {
    try {
      if (trader === null || problem !== null) {
        const reason = problem?.sentence ?? `${chain.name} is starting.`
        channel.settled({ key, answer: refuse(failure('CHAIN_UNAVAILABLE', reason), signal) }, null)
      } else if (kind === 'simulate') {
        channel.settled({ key, answer: await trader.simulate(signal) }, null)
      } else {
        const { answer, event } = await trader.execute(signal)
        channel.settled({ key, answer }, event)
      }
    } catch (error) {
      logger.error({ err: error, executionId: signal.signalId }, 'A bug.')
      const reason = failure(
        'INTERNAL',
        `A bug in the thread of ${chain.name}; its log line has this signal_id.`,
      )
      channel.settled({ key, answer: refuse(reason, signal) }, null)
    }
  }

  session = {
    take(signals) {
      for (const signal of signals) {
        const settling = answer(signal).finally(() => running.delete(settling))
        running.add(settling)
      }
    },
    async close() {
      session = null
      probing.stop()
      heads.stop()
      clearInterval(reporting)
      clearInterval(checking)
      loop.disable()
      await pipeline.end()
      await rpc.close()
      await Promise.all(running)
      channel.close()
      journal.close()
    },
  }
  return { ok: true }
}
