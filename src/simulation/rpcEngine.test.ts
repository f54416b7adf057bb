import { isDeepStrictEqual } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount, type DevnetAccount } from '../../test/support/devnetAccount.ts'
import {
  type DevnetTrade,
  devnetTrade,
  executorInterface,
  LOSING_TRADE,
  numberedTrade,
  PAYING_TRADES,
} from '../../test/support/devnetTrades.ts'
import { lagBehind } from '../../test/support/nodeStates.ts'
import { probedChain } from '../../test/support/probedChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { openThinPool, thinPoolTrade } from '../../test/support/thinPool.ts'
import { LIMITS } from '../config/limits.ts'
import type { Simulation } from '../domain/execution.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import { readNodeError } from '../nodes/nodeErrors.ts'
import { explainRevert } from '../nodes/revertReasons.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { consumedId } from '../route/consumedId.ts'
import { encodeExecute } from '../route/encodeExecute.ts'
import type { SimulationEngine } from './engine.ts'
import { createRpcEngine } from './rpcEngine.ts'

/** The product looks at the first node; on the second the same trades are made. */
let devnet: Devnet
let node: string
let chain: DevnetAccount
let executor: Address
let proxy: RpcProxy
const open: JsonRpc[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1, 1] })
  node = devnet.chains[0]?.rpc as string
  chain = await createDevnetAccount({ rpc: devnet.chains[1]?.rpc as string })
  executor = await chain.deployExecutor()
}, 120_000)
afterAll(() => devnet?.stop())
beforeEach(async () => {
  proxy = await startRpcProxy({ target: node })
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((rpc) => rpc.close()))
  await proxy.stop()
})

async function engineAt(
  endpoint: string,
  {
    deployed = null,
    timeoutMs = 30_000,
    change = (facts) => facts,
  }: { deployed?: Address | null; timeoutMs?: number; change?: (facts: ChainFacts) => ChainFacts } = {},
): Promise<SimulationEngine> {
  const { rpc, facts } = await probedChain({ chainId: 1, endpoint, executor: deployed, timeoutMs })
  open.push(rpc)
  const headTimestamp = () => facts.headTimestampMs / 1_000
  return createRpcEngine({ rpc, facts: change(facts), headTimestamp, explainRevert, readNodeError })
}

