import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import type { Simulation } from '../../src/domain/execution.ts'
import { createFeeOracle } from '../../src/fees/feeOracle.ts'
import type { ChainFacts } from '../../src/nodes/chainFacts.ts'
import type { Heads } from '../../src/nodes/heads.ts'
import { createEvaluation } from '../../workers/evaluation.ts'
import { numberedTrade, PAYING_TRADES } from '../support/devnetTrades.ts'
import { chainConfig, probedChain } from '../support/probedChain.ts'
import { type RpcProxy, startRpcProxy } from '../support/rpcProxy.ts'

let devnet: Devnet
let proxy: RpcProxy

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  proxy = await startRpcProxy({ target: devnet.chains[0]?.rpc as string })
}, 120_000)
afterAll(async () => {
  await proxy?.stop()
  await devnet?.stop()
})

/** No head is known: the engine takes the clock. */
const heads: Pick<Heads, 'newest' | 'staleness' | 'oldestUsable'> = {
  newest: () => null,
  staleness: () => null,
  oldestUsable: () => 0,
}

it('keeps what was read over a later probe, and goes by what that found', async () => {
  const { rpc, facts } = await probedChain({ chainId: 1, endpoint: proxy.url })
  let found: { facts: ChainFacts; heads: typeof heads } = { facts, heads }
  const fees = createFeeOracle({ rpc, chain: chainConfig({ chainId: 1, endpoint: proxy.url }) })
  const evaluation = createEvaluation({
    rpc,
    found: () => found,
    log: console,
    nativeSymbol: 'ETH',
    fees: () => fees,
  })
  const { signal, calldata } = numberedTrade(1)

  const simulated = await evaluation.engine().simulate({ signal, calldata })
  const simulation = simulated.ok ? simulated.value : null
  const value = async () => {
    const valued = await evaluation.valuate({ signal, simulation: simulation as Simulation })
    return valued.ok ? valued.value : null
  }
  const first = await value()
  expect(first?.pays).toBe(true)
  // A dollar token at 3,000 dollars a coin.
  expect(first?.profitWei).toBe(((simulation?.profit ?? 0n) * 10n ** 12n) / 3_000n)
  expect(first?.rate && (10n ** 18n * first.rate.units) / first.rate.wei).toBe(3_000_000_000n)

  const before = proxy.methods.get('eth_call') ?? 0
  found = { facts: { ...facts, head: facts.head + 1, lenders: { 1: null, 2: null } }, heads }
  expect((await value())?.netProfitUsdE8).toBe(first?.netProfitUsdE8)
  expect(proxy.methods.get('eth_call') ?? 0).toBe(before)
  expect(await evaluation.engine().simulate({ signal, calldata })).toMatchObject({
    ok: false,
    failure: { code: 'UNSUPPORTED_ON_CHAIN' },
  })
  await rpc.close()
})

it('values a loan of the native coin exactly, in wei', async () => {
  const { rpc, facts } = await probedChain({ chainId: 1, endpoint: proxy.url })
  const fees = createFeeOracle({ rpc, chain: chainConfig({ chainId: 1, endpoint: proxy.url }) })
  const evaluation = createEvaluation({
    rpc,
    found: () => ({ facts, heads }),
    log: console,
    nativeSymbol: 'ETH',
    fees: () => fees,
  })
  const trade = PAYING_TRADES.find(({ signal }) => signal.loanToken === facts.wrappedNative)
  if (trade === undefined) throw new Error('No trade of the world borrows the native coin.')
  const simulated = await evaluation.engine().simulate(trade)
  if (!simulated.ok) throw new Error(simulated.failure.sentence)
  const valued = await evaluation.valuate({ signal: trade.signal, simulation: simulated.value })
  expect(valued).toMatchObject({ ok: true, value: { profitWei: simulated.value.profit, pays: true } })
  await rpc.close()
})
