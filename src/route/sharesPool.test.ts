import { expect, test } from 'vitest'
import {
  type DevnetTrade,
  devnetTrade,
  LOSING_TRADE,
  numberedTrade,
  PAYING_TRADES,
} from '../../test/support/devnetTrades.ts'
import { sharesPool } from './sharesPool.ts'

const [daiV2V3, daiV2Sushi, usdc, curve] = PAYING_TRADES.map(({ signal }) => signal) as [
  DevnetTrade['signal'],
  DevnetTrade['signal'],
  DevnetTrade['signal'],
  DevnetTrade['signal'],
]

test('trades between the same tokens may meet, in any direction and by any router', () => {
  expect(sharesPool(daiV2V3, daiV2V3)).toBe(true)
  expect(sharesPool(daiV2V3, daiV2Sushi)).toBe(true)
  expect(sharesPool(daiV2V3, LOSING_TRADE.signal)).toBe(true)
  expect(sharesPool(usdc, numberedTrade(1).signal)).toBe(true)
  expect(sharesPool(daiV2V3, curve)).toBe(true)
  expect(sharesPool(curve, usdc)).toBe(true)
})

test('trades between other tokens do not', () => {
  expect(sharesPool(daiV2V3, usdc)).toBe(false)
  expect(sharesPool(numberedTrade(1).signal, daiV2Sushi)).toBe(false)
})

test('two hops through Curve may, whatever their tokens', () => {
  const pool = curve.hops[1]?.router as string
  const signal = (from: 'usdt' | 'dai', to: 'usdc' | 'susd') =>
    devnetTrade({ flashSource: 1, token: from, amount: '1', legs: [[2, pool, to]] }).signal
  expect(sharesPool(signal('usdt', 'usdc'), signal('dai', 'susd'))).toBe(true)
})
