import { join } from 'node:path'
import { workerData } from 'piscina'
import { devnetBook } from '../devnet/devnetBook.ts'
import { LIMITS } from '../src/config/limits.ts'
import { createChainControl } from '../src/dispatch/chainControl.ts'
import { createChainReporter } from '../src/dispatch/chainReporter.ts'
import { createChainSession } from '../src/dispatch/chainSession.ts'
import { chainStatus, endpointTrouble, unavailableReason } from '../src/dispatch/chainStatus.ts'
import type {
  AttachOutcome,
  AttachTask,
  ChainTask,
  ChainThreadData,
  DispatchedSignal,
} from '../src/dispatch/protocol.ts'
import { createThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Trader } from '../src/dispatch/trader.ts'
import type { Signal } from '../src/domain/signal.ts'
import { type Failure, succeed } from '../src/errors/failure.ts'
import { thrownFacts, thrownText } from '../src/errors/thrown.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import { createChainProbing } from '../src/nodes/chainProbing.ts'
import { createHeadAge, headAgeLimit } from '../src/nodes/headAge.ts'
import { createHeads } from '../src/nodes/heads.ts'
import { createJsonRpc } from '../src/nodes/jsonRpc.ts'
import { probeChain } from '../src/nodes/probe.ts'
import { createLogger } from '../src/observability/logger.ts'
import { refusal } from '../src/wire/encodeFailure.ts'
import { openPaper } from './paper.ts'
import type { Pipeline } from './pipeline.ts'

const PROBE_RETRY_MS = { first: 1_000, last: 30_000 }
const PROBE_RECHECK_MS = 60_000

const data = workerData as ChainThreadData
const { mode, chain, embeddedDevnet, dataDir, rpcTimeoutMs, logLevel } = data
const logger = createLogger({ level: logLevel, thread: `chain-${chain.chainId}` }).child({
  chainId: chain.chainId,
})

/** From attach to close: everything this thread owns. */
interface OpenSession {
  take(signals: readonly DispatchedSignal[]): void
  /** Resolves when everything is closed, at the latest after `withinMs` and what the last commit takes. */
  close(options: { readonly withinMs: number }): Promise<void>
}

let session: OpenSession | null = null

/**
 * The one entry of the thread; Piscina calls it for every task. Signals are only taken here: their answers
 * leave by the channel.
 */
export default async function run(task: ChainTask): Promise<AttachOutcome | undefined> {
  switch (task.task) {
    case 'attach':
      await session?.close({ withinMs: rpcTimeoutMs })
      return await openSession(task)
    case 'signals':
      session?.take(task.signals)
      return undefined
    case 'close':
      await session?.close(task)
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

async function openSession(task: AttachTask): Promise<AttachOutcome> {
  let pipeline: Pipeline
  try {
    pipeline = await openPipeline()
  } catch (error) {
    return cannotStart(error)
  }
  try {
    session = createSession(pipeline, task)
    return { ok: true }
  } catch (error) {
    // What the main thread still says would reach a closed journal.
    task.port.removeAllListeners('message')
    // What stays open would lock out the next attempt, which would then tell of that and not of the cause.
    pipeline.journal.close()
    return cannotStart(error)
  }
}

function cannotStart(error: unknown): AttachOutcome {
  logger.error(thrownFacts(error), `The thread of ${chain.name} cannot start.`)
  return { ok: false, reason: `it cannot start: ${thrownText(error)}` }
}

function createSession(pipeline: Pipeline, { port, stored }: AttachTask): OpenSession {
  const { journal } = pipeline
  const control = createChainControl({
    chainId: chain.chainId,
    chainName: chain.name,
    mode,
    store: journal.controls,
    trader: () => trader,
    onChange: () => reporter.report(),
    log: logger,
  })
  const channel = createThreadChannel({
    port,
    totals: journal.totals,
    forgotten: journal.outbox.attach(stored),
    outboxAbove: journal.outbox.above,
    onStored(outboxId, keptSinceMs) {
      journal.outbox.stored(outboxId)
      if (keptSinceMs !== null) journal.forget(keptSinceMs)
    },
    async onControl(request) {
      if ('newest' in request) return succeed(control.newest(request.newest))
      const entry = await control.order(request.order)
      return entry.ok ? succeed([entry.value]) : entry
    },
  })
  /** As the newest probe has left them. */
  let facts: ChainFacts | null = null
  let trader: Trader | null = null
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
  const isReachable = () => endpointTrouble({ chain, endpoints: rpc.status() }) === null

  /** Followed over all probes: neither a node's trouble nor a new probe forgets what was seen. */
  const heads = createHeads({
    endpoints: rpc.endpoints,
    headAge,
    blockTimeMs: chain.blockTimeMs,
    isBusy: () => trader?.isBusy() ?? false,
    onHead(block) {
      trader?.onHead(block)
      // The first report is that of the first probe, which a start waits for.
      if (facts !== null) reporter.report()
    },
  })
  const probing = createChainProbing<Trader>({
    probe: () => probeChain({ rpc, chain, devnetBook }),
    begin: (facts) =>
      pipeline.begin({ facts, heads, rpc, channel, isPaused: () => control.paused() !== null }),
    isReachable,
    onChange() {
      facts = probing.facts()
      trader = probing.started()
      reporter.probed()
    },
    onThrown: (error) => logger.error({ err: error }, `The probe of ${chain.name} failed by a bug.`),
    retryMs: PROBE_RETRY_MS,
    recheckMs: PROBE_RECHECK_MS,
  })
  const trouble = () => ({
    problem: probing.problem()?.sentence ?? null,
    journalProblem: reporter.journalProblem(),
  })
  const status = () =>
    chainStatus({
      chain,
      embeddedDevnet,
      facts,
      ...trouble(),
      paused: control.paused(),
      heads,
      endpoints: rpc.status(),
      lanes: trader?.lanes() ?? [],
      budget: trader?.budget?.() ?? null,
      notes: trader?.notes() ?? [],
    })
  const reporter = createChainReporter({
    chainName: chain.name,
    status,
    send: channel.status,
    journalTrouble: journal.trouble,
    isReachable,
    onReachable: probing.again,
    log: logger,
  })
  const signals = createChainSession({
    chainName: chain.name,
    mode,
    trader: () => trader,
    unavailable: () => unavailableReason({ chain, ...trouble(), endpoints: rpc.status }),
    paused: control.refusal,
    isKnown: (signalId) => journal.find(signalId) !== null,
    channel,
    refuse,
    log: logger,
  })

  /** Never rejects. */
  async function end(): Promise<void> {
    try {
      await pipeline.end()
      await rpc.close()
      await signals.settled()
    } catch (error) {
      logger.error({ err: error }, 'The end failed by a bug.')
    }
  }

  return {
    take: signals.take,
    async close({ withinMs }) {
      session = null
      probing.stop()
      heads.stop()
      reporter.stop()
      await within(withinMs, end())
      channel.close()
      journal.close()
    },
  }
}

/** What is not done then is given up: its trades are in the journal, and the next start takes them up. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    logger.warn(`${chain.name} was closed before everything in it had ended.`)
    late.resolve()
  }, ms)
  await Promise.race([work, late.promise])
  clearTimeout(timer)
}
