import { readEnvironment } from '../src/config/env.ts'
import { LIMITS } from '../src/config/limits.ts'
import { settingText } from '../src/config/settingText.ts'
import { createDecider } from '../src/confirmation/decider.ts'
import { createForeignFinder } from '../src/confirmation/foreignFinder.ts'
import { realise } from '../src/confirmation/realisedProfit.ts'
import type { ThreadChannel } from '../src/dispatch/threadChannel.ts'
import type { Trader } from '../src/dispatch/trader.ts'
import { maxCostWei } from '../src/domain/fees.ts'
import type { Realised } from '../src/domain/liveExecution.ts'
import type { Address } from '../src/domain/signal.ts'
import { usdValue } from '../src/domain/usd.ts'
import { fail, failure, type Result, succeed } from '../src/errors/failure.ts'
import { bumpFee } from '../src/fees/bump.ts'
import { capFee, highestFeeWei } from '../src/fees/caps.ts'
import { createFeeOracle, type FeeOracle } from '../src/fees/feeOracle.ts'
import { gasLimit } from '../src/fees/gasLimit.ts'
import { createSpendWindow } from '../src/fees/spendWindow.ts'
import { isSamePayload, payloadHash } from '../src/journal/payloadHash.ts'
import { openSqliteLiveJournal } from '../src/journal/sqliteLiveJournal.ts'
import { type Key, loadKeys } from '../src/lanes/keys.ts'
import { createLaneBalances } from '../src/lanes/laneBalances.ts'
import { createLanes, type LaneInit } from '../src/lanes/lanes.ts'
import { signTransaction } from '../src/lanes/signTransaction.ts'
import { createBlockTrail } from '../src/nodes/blockTrail.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import { createFinalBlock } from '../src/nodes/finalBlock.ts'
import type { Heads } from '../src/nodes/heads.ts'
import { consumedId } from '../src/route/consumedId.ts'
import { encodeExecute } from '../src/route/encodeExecute.ts'
import { readExecute } from '../src/route/readExecute.ts'
import type { LiveContext, WatchedExecution } from '../src/trading/live/liveContext.ts'
import { createLiveEngine, type LiveEngine } from '../src/trading/live/liveEngine.ts'
import { simulateSignal } from '../src/trading/simulateSignal.ts'
import { encodeSimulation } from '../src/wire/encodeExecution.ts'
import { encodeLiveAnswer, encodeLiveEvent, encodeUpdateEvent } from '../src/wire/encodeLive.ts'
import { createEvaluation, type Evaluation } from './evaluation.ts'
import { createLaneCare } from './laneCare.ts'
import { minedCount, openLanes } from './openLanes.ts'
import type { Pipeline, PipelineOptions, PipelineTools } from './pipeline.ts'
import { openSending } from './sending.ts'
import { type ServedProfile, servedProfile } from './servedProfile.ts'
import { timed } from './timed.ts'

/** See `nextStep`. */
const POLICY = {
  patienceMs: 500,
  untakenAfterMs: 2_000,
  rebroadcastAfter: 2,
  rebroadcastAfterMs: 15_000,
  bumpAfter: 3,
  foreignAfter: 5,
}

/** First four bytes of keccak-256 of the executor's `SignalConsumed(bytes32)`. */
const SIGNAL_CONSUMED = '0x043e6e94'
/** Receipts remembered, far more than can be open at once. */
const COUNTED_MAX = 10_000

