import { Transaction } from 'ethers'
import { createSender } from '../src/broadcast/sender.ts'
import { createBudget } from '../src/budget/budget.ts'
import { minimumProfit } from '../src/budget/minimumProfit.ts'
import { createForeignFinder } from '../src/confirmation/foreignFinder.ts'
import { readMinedCounts, readReceiptWhereMined } from '../src/confirmation/minedCounts.ts'
import { createProfitAndLoss } from '../src/confirmation/profitAndLoss.ts'
import { readChain } from '../src/confirmation/readChain.ts'
import type { ThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Trader } from '../src/dispatch/trader.ts'
import type { Hex } from '../src/domain/signal.ts'
import { fail, failure, type Result, succeed } from '../src/errors/failure.ts'
import { createFeeOracle } from '../src/fees/feeOracle.ts'
import { gasLimit } from '../src/fees/gasLimit.ts'
import { createNodeGas } from '../src/fees/nodeGas.ts'
import { isSamePayload, payloadHash } from '../src/journal/payloadHash.ts'
import { openSqliteLiveJournal } from '../src/journal/sqliteLiveJournal.ts'
import { createAccountReader } from '../src/lanes/accountReader.ts'
import { createKeys, type Key } from '../src/lanes/keys.ts'
import { createLaneBalances } from '../src/lanes/laneBalances.ts'
import { createLanes, type LaneInit } from '../src/lanes/lanes.ts'
import { createLaneMaintenance } from '../src/lanes/maintainLanes.ts'
import { openLanes } from '../src/lanes/openLanes.ts'
import { signTransaction } from '../src/lanes/signTransaction.ts'
import { createBlockTrail } from '../src/nodes/blockTrail.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import { createFinalBlock } from '../src/nodes/finalBlock.ts'
import type { Heads } from '../src/nodes/heads.ts'
import { readNodeError } from '../src/nodes/nodeErrors.ts'
import { createTradeLog } from '../src/observability/tradeLog.ts'
import { consumedId } from '../src/route/consumedId.ts'
import { encodeExecute } from '../src/route/encodeExecute.ts'
import { readExecute } from '../src/route/readExecute.ts'
import { sharesPool } from '../src/route/sharesPool.ts'
import { explainMined } from '../src/simulation/explainMined.ts'
import type { LiveContext } from '../src/trading/live/liveContext.ts'
import { createLiveEngine, type LiveEngine } from '../src/trading/live/liveEngine.ts'
import { simulateSignal } from '../src/trading/simulateSignal.ts'
import { verdict } from '../src/trading/verdict.ts'
import { encodeSimulation } from '../src/wire/encodeExecution.ts'
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from '../src/wire/encodeLive.ts'
import { createEvaluation, type Evaluation } from './evaluation.ts'
import type { Pipeline, PipelineOptions, PipelineTools } from './pipeline.ts'
import { servedProfile } from './servedProfile.ts'
import { timed } from './timed.ts'
import { openWaysOut, PRIVATE_BLOCKS_MAX } from './waysOut.ts'

/** See `nextStep`. */
const POLICY = {
  patienceMs: 500,
  untakenAfterMs: 2_000,
  rebroadcastAfter: 2,
  rebroadcastAfterMs: 15_000,
  bumpAfter: 3,
  foreignAfter: 5,
}
/** A chain that makes blocks on demand announces none while bytes wait to be sent again. */
const POLL_MS = 2_000

/**
 * LIVE: the thread that alone makes signers of the keys, for its chain. Throws when the journal cannot be
 * opened.
 */
