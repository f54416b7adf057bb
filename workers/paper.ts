import type { Trader } from '../src/dispatch/trader.ts'
import { succeed } from '../src/errors/failure.ts'
import { createFeeOracle, type FeeOracle } from '../src/fees/feeOracle.ts'
import { isSamePayload, payloadHash } from '../src/journal/payloadHash.ts'
import { openSqliteJournal } from '../src/journal/sqliteJournal.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import type { Heads } from '../src/nodes/heads.ts'
import { createTradeLog } from '../src/observability/tradeLog.ts'
import { encodeExecute } from '../src/route/encodeExecute.ts'
import { executeSignal, type PaperContext } from '../src/trading/executeSignal.ts'
import { simulateSignal } from '../src/trading/simulateSignal.ts'
import { encodePaper, encodeSimulation } from '../src/wire/encodeExecution.ts'
import { createEvaluation } from './evaluation.ts'
import type { Pipeline, PipelineOptions, PipelineTools } from './pipeline.ts'
import { servedProfile } from './servedProfile.ts'
import { timed } from './timed.ts'

/** PAPER: simulate, evaluate, journal. Nothing here can sign or send. */
export function openPaper({
  data: { mode, chain },
  logger,
  refuse,
  path,
}: PipelineOptions & { path: string }): Pipeline {
  const journal = openSqliteJournal({ path })
  /** What the newest probe found; prices, fees and engine outlive it. */
  let current: { readonly facts: ChainFacts; readonly heads: Heads } | null = null
  let trader: Trader | null = null

  function open({ rpc, channel }: PipelineTools, fees: FeeOracle): Trader {
    const found = () => {
      if (current === null) throw new Error('The chain was not probed yet.')
      return current
    }
    const evaluation = createEvaluation({
      rpc,
      found,
      fees: () => fees,
      nativeSymbol: chain.nativeSymbol,
      log: logger,
    })
    const context: PaperContext = {
      mode,
      journal: { ...journal, append: timed(channel, 'journal', journal.append) },
      payloadHash,
      isSamePayload,
      encodeCalldata: (signal) => encodeExecute(signal),
      simulate: timed(channel, 'simulate', (request) => evaluation.engine().simulate(request)),
      valuate: evaluation.valuate,
      explain: evaluation.explain,
      names: evaluation.names,
      learn: evaluation.learn,
      warn: (facts, message) => logger.warn(facts, message),
      encode: encodePaper,
      refuse,
      now: Date.now,
      onRecorded: createTradeLog(logger).paper,
      inFlight: new Map(),
    }
    return {
      execute: (signal) => executeSignal(signal, context),
      simulate: (signal) => simulateSignal(signal, { ...context, encode: encodeSimulation }),
      onHead: fees.onHead,
      lanes: () => [],
      notes: () => [],
      isBusy: () => false,
    }
  }

  return {
    journal,
    async begin({ facts, heads, ...tools }) {
      current = { facts, heads }
      trader ??= open(tools, createFeeOracle({ rpc: tools.rpc, chain: servedProfile({ chain, facts }) }))
      return succeed(trader)
    },
    async end() {},
  }
}