/** LIVE: the thread that alone holds the keys of its chain. Throws `StartError` when keys or journal cannot be had. */
export async function openLive({
  data: { mode, chain, live, rpcTimeoutMs },
  logger,
  refuse,
  path,
}: PipelineOptions & { path: string }): Promise<Pipeline> {
  const environment = readEnvironment()
  const { keys, warnings } = await loadKeys(environment)
  for (const warning of warnings) logger.warn(warning)
  let channel: ThreadChannel | null = null
  const journal = openSqliteLiveJournal({ path, publish: (events) => channel?.events(events) })
  const ends: (() => Promise<void> | void)[] = []
  /** What the newest probe found; the engine lives on over all of them. */
  let current: { facts: ChainFacts; heads: Heads } | null = null
  let evaluation: Evaluation | null = null
  let engine: LiveEngine | null = null
  let trader: Trader | null = null
  let fees: FeeOracle | null = null

  const now = () => Date.now()
  const found = () => {
    if (current === null) throw new Error('The chain was not probed yet.')
    return current
  }

  async function begin(tools: { facts: ChainFacts; heads: Heads } & PipelineTools): Promise<Result<Trader>> {
    const { rpc, facts, heads } = tools
    if (!facts.executor.deployed) {
      const sentence = `There is no executor contract at ${chain.executor} on ${chain.name}: deploy it with npx titan deploy --chain ${chain.chainId}.`
      return fail(failure('CHAIN_UNAVAILABLE', sentence, { chain_id: chain.chainId }))
    }
    channel = tools.channel
    const profile = servedProfile({ chain, facts })
    fees ??= createFeeOracle({ rpc, chain: profile })
    current = { facts, heads }
    const oracle = fees
    evaluation ??= createEvaluation({ rpc, found, fees: () => oracle })
    if (trader !== null) return succeed(trader)
    const lanes = await openLanes({
      chain,
      accounts: keys.map(({ address }) => address),
      laneInFlightMax: live.laneInFlightMax,
      rpc,
      readers: rpc.endpoints,
      facts,
      journal,
      logger,
    })
    if (!lanes.ok) return lanes
    const started = await startEngine({
      ...tools,
      authorised: lanes.value,
      profile,
      fees,
      evaluation,
    })
    trader = started
    return succeed(started)
  }

  async function startEngine({
    rpc,
    facts,
    channel,
    authorised,
    profile,
    fees,
    evaluation,
  }: {
    facts: ChainFacts
    authorised: LaneInit[]
    profile: ServedProfile
    fees: FeeOracle
    evaluation: Evaluation
  } & PipelineTools): Promise<Trader> {
    const byAddress = new Map(keys.map((key) => [key.address, key]))
    const lanes = createLanes({ lanes: authorised, slotsQueueMax: LIMITS.queueMax, now })
    const balances = createLaneBalances({ rpc })
    const spent = createSpendWindow()
    /** Receipts whose gas is in there: a step that is taken again must not add it again. */
    const counted = new Set<string>()
    for (const entry of journal.gasSpentSince(now() - 3_600_000)) spent.add(entry)
    /** The most that transactions in flight may still cost, by lane and nonce. */
    const atStake = new Map<string, bigint>()
    for (const { lane, nonce, fee, gasLimit } of journal.openAttempts())
      atStake.set(`${lane}/${nonce}`, maxCostWei({ quote: fee, gasLimit }))
    const head = () => found().heads.newest()?.number ?? facts.head
    const sending = openSending({
      chain,
      accounts: keys.map(({ address }) => address),
      authKey: settingText(environment.RELAY_AUTH_KEY),
      timeoutMs: rpcTimeoutMs,
      head,
      logger,
    })
    const stakeOf = (lane: Address) =>
      [...atStake].reduce((sum, [at, wei]) => (at.startsWith(lane) ? sum + wei : sum), 0n)
    const encodeCalldata: LiveContext['encodeCalldata'] = (signal) =>
      encodeExecute(signal, {
        deadlineSeconds: signal.validUntilMs === null ? null : Math.floor(signal.validUntilMs / 1_000),
        consumedId: consumedId(signal.signalId),
      })
    const simulate: LiveContext['simulate'] = ({ lane, ...request }) =>
      evaluation.engine(lane).simulate(request)
    const timedSimulate = timed(channel, 'simulate', simulate)

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

    const care = createLaneCare({ lanes, balances, foreign, rpc, readers: rpc.endpoints, now, logger })

    const context: LiveContext = {
      chainName: chain.name,
      executor: facts.executor.address,
      journal: { ...journal, record: timed(channel, 'journal', journal.record) },
      lanes,
      payloadHash,
      isSamePayload,
      encodeCalldata,
      simulate: timedSimulate,
      valuate: evaluation.valuate,
      market: fees.current,
      freshMarket: fees.fresh,
      gasLimit: ({ simulation, market }) =>
        gasLimit({
          gasUsed: simulation.gasUsed,
          l1FeeWei: simulation.l1FeeWei,
          l1FeeInGas: profile.l1FeeModel === 'arbitrum',
          baseFeeWei: market.baseFeeWei,
        }),
      async limitFee(request) {
        const { lane, market, simulation, gasLimit } = request
        const { gasUsed, l1FeeWei } = simulation
        const all = [...atStake.values()].reduce((sum, wei) => sum + wei, 0n)
        const capped = capFee({
          ...market,
          ...chain.feeLimits,
          gasLimit,
          gasUsed,
          l1FeeWei,
          profitWei: request.valuation.profitWei,
          spentLastHourWei: spent.total(now()) + all,
        })
        if (!capped.ok) return capped
        const balance = await balances.balance(lane)
        if (balance === null)
          return fail(failure('NODE_UNAVAILABLE', `No endpoint tells the balance of ${lane}.`))
        const needed = maxCostWei({ quote: capped.value, gasLimit }) + l1FeeWei + stakeOf(lane)
        if (balance >= needed) return capped
        const sentence = `The account ${lane} holds ${balance} wei and may need ${needed}.`
        return fail(
          failure('INSUFFICIENT_FUNDS', sentence, { lane, balance: `${balance}`, needed: `${needed}` }),
        )
      },
      async bumpFee({ market, tried, trade, ...gas }) {
        const spentLastHourWei = spent.total(now())
        const maxFeeWei = highestFeeWei({
          ...chain.feeLimits,
          ...gas,
          profitWei: trade?.valuation?.profitWei ?? null,
          spentLastHourWei,
        })
        return bumpFee({ ...market, tried, maxFeeWei })
      },
      sign({ lane, nonce, to, data, gasLimit, fee }) {
        const key = byAddress.get(lane) as Key
        atStake.set(`${lane}/${nonce}`, maxCostWei({ quote: fee, gasLimit }))
        return signTransaction({
          key,
          transaction: { ...fee, chainId: chain.chainId, nonce, gasLimit, to, value: 0n, data },
        })
      },
      broadcast: sending.send,
      relays: sending,
      decide: createDecider<WatchedExecution>({
        rpc,
        readers: rpc.endpoints,
        trail,
        finalBlock,
        policy: POLICY,
        head,
        now,
        async paysNow({ execution, lane }) {
          const { signal } = execution.record
          const simulated = await simulate({ signal, calldata: encodeCalldata(signal), lane })
          if (!simulated.ok) return null
          // Its id is consumed: it has been mined since its receipt was asked for.
          if (simulated.value.revertData?.startsWith(SIGNAL_CONSUMED)) return null
          if (!simulated.value.success) return false
          const valued = await evaluation.valuate({ signal, simulation: simulated.value })
          return valued.ok ? valued.value.pays : null
        },
      }),
      findForeign: foreign.final,
      minedCount: (lane) => minedCount(rpc, lane),
      async realise({ signal, inclusion, logs, success }): Promise<Realised> {
        const { wrappedNative } = facts
        const executor = facts.executor.address
        const outcome = realise({ logs, executor, loanToken: signal.loanToken, inclusion, success })
        const { gasCostWei } = outcome
        const receipt = `${inclusion.hash}/${inclusion.blockHash}`
        if (!counted.has(receipt)) spent.add({ wei: gasCostWei, atMs: now() })
        counted.add(receipt)
        if (counted.size > COUNTED_MAX) counted.delete(counted.values().next().value as string)
        const isMismatch = outcome.kind === 'mismatch'
        if (isMismatch) logger.error({ executionId: signal.signalId, hash: inclusion.hash }, outcome.sentence)
        // Neither of two figures that differ is believed; the gas is spent in any case.
        const profit = isMismatch ? 0n : outcome.profit
        const { leftovers } = outcome
        for (const { hop, token, amount } of leftovers) {
          const left = `Hop ${hop} left ${amount} base units of ${token} in the executor ${executor}.`
          logger.warn({ executionId: signal.signalId, hash: inclusion.hash }, left)
        }
        const told = {
          profit,
          gasCostWei,
          ...(isMismatch ? { warning: outcome.sentence } : outcome.note !== null && { note: outcome.note }),
          ...(leftovers.length > 0 && { leftovers }),
        }
        const [token, native] = await Promise.all([
          evaluation.prices.usdE8(signal.loanToken),
          evaluation.prices.usdE8(wrappedNative),
        ])
        if (native.kind !== 'known' || (token.kind !== 'known' && profit > 0n))
          return { ...told, netProfitUsdE8: null }
        const gain = token.kind === 'known' ? usdValue({ ...token, amount: profit }) : 0n
        const cost = usdValue({ decimals: 18, priceE8: native.priceE8, amount: -gasCostWei })
        return { ...told, netProfitUsdE8: gain + cost }
      },
      encode: {
        answer: ({ execution, hashes, settledInTime }) => ({
          ...encodeLiveAnswer({ execution, hashes, settledInTime, waitedFor: execution.signal.wait }),
          replayed: false,
        }),
        outcome: encodeLiveEvent,
        update: encodeUpdateEvent,
      },
      refuse,
      onSettled: (lane, nonce) => void atStake.delete(`${lane}/${nonce}`),
      ...care,
      onSent: () => found().heads.hurry(),
      head,
      now,
      laneWaitMs: live.laneWaitMs,
      includedWaitMs: live.includedWaitMs,
      log: logger,
    }
    const started = createLiveEngine(context)
    engine = started
    await started.recover()
    // A chain that makes blocks on demand announces none while bytes wait to be sent again.
    const looking = setInterval(() => started.watch.onHead(), POLICY.untakenAfterMs)
    ends.push(() => clearInterval(looking))
    ends.push(() => sending.close())

    return {
      async execute(signal) {
        return { answer: await started.execute(signal), event: null }
      },
      simulate(signal) {
        const lane = authorised[0]?.address as Address
        return simulateSignal(signal, {
          mode,
          encodeCalldata: (signal) => encodeExecute(signal),
          simulate: (request) => evaluation.engine(lane).simulate(request),
          valuate: evaluation.valuate,
          now,
          encode: encodeSimulation,
          refuse,
        })
      },
      onHead(block) {
        trail.see(block)
        fees.onHead()
        started.watch.onHead()
      },
      lanes: () => lanes.status(),
      notes: () => [finalBlock.note() ?? []].flat(),
      isBusy: () => lanes.status().some(({ inFlight }) => inFlight > 0),
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
