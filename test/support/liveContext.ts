import type { Signal } from '../../src/domain/signal.ts'
import { failure, succeed } from '../../src/errors/failure.ts'
import type { LiveJournal } from '../../src/journal/liveJournal.ts'
import { isSamePayload, payloadHash } from '../../src/journal/payloadHash.ts'
import { openSqliteLiveJournal } from '../../src/journal/sqliteLiveJournal.ts'
import { type Key, loadKeys } from '../../src/lanes/keys.ts'
import { createLanes, type Lanes } from '../../src/lanes/lanes.ts'
import { createNonceLedger } from '../../src/lanes/nonceLedger.ts'
import { signTransaction } from '../../src/lanes/signTransaction.ts'
import { consumedId } from '../../src/route/consumedId.ts'
import { encodeExecute } from '../../src/route/encodeExecute.ts'
import type { LiveContext } from '../../src/trading/live/liveContext.ts'
import { acceptedRecord, type OpenExecution } from '../../src/trading/live/openExecution.ts'
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from '../../src/wire/encodeLive.ts'
import { refusal } from '../../src/wire/refusal.ts'
import { PAYING_TRADES } from './devnetTrades.ts'
import { laneKey } from './liveWorld.ts'

export const START_MS = 1_733_700_000_123
export const HEAD = 20_000_017
/** The first lane's mined count; the nonces of the tests begin here. */
export const FIRST_NONCE = 41

/** The engine's surroundings with a real journal, real lanes and real signatures; what a chain would say is said by the test. */
export interface LiveRig {
  readonly context: LiveContext
  readonly journal: LiveJournal
  readonly lanes: Lanes
  readonly key: Key
  /** What happened, in order. */
  readonly told: string[]
  nowMs: number
  head: number
}

/**
 * A rig on the database at `path`, whose parts `change` may replace. Its chain takes everything and simulates every trade as a profit of
 * 7,000,003 base units.
 */
export async function openLiveRig({
  path,
  change = () => ({}),
}: {
  path: string
  change?: (rig: { journal: LiveJournal; told: string[] }) => Partial<LiveContext>
}): Promise<LiveRig> {
  const { keys } = await loadKeys({ PRIVATE_KEY: laneKey(0) })
  const key = keys[0] as Key
  const told: string[] = []
  const journal = openSqliteLiveJournal({
    path,
    publish(events) {
      for (const { type, outcome } of events) told.push(`publish ${type} ${outcome}`)
    },
  })
  const open = journal.openAttempts().map(({ nonce }) => ({ nonce, left: true }))
  const ledger = createNonceLedger({ minedCount: FIRST_NONCE, open, epoch: 1 })
  const rig = { nowMs: START_MS, head: HEAD }
  const lanes = createLanes({
    lanes: [{ address: key.address, ledger, inFlightMax: 4 }],
    slotsQueueMax: 10,
    now: () => rig.nowMs,
  })
  const quote = { type: 2, maxFeePerGas: 31_000_000_007n, maxPriorityFeePerGas: 1_000_000_003n } as const
  const market = async () => succeed({ quote, baseFeeWei: 15_000_000_002n })
  const context: LiveContext = {
    chainName: 'Ethereum',
    executor: `0x${'e0'.repeat(20)}`,
    journal,
    lanes,
    payloadHash,
    isSamePayload,
    encodeCalldata: (signal) =>
      encodeExecute(signal, { deadlineSeconds: null, consumedId: consumedId(signal.signalId) }),
    async simulate() {
      return succeed({
        success: true,
        gasUsed: 307_699n,
        profit: 7_000_003n,
        shortfall: null,
        block: rig.head,
        l1FeeWei: 0n,
        revertKind: null,
        error: null,
        failedHop: null,
        revertData: null,
        hint: null,
        takenBy: null,
      })
    },
    async valuate() {
      return succeed({
        gasPriceWei: 3n,
        gasCostWei: 923_097n,
        profitWei: 10n ** 18n,
        rate: { units: 1n, wei: 1n },
        netProfitUsdE8: 650_000_001n,
        pays: true,
      })
    },
    market,
    freshMarket: market,
    gasLimit: ({ simulation }) => simulation.gasUsed * 2n,
    limitFee: async () => succeed(quote),
    bumpFee: async ({ tried }) => {
      const last = tried.at(-1)
      if (last?.type !== 2) return null
      return {
        type: 2,
        maxFeePerGas: last.maxFeePerGas * 2n,
        maxPriorityFeePerGas: last.maxPriorityFeePerGas * 2n,
      }
    },
    sign: ({ lane: _, fee, ...draft }) =>
      signTransaction({ key, transaction: { ...fee, ...draft, chainId: 1, value: 0n } }),
    async broadcast({ attempt: { hash, kind, nonce } }) {
      told.push(`send ${kind} ${nonce}`)
      return { status: 'accepted', hash, by: 'node' }
    },
    relays: { supports: (policy) => policy === 'public', privateStep: () => 'none' },
    decide: async (executions) => executions.map(() => ({ kind: 'wait' })),
    findForeign: async () => null,
    minedCount: async () => FIRST_NONCE,
    realise: async ({ inclusion }) => ({
      profit: 7_000_001n,
      gasCostWei: inclusion.gasUsed * inclusion.effectiveGasPriceWei,
      netProfitUsdE8: 640_000_007n,
    }),
    encode: {
      answer: ({ execution, ...rest }) => ({
        ...encodeLiveAnswer({ execution, ...rest, waitedFor: execution.signal.wait }),
        replayed: false,
      }),
      outcome: encodeLiveEvent,
      update: encodeUpdateEvent,
    },
    refuse: (reason, { signalId }) => refusal({ failure: reason, mode: 'LIVE', signalId }),
    onSettled: (_, nonce) => told.push(`settled ${nonce}`),
    onPoor(lane, neededWei) {
      told.push(`poor ${neededWei}`)
      lanes.pause(lane, `needs ${neededWei} wei`)
    },
    checkLane: async () => null,
    tendLanes: async () => {},
    onSent: () => {},
    head: () => rig.head,
    now: () => rig.nowMs,
    laneWaitMs: 50,
    includedWaitMs: 60_000,
    log: { warn: () => {}, error: (facts, message) => told.push(`error ${message} ${describe(facts)}`) },
    ...change({ journal, told }),
  }
  return Object.assign(rig, { context, journal, lanes, key, told })
}

const describe = ({ err }: { err?: unknown }): string => (err instanceof Error ? err.message : '')

export const NODE_DOWN = { ok: false, failure: failure('NODE_UNAVAILABLE', 'No endpoint answers.') } as const

export const liveTrade = (signalId: string, over: Partial<Signal> = {}): Signal => ({
  ...(PAYING_TRADES[0]?.signal as Signal),
  signalId,
  wait: 'broadcast',
  ...over,
})

/** An execution as the engine begins one. */
export const openExecution = (signal: Signal): OpenExecution => ({
  payloadHash: payloadHash(signal),
  record: acceptedRecord(signal, START_MS),
  lastChange: Promise.resolve(),
  isPromised: false,
  attempts: [],
  slot: null,
  sentAtBlock: HEAD,
  reopenedAtBlock: 0,
  sentAtMs: START_MS,
  taken: false,
  isSending: false,
  refusal: 'none',
  giveAnswer: null,
})
