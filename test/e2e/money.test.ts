import { Transaction } from 'ethers'
import { expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import type { Hex } from '../../src/domain/signal.ts'
import { createDevnetAccount } from '../support/devnetAccount.ts'
import { devnetTrade } from '../support/devnetTrades.ts'
import { type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'

const { uniswapV2, uniswapV3 } = addressBook

/** A server of its own, and its end whatever comes. */
async function withTitan(
  env: Record<string, string>,
  work: (live: LiveTitan) => Promise<void>,
): Promise<void> {
  const live = await startLiveTitan({ env })
  try {
    await work(live)
  } finally {
    await live.stop()
  }
}

/** Somebody else takes a part of what there is to earn in USDC, at the head of the next block. */
async function getAhead({ chain }: LiveTitan): Promise<Hex> {
  const other = await createDevnetAccount({ rpc: chain.rpc })
  const { calldata } = devnetTrade({
    flashSource: 1,
    token: 'usdc',
    amount: '2000',
    legs: [
      [0, uniswapV2.router, 'weth'],
      [1, uniswapV3.router, 'usdc', `0x${(3_000).toString(16).padStart(64, '0')}`],
    ],
  })
  return await other.ask<Hex>('eth_sendTransaction', {
    from: other.address,
    to: chain.executor,
    data: calldata,
    gas: '0x7a1200',
    maxFeePerGas: '0xba43b7400',
    maxPriorityFeePerGas: '0x4a817c800',
  })
}

it.each([
  ['reverts where it earns less than MIN_PROFIT_SHARE of what was simulated', '90', 'reverted'],
  ['lands where that is allowed', '0', 'included'],
])(
  'a trade that somebody gets ahead of %s',
  async (_, share, outcome) => {
    await withTitan({ MIN_PROFIT_SHARE: share }, async (live) => {
      await live.chain.automine(false)
      const { json } = await live.submit({ signal_id: 'beaten', wait: 'broadcast' })
      expect(json.status).toBe('pending')
      const ahead = await getAhead(live)
      await live.chain.mine()
      expect(await live.chain.ask('eth_getTransactionReceipt', ahead)).toMatchObject({ status: '0x1' })
      const trade = await live.until('beaten', ({ status }) => status === outcome)
      if (outcome === 'included') {
        expect(BigInt(trade.profit)).toBeLessThan((BigInt(json.simulation.profit) * 9n) / 10n)
        expect(BigInt(trade.profit)).toBeGreaterThan(0n)
      } else expect(trade).toMatchObject({ success: false, code: 'REVERTED', profit: '0' })
    })
  },
  90_000,
)

it('of trades that come at once no more are signed than the hour pays for', async () => {
  const limitWei = 1_200_000_000_000_000n
  await withTitan({ MAX_GAS_SPEND_PER_HOUR_NATIVE: '0.0012', LANE_IN_FLIGHT_MAX: '8' }, async (live) => {
    await live.chain.automine(false)
    await live.chain.baseFee(1)
    await live.chain.mine()
    const answers = await Promise.all([1, 2, 3, 4].map(() => live.submit({ wait: 'broadcast' })))
    const limits = answers.map(({ json }) => json.facts?.limit ?? null)
    expect(limits).toContain('MAX_GAS_SPEND_PER_HOUR_NATIVE')
    const signed = live.proxy.offered.map(({ raw }) => Transaction.from(raw))
    expect(signed.length).toBeGreaterThan(0)
    const costs = signed.map(({ maxFeePerGas, gasLimit }) => (maxFeePerGas ?? 0n) * gasLimit)
    expect(costs.reduce((sum, wei) => sum + wei, 0n)).toBeLessThanOrEqual(limitWei)
  })
}, 90_000)
