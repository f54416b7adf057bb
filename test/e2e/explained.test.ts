import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import type { Address } from '../../src/domain/signal.ts'
import { createDevnetAccount } from '../support/devnetAccount.ts'
import { deployForeign } from '../support/foreign/foreignContract.ts'
import { eventually } from '../support/liveTitan.ts'
import { type LiveWorld, liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'
import { openThinPool } from '../support/thinPool.ts'

const { weth, usdc } = addressBook.tokens

let world: LiveWorld
let swapRouter02: Address
let titan: Titan

beforeAll(async () => {
  world = await startLiveWorld({ chainIds: [1], laneCount: 1 })
  const { rpc } = world.chains[0] as TradingChain
  swapRouter02 = await deployForeign(await createDevnetAccount({ rpc }), 'swapRouter02')
  await openThinPool({ rpc })
}, 120_000)
afterAll(() => world?.stop())
afterEach(() => titan?.stop())

let index = 0
const signal = (over: object = {}) => liveSignal({ chainId: 1, index: index++, ...over })

describe.each(['PAPER', 'LIVE'] as const)('in %s', (mode) => {
  it('a refusal names what the router is, and what a pool leaves of its input is told everywhere', async () => {
    titan = await startTitan({ env: { ...world.env(), EXECUTION_MODE: mode } })
    await eventually(async () => ((await titan.get('/readyz')).status === 200 ? true : null))

    const refused = {
      success: false,
      code: 'SIMULATION_FAILED',
      error: expect.stringContaining(
        'reverted without a reason: by its code this contract is a SwapRouter02, whose parameters carry no deadline; no protocol of this server calls that.',
      ),
      hint: expect.stringContaining('Give in routers[1] a Uniswap V2 router (protocol 0)'),
      facts: { hop: 1, router_kind: ['a SwapRouter02, whose parameters carry no deadline'] },
    }
    const wrong = signal({ routers: [addressBook.uniswapV2.router, swapRouter02] })
    for (const path of ['/simulate', '/execute'])
      expect((await titan.post(path, wrong)).json).toMatchObject(refused)

    // Sells WETH for 1,000 USDC to a pool of the fee 1 % that takes a part of it.
    const trade = signal({ signal_id: `thin-${mode}`, amount: '1000000000', extras: ['0x', '0x002710'] })
    const { json } = await titan.post('/execute', trade)
    const leftovers = [{ hop: 1, token: weth.address, amount: expect.stringMatching(/^\d{16,}$/) }]
    expect(json).toMatchObject({ success: true, leftovers, simulation: { leftovers } })
    expect((await titan.get(`/trades/thin-${mode}`)).json).toMatchObject({ leftovers })
    const { amount } = json.leftovers[0]
    const csv = await (await fetch(`${titan.url}/trades?format=csv`)).text()
    expect(csv).toContain(`${amount} of ${weth.address}`)
    await eventually(async () =>
      titan.output().includes(`(${amount} base units of ${weth.address})`) ? true : null,
    )
    expect(titan.output()).toMatch(/Hop 1 (?:would leave|left) 0\.\d+ WETH \(/)
    expect(titan.output()).toContain(`thin-${mode}`)
    expect(json.profit_token ?? json.simulation.profit_token).toBe(usdc.address)
  }, 90_000)
})
