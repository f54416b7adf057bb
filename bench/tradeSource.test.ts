import { expect, test } from 'vitest'
import { payingRoutes } from './routes.ts'
import { createTradeSource } from './tradeSource.ts'

test('no two signals share an id, or route and amount; every route and flash source comes in turn', () => {
  const source = createTradeSource({ run: 'r7' })
  const signals = Array.from({ length: 40_000 }, () => source.next())

  expect(new Set(signals.map((signal) => signal.signal_id)).size).toBe(40_000)
  const trades = signals.map(({ token, routers, amount }) => `${token} ${routers} ${amount}`)
  expect(new Set(trades).size).toBe(40_000)
  const kinds = signals
    .slice(0, 8)
    .map(({ token, routers, flashSource }) => `${token} ${routers} ${flashSource}`)
  expect(new Set(kinds).size).toBe(2 * payingRoutes.length)
})

test('every amount lies in the range in which its route pays', () => {
  const source = createTradeSource({ run: 'r8' })
  for (let index = 0; index < 4_000; index++) {
    const { amount } = source.next()
    const route = payingRoutes[index % payingRoutes.length]
    expect(BigInt(amount)).toBeGreaterThanOrEqual(route?.amountMin ?? -1n)
    expect(BigInt(amount)).toBeLessThan(route?.amountMax ?? -1n)
  }
})
