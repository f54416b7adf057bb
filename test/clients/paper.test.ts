import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PAYING_TRADES } from '../support/devnetTrades.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { type Server, startServer } from './gethWorld.ts'
import { type Geth, startGeth } from './startGeth.ts'

/** The trades of the fresh world, known to the unit; on every client alike. */
const PROFITS = ['71004916508463955885', '19628885561663883731', '6508295', '10534283137362877']

let geth: Geth
let server: Server

beforeAll(async () => {
  geth = await startGeth()
  server = await startServer({ EXECUTION_MODE: 'PAPER', RPC_ETHEREUM: geth.rpc })
})
afterAll(async () => {
  await server?.stop()
  await geth?.stop()
})

describe('PAPER on go-ethereum', () => {
  it("gives README's example its 26.982458 USDC, with nothing deployed", async () => {
    const { status, json } = await server.titan.post('/execute', sampleRequest)
    expect([status, json.success, json.status]).toEqual([200, true, 'filled'])
    expect(json.simulation).toMatchObject({ success: true, profit: '26982458', block: 1 })
    expect(json.simulation.gasUsed).toBeGreaterThan(350_000)
  })

  it.each(PAYING_TRADES.map(({ name, signal }, index) => ({ name, signal, profit: PROFITS[index] })))(
    'values "$name" to the unit',
    async ({ name, signal, profit }) => {
      const { json } = await server.titan.post('/execute', {
        signal_id: `paper-${PROFITS.indexOf(profit as string)}`,
        chainId: 1,
        token: signal.loanToken,
        amount: String(signal.loanAmount),
        flashSource: signal.flashSource,
        protocols: signal.hops.map(({ protocol }) => protocol),
        routers: signal.hops.map(({ router }) => router),
        path: signal.hops.map(({ tokenOut }) => tokenOut),
        extras: signal.hops.map(({ extra }) => extra),
        expected_profit: 1,
      })
      expect([name, json.error ?? null, json.simulation.profit]).toEqual([name, null, profit])
    },
  )

  it('tells the reason of a trade that cannot be', async () => {
    const { json } = await server.titan.post('/execute', { ...sampleRequest, amount: '900000000000000' })
    expect(json).toMatchObject({ success: false, code: 'SIMULATION_FAILED', retryable: false })
  })
})
