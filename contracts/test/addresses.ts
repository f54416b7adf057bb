import { addressBook } from '../../devnet/addressBook.ts'

const { tokens, uniswapV2, sushi, uniswapV3, curve, balancer, aave } = addressBook

/** What the trades need of the devnet's address book. */
export const addresses = {
  weth: tokens.weth.address,
  dai: tokens.dai.address,
  usdc: tokens.usdc.address,
  v2Router: uniswapV2.router,
  sushiRouter: sushi.router,
  v3Router: uniswapV3.router,
  curvePool: curve.susdPool,
  balancerVault: balancer.vault,
  aavePool: aave.pool,
}