async function simulated(engine: SimulationEngine, trade: DevnetTrade): Promise<Simulation> {
  const outcome = await engine.simulate(trade)
  if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.sentence}`)
  return outcome.value
}
async function refusedWith(engine: SimulationEngine, trade: DevnetTrade = numberedTrade(7)) {
  const outcome = await engine.simulate(trade)
  return outcome.ok ? outcome.value : `${outcome.failure.code}: ${outcome.failure.sentence}`
}

/** Makes the trade on the second node and takes it back. */
async function made({ calldata }: DevnetTrade): Promise<{ profit: bigint; gasUsed: bigint }> {
  const snapshot = await chain.ask<Hex>('evm_snapshot')
  const receipt = await chain.send({ to: executor, data: calldata })
  await chain.ask('evm_revert', snapshot)
  const event = receipt.logs.flatMap((log) => {
    if (log.address !== executor) return []
    return executorInterface.parseLog({ topics: [...log.topics], data: log.data }) ?? []
  })[0]
  return { profit: event?.args.profit as bigint, gasUsed: BigInt(receipt.gasUsed) }
}

describe('against the chain itself', () => {
  test.each(PAYING_TRADES)('$name: the profit of a real execution, to the base unit', async (trade) => {
    const injected = await simulated(await engineAt(node), trade)
    const real = await made(trade)
    expect(real.profit).toBeGreaterThan(0n)
    expect(injected).toMatchObject({ success: true, profit: real.profit, error: null, l1FeeWei: 0n })
    // A refund can take a fifth off (EIP-3529); the simulation counts before it, and a little for the lens's
    // own call.

    expect(injected.gasUsed).toBeGreaterThanOrEqual(real.gasUsed)
    expect(injected.gasUsed).toBeLessThanOrEqual((real.gasUsed * 5n) / 4n + 1_000n)
    // The deployed executor on the other node, simulated as its owner.
    const deployed = await simulated(
      await engineAt(devnet.chains[1]?.rpc as string, { deployed: executor }),
      trade,
    )
    expect(deployed).toMatchObject({ success: true, profit: real.profit })
    expect(deployed.gasUsed).toBeGreaterThanOrEqual(real.gasUsed)
  })

  test('the figures are those of the fresh world', async () => {
    const engine = await engineAt(node)
    const profits = await Promise.all(
      PAYING_TRADES.map((trade) => simulated(engine, trade).then(({ profit }) => profit)),
    )
    expect(profits.map((profit) => String(profit).slice(0, 5))).toEqual(['71004', '19628', '65082', '10534'])
  })

  test('what a pool that runs out leaves in the executor is told, and nothing where all is taken', async () => {
    const rpc = devnet.chains[1]?.rpc as string
    const snapshot = await chain.ask<Hex>('evm_snapshot')
    await openThinPool({ rpc })
    const [injected, deployed] = [
      await simulated(await engineAt(rpc), thinPoolTrade),
      await simulated(await engineAt(rpc, { deployed: executor }), thinPoolTrade),
    ]
    await chain.send({ to: executor, data: thinPoolTrade.calldata })
    const token = thinPoolTrade.signal.hops[0]?.tokenOut as Address
    const call = { to: token, data: `0x70a08231${executor.slice(2).padStart(64, '0')}` }
    const amount = BigInt(await chain.ask<Hex>('eth_call', call, 'latest'))
    await chain.ask('evm_revert', snapshot)
    expect(amount).toBeGreaterThan(10n ** 16n)
    expect(injected).toMatchObject({ success: true, leftovers: [{ hop: 1, token, amount }] })
    expect(deployed.leftovers).toEqual(injected.leftovers)
    for (const trade of PAYING_TRADES)
      expect(await simulated(await engineAt(node), trade)).not.toHaveProperty('leftovers')
  })

  test('a loss is refused on both, with what was lacking', async () => {
    const losing = await simulated(await engineAt(node), LOSING_TRADE)
    expect(losing).toMatchObject({ success: false, profit: null, revertKind: 'unprofitable' })
    expect(losing.shortfall).toBeGreaterThan(0n)
    expect(losing.revertData).toMatch(/^0x[0-9a-f]{136}$/)
    expect((await chain.send({ to: executor, data: LOSING_TRADE.calldata })).status).toBe('0x0')
  })

  test('a profit below min_profit is refused with both numbers', async () => {
    const engine = await engineAt(node)
    const trade = PAYING_TRADES[0] as DevnetTrade
    const { profit } = await simulated(engine, trade)
    const signal = { ...trade.signal, minProfit: (profit ?? 0n) + 1n }
    const below = await simulated(engine, { ...trade, signal, calldata: encodeExecute(signal) })
    expect(below).toMatchObject({
      success: false,
      revertKind: 'unprofitable',
      facts: { profit: String(profit), min_profit: String(signal.minProfit) },
      hint: 'Lower min_profit, or wait for a better price.',
    })
  })

  test('gas measured after a block holds in the next one, where slots are fresh', async () => {
    const second = await createDevnetAccount({ rpc: devnet.chains[1]?.rpc as string })
    const trade = numberedTrade(11)
    const snapshot = await chain.ask<Hex>('evm_snapshot')
    await second.send({ to: executor, data: trade.calldata })
    const simulation = await simulated(
      await engineAt(devnet.chains[1]?.rpc as string, { deployed: executor }),
      trade,
    )
    await chain.ask('evm_increaseTime', 3)
    const { gasUsed, status } = await second.send({ to: executor, data: trade.calldata })
    await chain.ask('evm_revert', snapshot)
    expect(status).toBe('0x1')
    expect(simulation.gasUsed).toBeGreaterThanOrEqual(BigInt(gasUsed))
  })

  test('the time of the next block changes no profit', async () => {
    const atHead = await engineAt(node, {
      change: (facts) => ({ ...facts, features: { ...facts.features, blockOverrideTime: false } }),
    })
    const atNext = await engineAt(node)
    for (const trade of PAYING_TRADES) {
      const [early, late] = [await simulated(atHead, trade), await simulated(atNext, trade)]
      expect(late.profit).toBe(early.profit)
      expect(late.gasUsed).toBeGreaterThanOrEqual(early.gasUsed)
    }
  })

  test('the block named is the newest one of the node, with and without a time of our own', async () => {
    const account = await createDevnetAccount({ rpc: node })
    for (const change of [
      (facts: ChainFacts) => facts,
      (facts: ChainFacts) => ({ ...facts, features: { ...facts.features, blockOverrideTime: false } }),
    ]) {
      const engine = await engineAt(node, { change })
      await account.ask('anvil_mine', '0x5')
      const { block } = await simulated(engine, numberedTrade(3))
      expect(block).toBe(Number(await account.ask<Hex>('eth_blockNumber')))
      expect(block).toBeGreaterThanOrEqual(5)
    }
  })
})

describe('many candidates', () => {
  test('each gets its own answer, one eth_call each, in few payloads, and nothing else reaches the node', async () => {
    const engine = await engineAt(proxy.url)
    const [callsBefore, payloadsBefore] = [proxy.methods.get('eth_call') ?? 0, proxy.payloadSizes.length]
    const trades = Array.from({ length: 300 }, (_, index) => numberedTrade(index * 1_000))
    const profits = (await Promise.all(trades.map((trade) => simulated(engine, trade)))).map(
      ({ profit }) => profit,
    )
    expect((proxy.methods.get('eth_call') ?? 0) - callsBefore).toBe(300)
    expect(proxy.payloadSizes.slice(payloadsBefore).length).toBeLessThanOrEqual(15)
    expect(new Set(profits).size).toBe(300)
    // Below the best size more capital earns more.
    expect(profits).toEqual([...profits].sort((a, b) => Number((a ?? 0n) - (b ?? 0n))))
    expect([...proxy.methods.keys()].filter((method) => /send|sign/i.test(method))).toEqual([])
  })
})

describe('behind trades of ours in flight', () => {
  const trade = PAYING_TRADES[0] as DevnetTrade
  /** At 8,000 DAI the first trade takes all there is. */
  const whole: DevnetTrade = {
    ...trade,
    signal: { ...trade.signal, loanAmount: trade.signal.loanAmount * 2n },
  }
  const withId = (signalId: string, base = trade): DevnetTrade => {
    const signal = { ...base.signal, signalId }
    const options = { deadlineSeconds: null, consumedId: consumedId(signalId) }
    return { ...base, signal, calldata: encodeExecute(signal, options) }
  }
  const pending = ({ signal, calldata }: DevnetTrade) => ({ signalId: signal.signalId, calldata })
  const deployedEngine = () => engineAt(devnet.chains[1]?.rpc as string, { deployed: executor })

  async function simulatedBehind(engine: SimulationEngine, candidate: DevnetTrade, behind: DevnetTrade[]) {
    const outcome = await engine.simulate({ ...candidate, behind: behind.map(pending) })
    if (!outcome.ok) throw new Error(`${outcome.failure.code}: ${outcome.failure.sentence}`)
    return outcome.value
  }

  test('of five ids for one opportunity the first has it, and each other is told who', async () => {
    const engine = await deployedEngine()
    const five = ['a', 'b', 'c', 'd', 'e'].map((id) => withId(id, whole))
    const answers = []
    const inFlight: DevnetTrade[] = []
    for (const candidate of five) {
      const answer = await simulatedBehind(engine, candidate, inFlight)
      answers.push([answer.success, answer.takenBy])
      if (answer.success) inFlight.push(candidate)
    }
    expect(answers).toEqual([
      [true, null],
      [false, 'a'],
      [false, 'a'],
      [false, 'a'],
      [false, 'a'],
    ])
    const second = await simulatedBehind(engine, five[1] as DevnetTrade, [five[0] as DevnetTrade])
    expect(second).toMatchObject({ profit: null, revertKind: 'unprofitable' })
    expect(second.shortfall).toBeGreaterThan(0n)
  })

  test('what is left behind trades that share its pools is what the chain gives when all land in order', async () => {
    const engine = await deployedEngine()
    const [before, also] = [numberedTrade(1), numberedTrade(2)].map((each, index) =>
      withId(`n${index}`, each),
    )
    const candidate = withId('last', PAYING_TRADES[2])
    const [first, second] = [before as DevnetTrade, also as DevnetTrade]
    const alone = await simulated(engine, candidate)
    const behind = await simulatedBehind(engine, candidate, [first, second])
    expect(behind.success).toBe(true)
    expect(behind.takenBy).toBe('n0')
    expect(behind.profit).toBeLessThan(alone.profit as bigint)
    expect(behind.gasUsed).toBeGreaterThanOrEqual(alone.gasUsed)

    const snapshot = await chain.ask<Hex>('evm_snapshot')
    for (const { calldata } of [first, second])
      expect((await chain.send({ to: executor, data: calldata })).status).toBe('0x1')
    const landed = await made(candidate)
    const mined = await simulatedBehind(engine, candidate, [first, second])
    await chain.ask('evm_revert', snapshot)
    expect(behind.profit).toBe(landed.profit)
    expect(behind.gasUsed).toBeGreaterThanOrEqual(landed.gasUsed)
    // Both are in blocks now: run again they revert, and nothing is taken twice.
    expect(mined).toMatchObject({ success: true, profit: landed.profit, takenBy: null })
  })

  test('the one named is the first that takes it, not the first of all', async () => {
    const engine = await deployedEngine()
    const stables = withId(
      'elsewhere',
      devnetTrade({ flashSource: 1, token: 'usdc', amount: '10', legs: [] }),
    )
    const answer = await simulatedBehind(engine, withId('x', whole), [
      stables,
      withId('y', whole),
      withId('z'),
    ])
    expect(answer).toMatchObject({ success: false, takenBy: 'y' })
    const last = await simulatedBehind(engine, withId('x', whole), [stables, stables, withId('y', whole)])
    expect(last).toMatchObject({ success: false, takenBy: 'y' })
  })

  test('trades that revert, or touch nothing of it, change nothing', async () => {
    const engine = await deployedEngine()
    const alone = await simulated(engine, trade)
    const nothing = { ...trade, signal: { ...trade.signal, signalId: 'nothing' }, calldata: '0x' as const }
    const itself = { ...trade, calldata: withId(trade.signal.signalId, whole).calldata }
    const others = [
      withId('loses', LOSING_TRADE),
      nothing,
      withId('of other pools', numberedTrade(1)),
      itself,
    ]
    for (const behind of [...others.map((one) => [one]), others]) {
      const { gasUsed, ...answer } = await simulatedBehind(engine, trade, behind)
      expect({ ...answer, gasUsed: alone.gasUsed }).toEqual(alone)
      // Measured in cold frames, by code of another length.
      expect(gasUsed).toBeGreaterThanOrEqual(alone.gasUsed)
      expect(gasUsed).toBeLessThan(alone.gasUsed + 100n)
    }
  })

  test('behind none it is the very call that is made without the question', async () => {
    const engine = await engineAt(proxy.url)
    const sent: unknown[] = []
    proxy.interfere = ({ calls }) => {
      sent.push(...calls.map(({ method, params }) => [method, params.slice(0, 3)]))
      return null
    }
    const alone = await simulated(engine, trade)
    expect(await simulatedBehind(engine, trade, [])).toEqual(alone)
    expect(sent).toHaveLength(2)
    expect(isDeepStrictEqual(sent[0], sent[1])).toBe(true)
  })

  test('one that fails alone is told as it is, whoever is before it', async () => {
    const engine = await deployedEngine()
    const { gasUsed: _, ...alone } = await simulated(engine, LOSING_TRADE)
    expect(await simulatedBehind(engine, LOSING_TRADE, [withId('a')])).toMatchObject(alone)
  })

  test('as many as the limit are run in one call, and one more is refused', async () => {
    const engine = await engineAt(proxy.url)
    const callsBefore = proxy.methods.get('eth_call') ?? 0
    const many = Array.from({ length: LIMITS.pendingMax }, (_, index) =>
      withId(`m${index}`, numberedTrade(index)),
    )
    const answer = await simulatedBehind(engine, withId('m', numberedTrade(99)), many)
    expect(answer.block).toBeGreaterThanOrEqual(0)
    expect(answer.takenBy).toBe('m0')
    expect((proxy.methods.get('eth_call') ?? 0) - callsBefore).toBe(1)
    const refused = await engine.simulate({ ...trade, behind: [...many, withId('more')].map(pending) })
    expect(refused).toMatchObject({ ok: false, failure: { code: 'LANES_BUSY', facts: { in_flight: 33 } } })
  })

  test('a call with too little gas for all of them is no answer about the trade', async () => {
    const engine = await engineAt(proxy.url)
    const data = '0x06741e22'
    proxy.interfere = rewriteEach(({ id }) => ({
      id,
      error: { code: 3, message: 'execution reverted', data },
    }))
    const outcome = await engine.simulate({ ...trade, behind: [pending(withId('a'))] })
    expect(outcome).toMatchObject({ ok: false, failure: { code: 'LANES_BUSY' } })
  })
})

describe('what cannot be believed is not', () => {
  test('an executor whose word and balance differ', async () => {
    const engine = await engineAt(proxy.url)
    // The seventh word is the balance after.
    proxy.interfere = rewriteEach(({ id, result }) => {
      const text = String(result)
      return { id, result: `${text.slice(0, 450 - 6)}00ffee${text.slice(450)}` }
    })
    const simulation = await simulated(engine, numberedTrade(7))
    expect(simulation).toMatchObject({ success: false, profit: null, revertKind: 'failed' })
    expect(simulation.error).toMatch(/reports a profit of \d+ but its balance changed by \d+/)
  })

  test('a node that ignores the override', async () => {
    const engine = await engineAt(proxy.url)
    proxy.interfere = rewriteEach(({ id }) => ({ id, result: '0x' }))
    expect(await refusedWith(engine)).toMatch(/^NODE_UNAVAILABLE: .*did not apply the state override\.$/)
  })

  test('a contract that is not the executor', async () => {
    const account = await createDevnetAccount({ rpc: node })
    const silent: Address = '0x00000000000000000000000000000000000a11ce'
    await account.ask('anvil_setCode', silent, '0x00')
    const notExecutor = { address: silent, deployed: true, caller: account.address }
    const engine = await engineAt(node, { change: (facts) => ({ ...facts, executor: notExecutor }) })
    expect(await simulated(engine, numberedTrade(7))).toMatchObject({
      success: false,
      error: expect.stringContaining('returned no profit'),
    })
  })

  test('an address without code', async () => {
    const account = await createDevnetAccount({ rpc: node })
    const empty = {
      address: '0x00000000000000000000000000000000000e3b77',
      deployed: true,
      caller: account.address,
    } as const
    const engine = await engineAt(node, { change: (facts) => ({ ...facts, executor: empty }) })
    const simulation = await simulated(engine, numberedTrade(7))
    expect(simulation).toMatchObject({ success: false, profit: null })
    expect(simulation.error).toBeTruthy()
  })

  test('a lender the chain does not have is not asked for', async () => {
    const change = (facts: ChainFacts) => ({
      ...facts,
      name: 'Celo',
      chainId: 42220,
      lenders: { ...facts.lenders, 1: null },
    })
    const engine = await engineAt(proxy.url, { change })
    const callsBefore = proxy.methods.get('eth_call')
    expect(await refusedWith(engine)).toBe(
      'UNSUPPORTED_ON_CHAIN: Celo (42220) has no usable Balancer V3 vault, so flash_source 1 cannot be used there.',
    )
    expect(proxy.methods.get('eth_call')).toBe(callsBefore)
  })
})

describe('a node in trouble', () => {
  test.each([
    ['out of gas', { code: -32000, message: 'out of gas' }, /^SIMULATION_FAILED: .*out of gas/],
    [
      'a revert with data',
      {
        code: 3,
        message: 'execution reverted',
        data: '0x4e487b710000000000000000000000000000000000000000000000000000000000000012',
      },
      /^SIMULATION_FAILED: .*division by zero/,
    ],
    [
      'a revert that quotes other wording',
      { code: -32000, message: 'execution reverted: rate limit' },
      /^SIMULATION_FAILED/,
    ],
    [
      'a missing state',
      { code: -32000, message: 'missing trie node 5c1f' },
      /^NODE_UNAVAILABLE: .*missing trie node 5c1f/,
    ],
    ['a full quota', { code: -32005, message: 'daily request count exceeded' }, /^NODE_UNAVAILABLE/],
  ])('%s', async (_, error, expected) => {
    const engine = await engineAt(proxy.url)
    proxy.interfere = rewriteEach(({ id }) => ({ id, error }))
    expect(await refusedWith(engine)).toMatch(expected)
  })

  test('silence is a timeout, a dead node unavailable', async () => {
    const engine = await engineAt(proxy.url, { timeoutMs: 2_000 })
    proxy.interfere = () => ({ kind: 'hang' })
    expect(await refusedWith(engine)).toMatch(/^NODE_TIMEOUT: The RPC endpoint 127/)
    proxy.interfere = () => ({ kind: 'drop' })
    expect(await refusedWith(engine)).toMatch(/^NODE_UNAVAILABLE: The RPC endpoint 127/)
  })
})

describe('a node that answers on an older block than is known, or without the override', () => {
  let height = 0
  async function engineOf(endpoints: string[]): Promise<SimulationEngine> {
    const { rpc: prober, facts } = await probedChain({ chainId: 1, endpoint: node, timeoutMs: 30_000 })
    const rpc = createJsonRpc({ endpoints, timeoutMs: 30_000, limits: LIMITS, chainId: 1 })
    open.push(prober, rpc)
    const headTimestamp = () => facts.headTimestampMs / 1_000
    const oldestBlock = () => height - 3
    return createRpcEngine({ rpc, facts, headTimestamp, oldestBlock, explainRevert, readNodeError })
  }

  test('alone is STALE_NODE, and beside another the other is asked', async () => {
    const alone = await engineOf([proxy.url])
    const beside = await engineOf([proxy.url, node])
    const account = await createDevnetAccount({ rpc: node })
    await account.ask('anvil_mine', '0x8')
    height = Number(await account.ask('eth_blockNumber'))
    proxy.interfere = lagBehind(node, 6)
    expect(await refusedWith(alone)).toMatch(
      /^STALE_NODE: The RPC endpoint .* simulated on block \d+; \d+ is the oldest/,
    )
    expect(await beside.simulate(numberedTrade(7))).toMatchObject({ ok: true })
    // Young enough, and without a block that holds a trade of ours on the same pools.
    proxy.interfere = lagBehind(node, 2)
    const seen = { ...numberedTrade(7), since: height }
    expect(await beside.simulate(seen)).toMatchObject({ ok: true, value: { block: height } })
    expect(await alone.simulate(seen)).toMatchObject({ ok: false, failure: { code: 'STALE_NODE' } })
    proxy.interfere = rewriteEach(({ id }, { method }) =>
      method === 'eth_call' ? { id, result: '0x' } : null,
    )
    expect(await beside.simulate(numberedTrade(7))).toMatchObject({ ok: true })
    expect(await refusedWith(alone)).toMatch(/^NODE_UNAVAILABLE: .*did not apply the state override\.$/)
  })
})
