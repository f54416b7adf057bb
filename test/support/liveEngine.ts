import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import type { MinedCount } from '../../src/confirmation/minedCounts.ts'
import type { MinedReceipt } from '../../src/confirmation/minedReceipt.ts'
import type { Finding } from '../../src/confirmation/readChain.ts'
import type { Answer } from '../../src/dispatch/protocol.ts'
import type { Attempt } from '../../src/domain/liveExecution.ts'
import type { Hex, Signal } from '../../src/domain/signal.ts'
import type { LiveJournal } from '../../src/journal/liveJournal.ts'
import { createLiveEngine, type LiveEngine } from '../../src/trading/live/liveEngine.ts'
import { ABSENT, type Change, HEAD, type LiveRig, liveTrade, openLiveRig } from './liveContext.ts'

/** A LIVE engine on a journal on disk, before a chain that says what the test lets it say. */
export interface EngineRig {
  rig: LiveRig
  engine: LiveEngine
  /** Mined counts that endpoints tell; null: they never answer. */
  counts: number[] | null
  /** A step waits for a node that never answers: the engine is not stopped after the test. */
  hangs: boolean
  /** Parts of the context that are others, from the next start on. */
  change: (journal: LiveJournal) => Change
}

/** The engine of the file's tests, begun anew for each. */
export function useLiveEngine() {
  const findings = new Map<Hex, Finding>()
  const sent: Attempt[] = []
  const live = { counts: [], hangs: false, change: () => ({}) } as unknown as EngineRig
  let folder: string

  /** A process on the same journal. */
  async function start(): Promise<void> {
    live.rig = await openLiveRig({
      path: join(folder, 'chain-1.sqlite'),
      change: ({ journal }) => {
        const own = live.change(journal)
        return {
          ...own,
          chain: {
            find: async (positions) =>
              positions.map(({ hashes }) => hashes.map((hash) => findings.get(hash)).find(Boolean) ?? ABSENT),
            minedCounts: () =>
              live.counts === null
                ? new Promise(() => {})
                : Promise.resolve(live.counts.map((count) => ({ count }) as MinedCount)),
            ...own.chain,
          },
          send: {
            async broadcast({ attempt }) {
              // Whatever happens: on disk before it leaves.
              if (!journal.isOurs(attempt.hash)) throw new Error('It was sent before it was on disk.')
              sent.push(attempt)
              return { status: 'accepted', hash: attempt.hash }
            },
            ...own.send,
          },
        }
      },
    })
    live.engine = createLiveEngine(live.rig.context)
  }
  /** Ends it as a crash does: what is not on disk is lost. */
  async function restart(): Promise<void> {
    await live.engine.stop()
    live.rig.journal.close()
    sent.length = 0
    findings.clear()
    await start()
  }

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'titan-engine-'))
    findings.clear()
    live.counts = []
    sent.length = 0
    live.change = () => ({})
    await start()
  })
  afterEach(async () => {
    if (!live.hangs) await live.engine.stop()
    live.hangs = false
    live.rig.journal.close()
    rmSync(folder, { recursive: true, force: true })
  })

  return {
    live,
    /** What the chain says of transactions; of any other nothing. */
    findings,
    sent,
    start,
    restart,
    execute: (signalId: string, over: Partial<Signal> = {}) => live.engine.execute(liveTrade(signalId, over)),
    abandon: (signalId: string) => live.engine.control({ action: 'abandon', signalId }),
    onDisk: (signalId: string) =>
      live.rig.journal.open().find(({ record }) => record.signal.signalId === signalId)?.record,
    lane: () => live.rig.lanes.status()[0],
    sentNow: () => sent.splice(0).map(({ kind, nonce }) => `${kind} ${nonce}`),
    /** Time for a few blocks. */
    async blocks(count: number): Promise<void> {
      live.rig.head += count
      live.rig.elapsedMs += 12_000 * count
      await live.engine.check()
    },
    /** The chain says so from now on. */
    async check(...said: readonly (readonly [Attempt | undefined, Finding])[]): Promise<void> {
      live.rig.elapsedMs += 5_000
      for (const [attempt, finding] of said) if (attempt !== undefined) findings.set(attempt.hash, finding)
      await live.engine.check()
    },
  }
}

export const told = ({ body }: Answer) => JSON.parse(body) as Record<string, unknown>
export const cap = ({ fee }: Attempt) => (fee.type === 2 ? fee.maxFeePerGas : fee.gasPrice)

export const receiptOf = (
  hash: Hex | undefined,
  { success = true, block = HEAD + 1 } = {},
): MinedReceipt => ({
  inclusion: {
    hash: hash ?? '0x',
    block,
    blockHash: `0x${block.toString(16).padStart(64, '0')}`,
    gasUsed: 300_001n,
    effectiveGasPriceWei: 17n,
    l1FeeWei: 0n,
  },
  success,
  logs: [],
})
export const mined = (
  attempt: Attempt | undefined,
  { final = false, ...over }: { final?: boolean; success?: boolean; block?: number } = {},
): Finding => ({ kind: 'mined', final, receipt: receiptOf(attempt?.hash, over) })

/** What is under way has come as far as it can without an answer that is held back. */
export const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
export const REPLACED: Finding = { kind: 'absent', replaced: true, asked: true }
export const ASKED: Finding = { kind: 'absent', replaced: false, asked: true }
