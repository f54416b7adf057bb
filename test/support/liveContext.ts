import { createBudget } from '../../src/budget/budget.ts'
import type { Finding } from '../../src/confirmation/readChain.ts'
import type { Simulation } from '../../src/domain/execution.ts'
import { highest } from '../../src/domain/highest.ts'
import type { LiveExecution } from '../../src/domain/liveExecution.ts'
import type { Address, Signal } from '../../src/domain/signal.ts'
import { failure, succeed } from '../../src/errors/failure.ts'
import type { LiveJournal } from '../../src/journal/liveJournal.ts'
import { isSamePayload, payloadHash } from '../../src/journal/payloadHash.ts'
import { openSqliteLiveJournal } from '../../src/journal/sqliteLiveJournal.ts'
import { type Key, loadKeys } from '../../src/lanes/keys.ts'
import { createLanes, type Lanes } from '../../src/lanes/lanes.ts'
import { signTransaction } from '../../src/lanes/signTransaction.ts'
import { consumedId } from '../../src/route/consumedId.ts'
import { encodeExecute } from '../../src/route/encodeExecute.ts'
import { sharesPool } from '../../src/route/sharesPool.ts'
import type { LiveContext } from '../../src/trading/live/liveContext.ts'
import { acceptedRecord, type OpenExecution, openExecution } from '../../src/trading/live/openExecution.ts'
import { verdict } from '../../src/trading/verdict.ts'
import { refusal } from '../../src/wire/encodeFailure.ts'
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from '../../src/wire/encodeLive.ts'
import { PAYING_TRADES } from './devnetTrades.ts'
import { laneKey } from './liveWorld.ts'

export const START_MS = 1_733_700_000_123
export const HEAD = 20_000_017
/** The first lane's mined count; the nonces of the tests begin here. */
export const FIRST_NONCE = 41
/**
 * A trade's profit as it is simulated, base units of its loan token; its token is worth as much as the native
 * coin.
 */
export const PROFIT = 7_000_003n * 10n ** 12n

export const ABSENT: Finding = { kind: 'absent', replaced: false, asked: false }

/** What a test replaces of the context, by its groups. */
export type Change = { readonly [Group in keyof LiveContext]?: Partial<LiveContext[Group]> }

/**
 * The engine's surroundings with a real journal, real lanes, a real budget and real signatures; what a chain
 * would say is said by the test.
 */
export interface LiveRig {
  readonly context: LiveContext
  readonly journal: LiveJournal
  readonly lanes: Lanes
  readonly key: Key
  /** What happened, in order. */
  readonly told: string[]
  readonly outcomes: LiveExecution[]
  nowMs: number
  elapsedMs: number
  head: number
}

/**
 * A rig on the database at `path`. Its chain takes everything, holds nothing, and simulates every trade as
 * `PROFIT`, a block above its head once something is signed.
 */
