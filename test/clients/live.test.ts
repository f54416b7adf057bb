import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import type { Json } from '../support/startTitan.ts'
import { type GethWorld, type Server, signal, startGethWorld, startServer } from './gethWorld.ts'

const TRADES = 24
const usdc = addressBook.tokens.usdc.address

let world: GethWorld
let server: Server

beforeAll(async () => {
  world = await startGethWorld({ lanes: 2, blockSeconds: 1 })
  server = await startServer(world.env)
})
afterAll(async () => {
  await server?.stop()
  await world?.stop()
})

const laneWei = async () => {
  const balances = await Promise.all(world.lanes.map(world.chain.balance))
  return balances.reduce((sum, wei) => sum + wei, 0n)
}

describe('LIVE on go-ethereum, a block each second', () => {
  const signals: Json[] = Array.from({ length: TRADES }, (_, index) =>
    signal({ amount: String(60_000_000 + index * 7), wait: index % 3 === 2 ? 'none' : 'included' }),
  )
  let trades: Json[]
  let before: { tokens: bigint; wei: bigint }

  beforeAll(async () => {
    before = { tokens: await world.chain.tokenBalance(usdc, world.executor), wei: await laneWei() }
    const answers = await Promise.all(signals.map((each) => server.titan.post('/execute', each)))
    expect(answers.map(({ json }) => [json.error ?? null, json.success])).toEqual(
      signals.map(() => [null, true]),
    )
    trades = await Promise.all(
      signals.map(({ signal_id }) => server.until(signal_id, ({ status }) => status === 'included')),
    )
  })

  it('lands every trade once, on both lanes, at contiguous nonces', async () => {
    for (const lane of world.lanes) {
      const nonces = trades.filter((trade) => trade.lane.toLowerCase() === lane).map(({ nonce }) => nonce)
      nonces.sort((a, b) => a - b)
      expect(nonces.length).toBeGreaterThan(3)
      expect(nonces).toEqual(nonces.map((_, index) => nonces[0] + index))
      expect(await world.chain.count(lane)).toBe(nonces[0] + nonces.length)
    }
    expect(new Set(trades.map(({ txHash }) => txHash)).size).toBe(TRADES)
    for (const { txHash, block } of trades) {
      const receipt = await world.chain.receipt(txHash)
      expect([receipt?.status, Number(receipt?.blockNumber)]).toEqual(['0x1', block])
    }
  })

  it('sums to the balances, to the unit and to the wei', async () => {
    const sum = (field: string) => trades.reduce((total, trade) => total + BigInt(trade[field]), 0n)
    const tokens = await world.chain.tokenBalance(usdc, world.executor)
    expect(tokens - before.tokens).toBe(sum('profit'))
    expect(before.wei - (await laneWei())).toBe(sum('gas_cost_wei'))
    const { json } = await server.titan.get('/stats')
    // The oracle's prices: 1 USD and 3,000 USD.
    const exact = Number(sum('profit')) / 1e6 - (Number(sum('gas_cost_wei')) / 1e18) * 3_000
    expect(Math.abs(json.total_profit - exact)).toBeLessThan(TRADES * 2e-8)
    expect(json).toMatchObject({ executed: TRADES, failed: 0 })
  })

  it('is final when the finalized block has passed it, and not before', async () => {
    // In developer mode the block of each 32nd number becomes final.
    const finalBlock = async () => {
      const block = await world.chain.ask<{ number: string }>('eth_getBlockByNumber', 'finalized', false)
      return Number(block.number)
    }
    for (const { signal_id, block } of trades) {
      const { final } = await server.until(signal_id, (trade) => trade.final)
      expect([signal_id, final, (await finalBlock()) >= block]).toEqual([signal_id, true, true])
    }
    for (const { txHash, block } of trades)
      expect(Number((await world.chain.receipt(txHash))?.blockNumber)).toBe(block)
  })
})
