import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../support/liveTitan.ts'
import { type LiveWorld, liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../support/rpcProxy.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'

/** `getAssetPrice(address)` of Aave's oracle. */
const GET_ASSET_PRICE = '0xb3596f07'

let world: LiveWorld
let proxy: RpcProxy
let titan: Titan

beforeAll(async () => {
  world = await startLiveWorld({ chainIds: [1], laneCount: 1 })
  proxy = await startRpcProxy({ target: (world.chains[0] as TradingChain).rpc })
}, 120_000)
afterAll(async () => {
  await proxy?.stop()
  await world?.stop()
})
afterEach(async () => {
  proxy.interfere = null
  await titan?.stop()
})

/** Every read of a price of this token (or of any) is answered so; simulations and everything else pass. */
function answerPrices(error: { code: number; message: string; data?: string }, token = ''): void {
  const data =
    GET_ASSET_PRICE +
    token
      .slice(2)
      .toLowerCase()
      .padStart(token ? 64 : 0, '0')
  proxy.interfere = rewriteEach(({ id }, { params }) => {
    const [call] = params as [{ data?: string } | undefined]
    return call?.data?.startsWith(data) ? { id, error } : null
  })
}
const mined = () => (world.chains[0] as TradingChain).count(world.lanes[0] as string)
const start = async (mode: 'PAPER' | 'LIVE') => {
  titan = await startTitan({ env: { ...world.env(new Map([[1, proxy.url]])), EXECUTION_MODE: mode } })
  await eventually(async () => ((await titan.get('/readyz')).status === 200 ? true : null))
}
let index = 0
const signal = (over: object = {}) => liveSignal({ chainId: 1, index: index++, ...over })

describe.each(['PAPER', 'LIVE'] as const)('in %s', (mode) => {
  it('a price that cannot be read fails the request; nothing is traded, and the same signal is once it can', async () => {
    answerPrices({ code: -32000, message: 'header not found' })
    await start(mode)
    const before = await mined()
    const trade = signal()
    for (const path of ['/simulate', '/execute'])
      expect(await titan.post(path, trade)).toMatchObject({
        status: 502,
        json: { success: false, code: 'NODE_UNAVAILABLE', retryable: true },
      })
    expect([await mined(), (await titan.get('/stats')).json.recorded]).toEqual([before, 0])
    proxy.interfere = null
    const after = await titan.post('/execute', trade)
    expect(after.json).toMatchObject({ success: true, net_profit_usd: expect.any(Number) })
  }, 60_000)

  it('a token without a price is counted apart, and traded in LIVE only with a min_profit', async () => {
    answerPrices({ code: 3, message: 'execution reverted', data: '0x' }, String(signal().token))
    await start(mode)
    const { json } = await titan.post('/execute', signal())
    const unpriced = `The price oracle of this chain has no price of ${String(signal().token).toLowerCase()}.`
    const told = { net_profit_usd: null, unpriced }
    if (mode === 'PAPER') expect(json).toMatchObject({ success: true, ...told, simulation: told })
    else
      expect(json).toMatchObject({
        success: false,
        code: 'UNPRICED',
        retryable: false,
        sent: 'no',
        // In whole tokens and whole coins too.
        error: expect.stringMatching(
          /^The profit of [\d.]+ USDC \(\d+ base units of 0xA0b8\w+\) cannot be compared with its gas, up to [\d.]+ ETH \(\d+ wei\) before refunds\. The price oracle/,
        ),
      })
    const own = await titan.post('/execute', signal({ min_profit: '1' }))
    expect(own.json).toMatchObject({ success: true, ...told })
    const filled = mode === 'PAPER' ? 2 : 1
    expect((await titan.get('/stats')).json).toMatchObject({
      [mode === 'PAPER' ? 'paper_executed' : 'executed']: filled,
      unpriced: filled,
      total_profit: 0,
    })
  }, 60_000)
})
