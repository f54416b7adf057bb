import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../devnet/startDevnet.ts'
import { createBareCalls } from './bareCalls.ts'
import { type BenchExecutor, deployBenchExecutor } from './benchExecutor.ts'
import { createTradeSource, type WireSignal } from './tradeSource.ts'

let devnet: Devnet
let rpc: string
let executor: BenchExecutor

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  rpc = devnet.chains[0]?.rpc ?? ''
  executor = await deployBenchExecutor({ rpc })
}, 120_000)
afterAll(() => devnet?.stop())

async function simulate(signals: readonly WireSignal[]) {
  const calls = await createBareCalls({ executor: executor.address, owner: executor.owner })
  const response = await fetch(rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: calls.encode(signals),
  })
  return calls.read({ signals, text: await response.text() })
}

test('one batch gives the profit of every signal, equal to a direct call', { timeout: 60_000 }, async () => {
  const source = createTradeSource({ run: 'b5' })
  const signals = Array.from({ length: 16 }, () => source.next())
  const direct = await Promise.all(signals.map((signal) => executor.profitOf(signal)))

  expect(await simulate(signals)).toEqual(direct.map((profit) => ({ ok: true, profit: profit.toString() })))
})

test('a losing trade does not count', { timeout: 60_000 }, async () => {
  const signal = createTradeSource({ run: 'b6' }).next()
  const losing = { ...signal, amount: `${10n ** 24n}` }
  expect(await simulate([losing, signal])).toMatchObject([{ ok: false }, { ok: true }])
})
