import behindArtifact from '../../contracts/artifacts/BehindLens.json' with { type: 'json' }
import executorArtifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import lensArtifact from '../../contracts/artifacts/SimulationLens.json' with { type: 'json' }
import type { L1FeeModel } from '../config/chainConfig.ts'
import { LIMITS } from '../config/limits.ts'
import type { Leftover, PendingTrade, Simulation } from '../domain/execution.ts'
import type { Address, FlashSource, Hex, Signal } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import type { NodeError } from '../nodes/nodeErrors.ts'
import type { JsonRpc, RpcError } from '../nodes/rpc.ts'
import type { ExplainRevert, SimulationEngine } from './engine.ts'
import {
  type BehindAnswer,
  createLensEncoder,
  decodeBehindAnswer,
  decodeLensAnswer,
  type LensAnswer,
  type LensQuestion,
} from './lensCall.ts'
import { transactionGas } from './transactionGas.ts'

/** The argument `l1FeeModel` of `contracts/SimulationLens.sol`. */
const L1_FEE_MODELS: Readonly<Record<L1FeeModel, number>> = {
  none: 0,
  'op-stack': 1,
  scroll: 2,
  mantle: 3,
  arbitrum: 4,
}
/**
 * The selector of `BehindUnanswered()` of `contracts/BehindLens.sol`: the gas of the call was too little for
 * all of them.
 */
const BEHIND_UNANSWERED = '0x06741e22'
const LENDER_NAMES: Readonly<Record<FlashSource, string>> = { 1: 'Balancer V3 vault', 2: 'Aave V3 pool' }

const startedAtMs = Date.now() - performance.now()
const steadyNow = (): number => startedAtMs + performance.now()

/**
 * Simulates over JSON-RPC: one `eth_call` per candidate on the newest state, in which the lens stands at the
 * caller's account and, when none is deployed, the executor's code at its own. The block is read inside the
 * same call, so every figure belongs to the state that is named.
 *
 * The call is made at the time of the next block: the first trade after a second passes writes fresh
 * accumulator slots in V2 pairs and V3 oracles, and gas measured at the time of the last block can be too low
 * by a fifth.
 *
 * @param options.headTimestamp time of the newest block known, Unix seconds
 * @param options.oldestBlock the lowest block that may be simulated on, null for any: behind one address may
 * be nodes of several heights
 * @param options.now the clock, Unix ms; one that never jumps, so that no deadline passes by a jump
 */
export function createRpcEngine({
  rpc,
  facts,
  headTimestamp,
  oldestBlock = () => null,
  explainRevert,
  readNodeError,
  now = steadyNow,
}: {
  rpc: Pick<JsonRpc, 'call'>
  facts: ChainFacts
  headTimestamp: () => number
  oldestBlock?: () => number | null
  explainRevert: ExplainRevert
  readNodeError: (error: RpcError) => NodeError
  now?: () => number
}): SimulationEngine {
  const { executor, lenders } = facts
  const encode = createLensEncoder({ target: executor.address, l1FeeModel: L1_FEE_MODELS[facts.l1FeeModel] })
  const callOf = (lens: string, gas: number) => {
    const overrides = JSON.stringify({
      [executor.caller]: { code: lens },
      ...(executor.deployed ? {} : { [executor.address]: injectedExecutor(facts) }),
    })
    return {
      before: `[{"from":"${executor.caller}","to":"${executor.caller}","gas":"0x${gas.toString(16)}","data":"`,
      after: `"},"latest",${overrides}`,
    }
  }
  const alone = callOf(lensArtifact.deployedBytecode, LIMITS.simulationGas)
  /** Made when it is first needed. */
  let behindOthers: ReturnType<typeof callOf> | null = null

  function paramsFor(question: LensQuestion & { readonly pending: readonly Hex[] }): string {
    const time = Math.max(headTimestamp() + 1, Math.floor(now() / 1_000))
    const tail = facts.features.blockOverrideTime ? `,{"time":"0x${time.toString(16)}"}]` : ']'
    if (question.pending.length > 0)
      behindOthers ??= callOf(behindArtifact.deployedBytecode, LIMITS.simulationBehindGas)
    const { before, after } = question.pending.length > 0 && behindOthers !== null ? behindOthers : alone
    return before + encode(question) + after + tail
  }

  return {
    async simulate({ signal, calldata, behind: inFlight = [], since = 0 }): Promise<Result<Simulation>> {
      // An attempt of its own, as of a trade that is checked again, would only consume its id.
      const behind = inFlight.filter(({ signalId }) => signalId !== signal.signalId)
      if (lenders[signal.flashSource] === null)
        return fail(lenderMissing({ facts, flashSource: signal.flashSource }))
      if (behind.length > LIMITS.pendingMax) return fail(tooManyPending(behind.length))
      const params = paramsFor({
        calldata,
        token: signal.loanToken,
        passing: passingTokens(signal),
        pending: behind.map((trade) => trade.calldata),
      })
      const lensAnswer = (result: unknown) =>
        behind.length === 0 ? decodeLensAnswer(result) : (decodeBehindAnswer(result)?.alone ?? null)
      const outcome = await rpc.call('eth_call', params, 'heavy', (result, host) =>
        unusable({ answer: lensAnswer(result), host, oldestBlock: Math.max(oldestBlock() ?? 0, since) }),
      )
      if (!outcome.ok) {
        return outcome.kind === 'transport'
          ? fail(outcome.failure)
          : fail(readRefusal({ error: outcome.error, signal, behind, explainRevert, readNodeError }))
      }
      const read = (answer: LensAnswer) => readAnswer({ answer, signal, calldata, explainRevert })
      const simulation =
        behind.length === 0
          ? mapAnswer(decodeLensAnswer(outcome.result), read)
          : mapAnswer(decodeBehindAnswer(outcome.result), (answer) => worseOf({ answer, read, behind }))
      return simulation === null ? fail(overrideIgnored('of the chain')) : succeed(simulation)
    },
  }
}

