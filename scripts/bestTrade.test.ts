import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BenchExecutor, deployBenchExecutor } from '../bench/benchExecutor.ts'
import { type Devnet, startDevnet } from '../devnet/startDevnet.ts'
import { bestTrade } from './bestTrade.ts'
import { encodeReads, type PoolReads, readPools } from './demoPools.ts'

let devnet: Devnet
let executor: BenchExecutor
let reads: PoolReads

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const rpc = devnet.chains[0]?.rpc ?? ''
  executor = await deployBenchExecutor({ rpc })
  const response = await fetch(rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: encodeReads(),
  })
  reads = readPools(await response.json())
}, 120_000)
afterAll(() => devnet?.stop())

test('reads every pool at the same price, give or take the gaps of the frozen world', () => {
  expect(reads.pools).toHaveLength(7)
  for (const { stable, stableReserve, wethReserve } of reads.pools) {
    const price = (Number(stableReserve) * (stable === 'usdc' ? 1e12 : 1)) / Number(wethReserve)
    expect(price).toBeGreaterThan(2_700)
    expect(price).toBeLessThan(3_300)
  }
})

test('the loan it finds earns what it says, and more than other loans', { timeout: 60_000 }, async () => {
  const trade = bestTrade(reads.pools)
  if (trade === null) throw new Error('The frozen world has no gap.')
  const profitOf = async (amount: bigint) => {
    const signal = {
      ...trade.signal,
      amount: amount.toString(),
      signal_id: 't1',
      chainId: 1,
      expected_profit: 0,
    }
    return Number(await executor.profitOf(signal))
  }
  const amount = BigInt(trade.signal.amount)
  const unit = trade.pools[0].stable === 'usdc' ? 1e6 : 1e18
  const profit = await profitOf(amount)
  expect(profit / unit / trade.profitUsd).toBeCloseTo(1, 4)
  expect(await profitOf((amount * 9n) / 10n)).toBeLessThan(profit)
  expect(await profitOf((amount * 11n) / 10n)).toBeLessThan(profit)
})

test('finds nothing where the pools agree', () => {
  const [pool] = reads.pools
  if (pool === undefined) throw new Error('There are no pools.')
  expect(bestTrade([pool, { ...pool, name: 'its twin' }])).toBeNull()
  expect(bestTrade([])).toBeNull()
})
