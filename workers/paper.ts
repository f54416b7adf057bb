import { succeed } from '../src/errors/failure.ts'
import { createFeeOracle } from '../src/fees/feeOracle.ts'
import { payloadHash } from '../src/journal/payloadHash.ts'
import { openSqliteJournal } from '../src/journal/sqliteJournal.ts'
import { encodeExecute } from '../src/route/encodeExecute.ts'
import { executeSignal, type PaperContext } from '../src/trading/executeSignal.ts'
import { simulateSignal } from '../src/trading/simulateSignal.ts'
import { encodeExecution, encodePaperEvent, encodeSimulation } from '../src/wire/encodeExecution.ts'
import { createJudging } from './judging.ts'
import type { Pipeline, PipelineOptions } from './pipeline.ts'
import { servedProfile } from './servedProfile.ts'
import { timed } from './timed.ts'

/** PAPER: simulate, judge, journal. Nothing here can sign or send. */
export function openPaper({
  data: { mode, chain },
  refuse,
  path,
}: PipelineOptions & { path: string }): Pipeline {
  const journal = openSqliteJournal({ path })
  /** Of this thread, over all probes. */
  const inFlight = new Map<string, string>()
  return {
    journal,
    async begin({ rpc, facts, heads, channel }) {
      const fees = createFeeOracle({ rpc, chain: servedProfile({ chain, facts }) })
      const judging = createJudging({ rpc, facts, heads, fees })
      const context: PaperContext = {
        mode,
        journal: { ...journal, append: timed(channel, 'journal', journal.append) },
        payloadHash,
        encodeCalldata: (signal) => encodeExecute(signal),
        simulate: timed(channel, 'simulate', judging.engine().simulate),
        valuate: judging.valuate,
        encode: { execution: encodeExecution, event: encodePaperEvent },
        refuse,
        now: Date.now,
        inFlight,
      }
      return succeed({
        execute: (signal) => executeSignal(signal, context),
        simulate: (signal) => simulateSignal(signal, { ...context, encode: encodeSimulation }),
        onHead: fees.onHead,
        lanes: () => [],
        isBusy: () => false,
      })
    },
    async end() {},
  }
}
