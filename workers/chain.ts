import { join } from 'node:path'
import { workerData } from 'piscina'
import { addressBook } from '../devnet/addressBook.ts'
import { devnetMarker } from '../devnet/devnetMarker.ts'
import type { ChainFacts, DevnetBook } from '../src/chain/chainFacts.ts'
import { createHeads, type Heads } from '../src/chain/heads.ts'
import { createJsonRpc } from '../src/chain/jsonRpc.ts'
import { keepProbing } from '../src/chain/keepProbing.ts'
import { readNodeError } from '../src/chain/nodeErrors.ts'
import { probeChain } from '../src/chain/probe.ts'
import { explainRevert } from '../src/chain/revertReasons.ts'
import type { JsonRpc } from '../src/chain/rpc.ts'
import { LIMITS } from '../src/config/limits.ts'
import { chainStatus } from '../src/dispatch/chainStatus.ts'
import type {
  AttachOutcome,
  AttachTask,
  ChainTask,
  ChainThreadData,
  DispatchedSignal,
} from '../src/dispatch/protocol.ts'
import { createThreadChannel, type ThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Address, Signal } from '../src/domain/signal.ts'
import { failure, type Result, succeed } from '../src/errors/failure.ts'
import { type ExecutionContext, executeSignal } from '../src/execution/executeSignal.ts'
import { createGasPrice } from '../src/fees/gasPrice.ts'
import type { Journal } from '../src/journal/journal.ts'
import { payloadHash } from '../src/journal/payloadHash.ts'
import { openSqliteJournal } from '../src/journal/sqliteJournal.ts'
import { createLogger } from '../src/observability/logger.ts'
import { encodeExecute } from '../src/route/encodeExecute.ts'
import { createPrices } from '../src/simulation/prices.ts'
import { createRpcEngine } from '../src/simulation/rpcEngine.ts'
import { valuate } from '../src/simulation/valuation.ts'
import { encodeExecution, encodePaperEvent, encodeSimulation } from '../src/wire/encodeExecution.ts'
import { refusal } from '../src/wire/refusal.ts'

const PROBE_RETRY_MS = { first: 1_000, last: 30_000 }
const PROBE_RECHECK_MS = 60_000
const STATUS_EVERY_MS = 5_000

const { mode, chain, embeddedDevnet, dataDir, rpcTimeoutMs, logLevel } = workerData as ChainThreadData
const logger = createLogger({ level: logLevel, thread: `chain-${chain.chainId}` }).child({
  chainId: chain.chainId,
})

const DEVNET: DevnetBook = {
  marker: devnetMarker.address,
  markerText: 'titan-devnet-1',
  wrappedNative: addressBook.tokens.weth.address.toLowerCase() as Address,
  balancerVault: addressBook.balancer.vault.toLowerCase() as Address,
  aavePoolAddressesProvider: addressBook.aave.poolAddressesProvider.toLowerCase() as Address,
}

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
      return openSession(task)
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

function openSession({ port, storedOutboxId }: AttachTask): AttachOutcome {
  let journal: Journal
  try {
    journal = openSqliteJournal({ path: join(dataDir, `chain-${chain.chainId}.sqlite`) })
  } catch (error) {
    return {
      ok: false,
      reason: `its journal cannot be opened: ${error instanceof Error ? error.message : error}`,
    }
  }
  const channel = createThreadChannel({ port, totals: journal.totals, onStored: journal.stored })
  channel.events(journal.outboxAbove(storedOutboxId))
  const rpc = createJsonRpc({
    endpoints: chain.endpoints,
    timeoutMs: rpcTimeoutMs,
    readOnly: true,
    limits: LIMITS,
    chainId: chain.chainId,
    onRequest: channel.rpc,
  })

  const running = new Set<Promise<void>>()
  const inFlight = new Map<string, string>()
  let facts: Result<ChainFacts> | null = null
  let heads: Heads | null = null
  let context: ExecutionContext | null = null

  const report = () =>
    channel.status(chainStatus({ chain, embeddedDevnet, facts, heads, endpoints: rpc.status() }))
  const probing = keepProbing({
    probe: () => probeChain({ rpc, chain, devnetBook: DEVNET }),
    retryMs: PROBE_RETRY_MS,
    recheckMs: PROBE_RECHECK_MS,
    onOutcome(outcome) {
      if (!outcome.ok) logger.warn(outcome.failure, 'The probe failed.')
      else if (facts?.ok !== true) logger.info({ notes: outcome.value.notes }, `${chain.name} is ready.`)
      facts = outcome
      heads?.stop()
      heads = null
      context = null
      if (outcome.ok) {
        const { head, headTimestampMs } = outcome.value
        const first = { number: head, timestamp: headTimestampMs / 1_000 }
        heads = createHeads({ rpc, blockTimeMs: chain.blockTimeMs, first, onHead: report })
        context = createContext({ rpc, facts: outcome.value, heads, journal, channel, inFlight })
      }
      report()
    },
  })
  const reporting = setInterval(report, STATUS_EVERY_MS)

  async function answer({ key, kind, signal }: DispatchedSignal): Promise<void> {
    try {
      if (context === null) {
        const reason = facts?.ok === false ? facts.failure.sentence : `${chain.name} is starting.`
        channel.settled({ key, answer: refuse(failure('CHAIN_UNAVAILABLE', reason), signal) }, null)
        return
      }
      const { answer, event } = await executeSignal({ signal, kind }, context)
      channel.settled({ key, answer }, event)
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
      heads?.stop()
      clearInterval(reporting)
      await rpc.close()
      await Promise.all(running)
      channel.close()
      journal.close()
    },
  }
  return { ok: true }
}

const refuse = (reason: Parameters<typeof refusal>[0]['failure'], { signalId }: Signal) =>
  refusal({ failure: reason, mode, signalId })

function createContext({
  rpc,
  facts,
  heads,
  journal,
  channel,
  inFlight,
}: {
  rpc: JsonRpc
  facts: ChainFacts
  heads: Heads
  journal: Journal
  channel: ThreadChannel
  inFlight: Map<string, string>
}): ExecutionContext {
  const engine = createRpcEngine({
    rpc,
    facts,
    headTimestamp: () => heads.newest()?.timestamp ?? 0,
    explainRevert,
    readNodeError,
  })
  const gasPrice = createGasPrice({ rpc, blockTimeMs: chain.blockTimeMs })
  const prices = createPrices({ rpc, facts })
  const { wrappedNative } = facts

  const timed =
    <Request, Answer>(stage: 'simulate' | 'journal', work: (request: Request) => Promise<Answer>) =>
    async (request: Request): Promise<Answer> => {
      const startedMs = performance.now()
      const result = await work(request)
      channel.timing({ stage, seconds: (performance.now() - startedMs) / 1_000 })
      return result
    }

  return {
    mode,
    journal: { ...journal, append: timed('journal', journal.append) },
    payloadHash,
    encodeCalldata: (signal) => encodeExecute(signal),
    simulate: timed('simulate', engine.simulate),
    async valuate({ signal: { loanToken }, simulation }) {
      const [price, tokenPrice, nativePrice] = await Promise.all([
        gasPrice.current(),
        prices.usdE8(loanToken),
        prices.usdE8(wrappedNative),
      ])
      if (!price.ok) return price
      const gasPriceWei = price.value
      return succeed(valuate({ simulation, gasPriceWei, tokenPrice, nativePrice, loanToken, wrappedNative }))
    },
    encode: { execution: encodeExecution, simulation: encodeSimulation, event: encodePaperEvent },
    refuse,
    now: Date.now,
    inFlight,
  }
}