export async function openLive({
  data,
  logger,
  refuse,
  path,
}: PipelineOptions & { path: string }): Promise<Pipeline> {
  const { mode, chain, live, rpcTimeoutMs } = data
  if (data.secrets === null) throw new Error('LIVE was given no keys.')
  const { privateKeys, relayAuthKey } = data.secrets
  const keys = createKeys(privateKeys)
  const accounts = keys.map(({ address }) => address)
  let channel: ThreadChannel | null = null
  const journal = openSqliteLiveJournal({ path, publish: (events) => channel?.events(events) })
  const ends: (() => Promise<void> | void)[] = []
  /** What the newest probe found; the engine lives on over all of them. */
  let current: { facts: ChainFacts; heads: Heads } | null = null
  let engine: LiveEngine | null = null
  let trader: Trader | null = null

  const found = () => {
    if (current === null) throw new Error('The chain was not probed yet.')
    return current
  }

  async function begin({
    facts,
    heads,
    ...tools
  }: { facts: ChainFacts; heads: Heads } & PipelineTools): Promise<Result<Trader>> {
    if (!facts.executor.deployed) {
      const sentence = `There is no executor contract at ${chain.executor} on ${chain.name}: deploy it with npx titan deploy --chain ${chain.chainId}.`
      return fail(failure('CHAIN_UNAVAILABLE', sentence, { chain_id: chain.chainId }))
    }
    channel = tools.channel
    current = { facts, heads }
    if (trader !== null) return succeed(trader)
    const { rpc } = tools
    const authorised = await openLanes({
      chain,
      accounts,
      laneInFlightMax: live.laneInFlightMax,
      executor: facts.executor.address,
      endpoints: rpc.endpoints,
      ...createAccountReader({
        rpc,
        executor: { address: facts.executor.address, owner: facts.executor.caller },
      }),
      settledNonce: journal.settledNonce,
      warn: (about, message) => logger.warn(about, message),
    })
    if (!authorised.ok) return authorised
    trader = await startEngine({ ...tools, authorised: authorised.value })
    return succeed(trader)
  }

  async function startEngine({
    rpc,
    channel,
    isPaused,
    authorised,
  }: { authorised: LaneInit[] } & PipelineTools): Promise<Trader> {
    const { facts } = found()
    const profile = servedProfile({ chain, facts })
    const fees = createFeeOracle({ rpc, chain: profile })
    const evaluation: Evaluation = createEvaluation({
      rpc,
      found,
      fees: () => fees,
      nativeSymbol: chain.nativeSymbol,
      log: logger,
    })
    const startedAtMs = Date.now() - performance.now()
    const clock = {
      nowMs: Date.now,
      elapsedMs: () => performance.now(),
      steadyMs: () => Math.round(startedAtMs + performance.now()),
    }
    const head = () => found().heads.newest()?.number ?? facts.head
    const lanes = createLanes({ lanes: authorised, queueMax: data.queueMax })
    const balances = createLaneBalances({ rpc })
    const hashSource = profile.l1FeeModel === 'arbitrum' ? 'arb-sys' : 'opcode'
    const trail = createBlockTrail({ rpc, hashSource })
    const finalBlock = createFinalBlock({
      rpc,
      finality: profile.finality,
      head,
      onNote(note) {
        if (note === null) logger.info('The node tells which block is final again.')
        else logger.warn(note)
      },
    })
    const foreign = createForeignFinder({
      rpc,
      readers: rpc.endpoints,
      chainId: chain.chainId,
      executor: facts.executor.address,
      head,
      trail,
      finalBlock,
      readExecute,
    })
    const budget = createBudget({
      limits: chain.feeLimits,
      spent: journal.gasSpentSince(clock.nowMs() - 3_600_000),
      now: clock.steadyMs,
    })
    const nodeGas = createNodeGas({ rpc, chain: profile })
    const keyOf = new Map(keys.map((key) => [key.address, key]))
    const sender = createSender({
      ...openWaysOut({
        chain,
        accounts,
        authKey: relayAuthKey,
        timeoutMs: rpcTimeoutMs,
        onRequest: channel.rpc,
      }),
      chainId: chain.chainId,
      head,
      privateBlocksMax: PRIVATE_BLOCKS_MAX,
      // The endpoints that are read from come first; those that only take transactions have no state.
      servesOther: (index) => rpc.endpoints[index]?.servesOtherChain() ?? false,
      onVerdict({ hash, verdict, contradicts }) {
        if (contradicts)
          logger.warn({ hash, verdict }, 'Endpoints contradict each other about a transaction.')
      },
      onWrongChain: (host, served) =>
        logger.error({ host, served }, `${host} serves chain ${served}: nothing is sent to it.`),
    })
    ends.push(sender.close)
    const encodeCalldata: LiveContext['trade']['calldata'] = (signal, { minProfit, deadlineMs }) =>
      encodeExecute(signal, {
        minProfit,
        deadlineSeconds: deadlineMs === null ? null : Math.floor(deadlineMs / 1_000),
        consumedId: consumedId(signal.signalId),
      })

    const minedCounts: LiveContext['chain']['minedCounts'] = (account) =>
      readMinedCounts({ endpoints: rpc.endpoints, account })
    const context: LiveContext = {
      chain: {
        name: chain.name,
        head,
        timeMs: () => (found().heads.newest()?.timestamp ?? 0) * 1_000,
        isPaused,
        find: (positions) => readChain({ rpc, trail, finalBlock, positions }),
        minedCounts,
        receiptWhereMined: (asked) => readReceiptWhereMined({ ...asked, hashAt: trail.hashAt }),
        foreignTransaction: foreign.final,
        whyReverted: ({ attempt: { lane, to, gasLimit, raw }, signal, block }) =>
          explainMined({
            rpc,
            attempt: { lane, to, gasLimit, block, calldata: Transaction.from(raw).data as Hex },
            signal,
            inquire: evaluation.inquire,
            readNodeError,
          }),
      },
      trade: {
        executor: facts.executor.address,
        payloadHash,
        isSamePayload,
        sharesPool,
        calldata: encodeCalldata,
        simulate: timed(channel, 'simulate', ({ lane, ...request }) =>
          evaluation.engine(lane).simulate(request),
        ),
        valuate: evaluation.valuate,
        explain: evaluation.explain,
        verdict: (trade) => verdict({ ...trade, mode: 'LIVE', names: evaluation.names }),
        market: fees.current,
        freshMarket: fees.fresh,
        gasLimit: async ({ simulation, market, call: { lane, calldata } }) =>
          profile.gasBy === 'node'
            ? await nodeGas.call({ from: lane, to: facts.executor.address, data: calldata })
            : succeed(
                gasLimit({
                  gasUsed: simulation.gasUsed,
                  l1FeeWei: simulation.l1FeeWei,
                  l1FeeInGas: profile.l1FeeModel === 'arbitrum',
                  baseFeeWei: market.baseFeeWei,
                }),
              ),
        transferGas: nodeGas.transfer,
        feeBesideGas: ({ l1FeeWei }) => (profile.l1FeeModel === 'arbitrum' ? 0n : l1FeeWei),
        minimumProfit: (trade) => minimumProfit({ ...trade, sharePercent: live.minProfitShare }),
        balance: balances.balance,
        sign: ({ lane, fee, ...transaction }) =>
          signTransaction({
            key: keyOf.get(lane) as Key,
            transaction: { ...fee, ...transaction, chainId: chain.chainId, value: 0n },
          }),
        realise: createProfitAndLoss({
          wrappedNative: facts.wrappedNative,
          price: evaluation.prices.newestUsdE8,
          names: evaluation.names,
          learn: evaluation.learn,
          warn: (about, message) => logger.warn(about, message),
        }),
      },
      budget,
      lanes,
      maintenance: createLaneMaintenance({
        lanes,
        balance: balances.balance,
        atStakeWei: budget.atStakeWei,
        paidWei: budget.paidWei,
        minedCounts,
        foreignNewest: foreign.newest,
        rpc,
        laneInFlightMax: live.laneInFlightMax,
        delegatedInFlightMax: profile.delegatedInFlightMax,
        elapsedMs: clock.elapsedMs,
        log: logger,
      }),
      send: {
        broadcast: sender.broadcast,
        supports: sender.supports,
        phase: sender.phase,
        onTaken: () => found().heads.hurry(),
      },
      onOutcome: createTradeLog(logger).live,
      journal: { ...journal, record: timed(channel, 'journal', journal.record) },
      tell: {
        answer: ({ execution, hashes, settledInTime }) => ({
          ...encodeLiveAnswer({ execution, hashes, settledInTime, waitedFor: execution.signal.wait }),
          replayed: false,
        }),
        outcome: encodeLiveEvent,
        update: encodeUpdateEvent,
        refuse,
      },
      clock,
      settings: {
        policy: POLICY,
        mempoolHoldsGaps: profile.mempoolHoldsGaps,
        laneWaitMs: live.laneWaitMs,
        includedWaitMs: live.includedWaitMs,
        tradeTtlMs: live.tradeTtlMs,
        promisedMax: data.queueMax,
      },
      log: logger,
    }
    const started = createLiveEngine(context)
    engine = started
    // Before what was promised is taken up: the operator's pauses outlive a restart.
    for (const { lane, reason } of journal.controls.pauses())
      if (lane !== null) await started.control({ action: 'pause', lane, reason })
    await started.recover()
    const polling = setInterval(started.poll, POLL_MS)
    ends.push(() => clearInterval(polling))

    return {
      async execute(signal) {
        return { answer: await started.execute(signal), event: null }
      },
      simulate: (signal) =>
        simulateSignal(signal, {
          mode,
          encodeCalldata: (signal) => encodeExecute(signal),
          simulate: (request) => started.simulate(request),
          valuate: evaluation.valuate,
          explain: evaluation.explain,
          names: evaluation.names,
          now: clock.nowMs,
          encode: encodeSimulation,
          refuse,
        }),
      onHead(block) {
        trail.see(block)
        fees.onHead()
        started.poll()
      },
      lanes: lanes.status,
      notes: () => [finalBlock.note() ?? []].flat(),
      budget: budget.report,
      isBusy: () => lanes.status().some(({ inFlight }) => inFlight > 0),
      control: started.control,
    }
  }

  return {
    journal,
    begin,
    async end() {
      await engine?.stop()
      for (const end of ends.splice(0)) await end()
    },
  }
}
