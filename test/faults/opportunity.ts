import { parseUnits } from 'ethers'
import { addressBook } from '../../devnet/addressBook.ts'
import type { Hex } from '../../src/domain/signal.ts'
import { createDevnetAccount } from '../support/devnetAccount.ts'
import { devnetTrade } from '../support/devnetTrades.ts'
import type { WorldChain } from '../support/liveTitan.ts'

const { tokens, uniswapV2, uniswapV3 } = addressBook

/** DAI instead of USDC: the same two venues, other pools, so that one trade does not spoil the other. */
export const DAI_TRADE = {
  token: tokens.dai.address,
  amount: parseUnits('400', 18).toString(),
  path: [tokens.weth.address, tokens.dai.address],
}

/** Earns so much that it pays at any base fee of these cases, its replacements too. */
export const LARGE = { amount: parseUnits('2000', 6).toString() }

/** The way round that loses: the price difference between the two venues is paid instead of earned. */
export const LOSING_TRADE = {
  protocols: [1, 0],
  routers: [uniswapV3.router, uniswapV2.router],
  path: [tokens.weth.address, tokens.usdc.address],
  extras: ['0x', '0x'],
}

const usdcTrade = (amount: string): Hex =>
  devnetTrade({
    flashSource: 1,
    token: 'usdc',
    amount,
    legs: [
      [0, uniswapV2.router, 'weth'],
      [1, uniswapV3.router, 'usdc', `0x${(3000).toString(16).padStart(64, '0')}`],
    ],
  }).calldata

/**
 * Somebody else takes what there was to earn in USDC: a trade of the size of ours loses from now on. Needs
 * automining.
 */
export async function takeOpportunity({ rpc, executor }: WorldChain): Promise<void> {
  const other = await createDevnetAccount({ rpc })
  for (const amount of ['4000', '2000', '1000', '500', '250', '120']) {
    for (;;) {
      const { status } = await other.send({ to: executor, data: usdcTrade(amount) })
      if (status !== '0x1') break
    }
  }
}