/** Why an endpoint's answer is of no use, though another's may be; null when it can be used. */
function unusable({
  answer,
  host,
  oldestBlock,
}: {
  answer: LensAnswer | null
  host: string
  oldestBlock: number | null
}) {
  if (answer === null) return overrideIgnored(host)
  if (oldestBlock === null || answer.block >= oldestBlock) return null
  return failure(
    'STALE_NODE',
    `The RPC endpoint ${host} simulated on block ${answer.block}; ${oldestBlock} is the oldest that may be used now.`,
    { endpoint: host, block: answer.block },
  )
}

const overrideIgnored = (host: string) =>
  failure(
    'NODE_UNAVAILABLE',
    `The RPC endpoint ${host} answered the simulation with no result: it did not apply the state override.`,
  )

const mapAnswer = <A>(answer: A | null, read: (answer: A) => Simulation): Simulation | null =>
  answer === null ? null : read(answer)

function tooManyPending(count: number) {
  return failure(
    'LANES_BUSY',
    `${count} trades in flight stand before this one, more than it can be simulated behind in one call.`,
    { in_flight: count, in_flight_max: LIMITS.pendingMax },
  )
}

/** What the route goes through between two hops; the loan token's rest is in the profit. */
const passingTokens = ({ hops, loanToken }: Signal): readonly Address[] => [
  ...new Set(hops.map(({ tokenOut }) => tokenOut).filter((token) => token !== loanToken)),
]

function leftoversIn({ left }: LensAnswer, signal: Signal): readonly Leftover[] {
  return passingTokens(signal).flatMap((token, index) => {
    const amount = left[index] ?? 0n
    return amount === 0n
      ? []
      : [{ hop: signal.hops.findIndex(({ tokenIn }) => tokenIn === token), token, amount }]
  })
}

/** What is left for a candidate when the trades before it land first, or do not. */
function worseOf({
  answer: { alone, behind, takenBy },
  read,
  behind: pending,
}: {
  answer: BehindAnswer
  read: (answer: LensAnswer) => Simulation
  behind: readonly PendingTrade[]
}): Simulation {
  const first = read(alone)
  if (behind === null || takenBy === 0) {
    const gasUsed = behind === null ? first.gasUsed : highest(first.gasUsed, read(behind).gasUsed)
    return { ...first, gasUsed }
  }
  const second = read(behind)
  return {
    ...second,
    // What the trades before it touched is warm behind them, and cold in a transaction of its own.
    gasUsed: highest(first.gasUsed, second.gasUsed),
    // None is read for a failure.
    l1FeeWei: highest(first.l1FeeWei, second.l1FeeWei),
    takenBy: pending[takenBy - 1]?.signalId ?? null,
  }
}