export async function openLiveRig({
  path,
  change = () => ({}),
}: {
  path: string
  change?: (rig: { journal: LiveJournal; told: string[] }) => Change
}): Promise<LiveRig> {
  const { keys } = await loadKeys({ PRIVATE_KEY: laneKey(0) })
  const key = keys[0] as Key
  const told: string[] = []
  const outcomes: LiveExecution[] = []
  const journal = openSqliteLiveJournal({
    path,
    publish(events) {
      for (const { type, outcome } of events) told.push(`publish ${type} ${outcome}`)
    },
  })
  const rig = { nowMs: START_MS, elapsedMs: 10_000, head: HEAD }
  const lanes = createLanes({
    lanes: [
      {
        address: key.address,
        minedCount: Math.max(FIRST_NONCE, (journal.settledNonce(key.address) ?? -1) + 1),
        finalCount: (journal.settledNonce(key.address) ?? -1) + 1,
        inFlightMax: 4,
      },
    ],
    queueMax: 10,
  })
  const quote = { type: 2, maxFeePerGas: 31_000_000_007n, maxPriorityFeePerGas: 1_000_000_003n } as const
  const market = async () => succeed({ quote, baseFeeWei: 15_000_000_002n })
  const changed = change({ journal, told })
  const executor: Address = `0x${'e0'.repeat(20)}`
  const context: LiveContext = {
    chain: {
      name: 'Ethereum',
      head: () => rig.head,
      timeMs: () => 0,
      isPaused: () => false,
      find: async (positions) => positions.map(() => ABSENT),
      minedCounts: async () => [],
      receiptWhereMined: async () => null,
      foreignTransaction: async () => null,
      whyReverted: async () => null,
      ...changed.chain,
    },
    trade: {
      executor,
      payloadHash,
      isSamePayload,
      sharesPool,
      calldata: (signal, { minProfit }) =>
        encodeExecute(signal, { minProfit, deadlineSeconds: null, consumedId: consumedId(signal.signalId) }),
      async simulate({ behind }) {
        return succeed({ ...SIMULATION, block: rig.head, takenBy: behind[0]?.signalId ?? null })
      },
      async valuate({ simulation: { profit } }) {
        return succeed({
          gasPriceWei: 3n,
          gasCostWei: 923_097n,
          profitWei: profit,
          rate: { units: 1n, wei: 1n },
          netProfitUsdE8: 650_000_001n,
          pays: (profit ?? 0n) > 923_097n,
        })
      },
      explain: async ({ simulation }) => simulation,
      verdict: (trade) => verdict({ ...trade, mode: 'LIVE', names: { amount: String, wei: String } }),
      market,
      freshMarket: market,
      gasLimit: async ({ simulation }) => succeed(simulation.gasUsed * 2n),
      transferGas: async () => 30_000n,
      feeBesideGas: ({ l1FeeWei }) => l1FeeWei,
      minimumProfit: ({ signal, maxCostWei }) => highest(signal.minProfit, maxCostWei),
      balance: async () => 10n ** 21n,
      sign: ({ lane: _, fee, ...draft }) =>
        signTransaction({ key, transaction: { ...fee, ...draft, chainId: 1, value: 0n } }),
      realise: async ({ signal, receipt: { inclusion } }) => ({
        profit: signal === null ? 0n : 7_000_001n,
        gasCostWei: inclusion.gasUsed * inclusion.effectiveGasPriceWei,
        netProfitUsdE8: signal === null ? -7n : 640_000_007n,
      }),
      ...changed.trade,
    },
    budget: {
      ...createBudget({
        limits: {
          maxFeeWei: 500n * 10n ** 9n,
          maxTxCostWei: 10n ** 19n,
          maxSpendPerHourWei: 10n ** 20n,
          maxRepairSpendPerHourWei: 10n ** 18n,
        },
        spent: journal.gasSpentSince(START_MS - 3_600_000),
        now: () => START_MS + rig.elapsedMs,
      }),
      ...changed.budget,
    },
    lanes: { ...lanes, ...changed.lanes },
    maintenance: {
      underfunded(lane, neededWei) {
        told.push(`underfunded ${neededWei}`)
        lanes.pause(lane, 'underfunded', `needs ${neededWei} wei`)
      },
      delegated: (lane) => lanes.limit(lane, 1),
      checkBeforeUse: async () => null,
      run: async () => {},
      ...changed.maintenance,
    },
    send: {
      async broadcast({ attempt: { hash, kind, nonce } }) {
        told.push(`send ${kind} ${nonce}`)
        return { status: 'accepted', hash }
      },
      supports: (policy) => policy === 'public',
      phase: () => 'public',
      onTaken: () => {},
      ...changed.send,
    },
    journal: { ...journal, ...changed.journal },
    onOutcome: (execution) => void outcomes.push(execution),
    tell: {
      answer: ({ execution, ...rest }) => ({
        ...encodeLiveAnswer({ execution, ...rest, waitedFor: execution.signal.wait }),
        replayed: false,
      }),
      outcome: encodeLiveEvent,
      update: encodeUpdateEvent,
      refuse: (reason, { signalId }) => refusal({ failure: reason, mode: 'LIVE', signalId }),
      ...changed.tell,
    },
    clock: {
      nowMs: () => rig.nowMs,
      elapsedMs: () => rig.elapsedMs,
      steadyMs: () => START_MS + rig.elapsedMs,
      ...changed.clock,
    },
    settings: {
      policy: {
        patienceMs: 500,
        untakenAfterMs: 2_000,
        rebroadcastAfter: 2,
        rebroadcastAfterMs: 15_000,
        bumpAfter: 3,
        foreignAfter: 5,
      },
      mempoolHoldsGaps: true,
      laneWaitMs: 50,
      includedWaitMs: 60_000,
      tradeTtlMs: 600_000,
      promisedMax: 10,
      ...changed.settings,
    },
    log: {
      warn: () => {},
      error: (facts, message) => told.push(`error ${message} ${describe(facts)}`),
      ...changed.log,
    },
  }
  return Object.assign(rig, { context, journal, lanes, key, told, outcomes })
}

/** A trade that pays. */
export const SIMULATION: Simulation = {
  success: true,
  gasUsed: 307_699n,
  profit: PROFIT,
  shortfall: null,
  block: HEAD,
  l1FeeWei: 0n,
  fundsWei: 10n ** 21n,
  revertKind: null,
  error: null,
  failedHop: null,
  revertData: null,
  hint: null,
  takenBy: null,
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
export const openTrade = (signal: Signal): OpenExecution<LiveExecution> =>
  openExecution({
    record: acceptedRecord(signal, START_MS),
    payloadHash: payloadHash(signal),
    head: HEAD,
    elapsedMs: 10_000,
  })