const highest = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/**
 * Storage of an executor that belongs to the caller and knows the chain's lenders; see
 * `contracts/OmniArbExecutor.sol`.
 */
function injectedExecutor({ executor, lenders }: ChainFacts): object {
  const word = (value: number | Address) =>
    `0x${(typeof value === 'number' ? value.toString(16) : value.slice(2)).padStart(64, '0')}`
  const slots: readonly (Address | null)[] = [executor.caller, lenders[1], lenders[2]]
  const state = Object.fromEntries(slots.map((address, slot) => [word(slot), word(address ?? 0)]))
  return { code: executorArtifact.deployedBytecode, state }
}

function lenderMissing({ facts, flashSource }: { facts: ChainFacts; flashSource: FlashSource }) {
  const usable = ([1, 2] as const).filter((source) => facts.lenders[source] !== null)
  return failure(
    'UNSUPPORTED_ON_CHAIN',
    `${facts.name} (${facts.chainId}) has no usable ${LENDER_NAMES[flashSource]}, so flash_source ${flashSource} cannot be used there.`,
    { chain_id: facts.chainId, flash_source: flashSource },
    `${usable.length > 0 ? `Use flash_source ${usable.join(' or ')}. ` : ''}The notes of the chain in GET /health?verbose say why.`,
  )
}

function readRefusal({
  error,
  signal,
  behind,
  explainRevert,
  readNodeError,
}: {
  error: RpcError
  signal: Signal
  behind: readonly PendingTrade[]
  explainRevert: ExplainRevert
  readNodeError: (error: RpcError) => NodeError
}) {
  const meaning = readNodeError(error)
  if (meaning.kind === 'execution') {
    if (meaning.data === BEHIND_UNANSWERED) return tooManyPending(behind.length)
    const sentence = meaning.data
      ? explainRevert({ data: meaning.data, signal }).sentence
      : `The node stopped it: ${meaning.reason}.`
    return failure('SIMULATION_FAILED', sentence)
  }
  return failure('NODE_UNAVAILABLE', `The node refused the simulation: ${error.message} (${error.code}).`)
}

function readAnswer({
  answer,
  signal,
  calldata,
  explainRevert,
}: {
  answer: LensAnswer
  signal: Signal
  calldata: Hex
  explainRevert: ExplainRevert
}): Simulation {
  const measured = {
    gasUsed: transactionGas({ calldata, executionGas: answer.gasUsed }),
    block: answer.block,
    l1FeeWei: answer.l1FeeWei,
    fundsWei: answer.fundsWei,
    takenBy: null,
  }
  if (!answer.ok) {
    const { sentence, hop, shortfall, hint, kind, facts } = explainRevert({ data: answer.data, signal })
    const reverted = {
      success: false,
      profit: null,
      shortfall,
      revertKind: kind,
      error: sentence,
      failedHop: hop,
      hint,
      ...(facts !== undefined && { facts }),
    }
    return { ...measured, ...reverted, revertData: answer.data }
  }
  const nothing = { shortfall: null, failedHop: null, hint: null, revertData: null }
  const problem = unbelievable(answer)
  if (problem)
    return { ...measured, ...nothing, success: false, profit: null, revertKind: 'failed', error: problem }
  const leftovers = leftoversIn(answer, signal)
  return {
    ...measured,
    ...nothing,
    ...(leftovers.length > 0 && { leftovers }),
    success: true,
    profit: BigInt(answer.data),
    revertKind: null,
    error: null,
  }
}

/** Why a call that did not revert cannot be taken for a trade all the same; null when it can. */
function unbelievable({ data, balanceBefore, balanceAfter }: LensAnswer): string | null {
  if (data.length !== 2 + 64)
    return 'The executor returned no profit: the code at its address is not the executor.'
  const gained = balanceAfter - balanceBefore
  if (BigInt(data) === gained) return null
  return `The executor reports a profit of ${BigInt(data)} but its balance changed by ${gained}; neither is believed.`
}
