import type { Address } from 'viem'
import { devnetMarker } from '../devnetMarker.ts'
import { deployAaveV3 } from './aaveV3.ts'
import { deployBalancerV3 } from './balancerV3.ts'
import { deployCommonContracts } from './commonContracts.ts'
import { deployCurve } from './curve.ts'
import { Deployer, type Origin } from './deployer.ts'
import { deployTokens, tokenNames } from './tokens.ts'
import { deployUniswapV2 } from './uniswapV2.ts'
import { deployUniswapV3 } from './uniswapV3.ts'

/** The first and the eighth account of anvil's well-known mnemonic; anvil signs for them. */
const accounts = {
  deployer: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
  noiseTrader: '0x14dC79964da2C08b23698B3D3cc7Ca32193d9955',
} as const

/** In whole dollars. */
const wethPrice = 3_000n
const usdPrices = {
  weth: wethPrice * 10n ** 8n,
  dai: 10n ** 8n,
  usdc: 10n ** 8n,
  usdt: 10n ** 8n,
  susd: 10n ** 8n,
}

/**
 * Deploys the whole world on a fresh anvil. The pools disagree on the price of WETH by a few percent, so some routes
 * pay: cheap on Uniswap V2, dearer on Uniswap V3.
 *
 * Balancer comes last: without it (its contracts take minutes to compile) everything else is at the same addresses.
 */
export async function deployWorld(options: { rpc: string; balancer: boolean }): Promise<{
  addressBook: Record<string, unknown>
  origins: ReadonlyMap<Address, Origin>
}> {
  const deployer = new Deployer({ rpc: options.rpc, account: accounts.deployer })
  const common = await deployCommonContracts(deployer)
  const tokens = await deployTokens(deployer)
  const uniswapV2 = await deployUniswapV2(deployer, {
    name: 'Uniswap V2',
    tokens,
    factoryAt: '0x5C69bEe701ef814a2B6a3EDD4B1652CB9cc5aA6f',
    routerAt: '0x7a250d5630B4cF539739dF2C5dAcb4c659F2488D',
    liquidity: [
      { a: 'weth', b: 'dai', amountA: 500n, amountB: 500n * wethPrice },
      { a: 'weth', b: 'usdc', amountA: 500n, amountB: 500n * wethPrice },
      { a: 'dai', b: 'usdc', amountA: 1_000_000n, amountB: 1_000_000n },
    ],
  })
  const sushi = await deployUniswapV2(deployer, {
    name: 'Sushi',
    tokens,
    factoryAt: '0xC0AEe478e3658e2610c5F7A4A2E1777cE9e4f2Ac',
    routerAt: '0xd9e1cE17f2641f24aE83637ab66a2cca9C378B9F',
    liquidity: [
      { a: 'weth', b: 'dai', amountA: 300n, amountB: (300n * wethPrice * 102n) / 100n },
      { a: 'weth', b: 'usdc', amountA: 300n, amountB: 300n * wethPrice },
    ],
  })
  const uniswapV3 = await deployUniswapV3(deployer, {
    tokens,
    liquidity: [
      { a: 'weth', b: 'dai', fee: 3000, amountA: 400n, amountB: (400n * wethPrice * 103n) / 100n },
      { a: 'weth', b: 'usdc', fee: 500, amountA: 800n, amountB: (800n * wethPrice * 101n) / 100n },
      { a: 'weth', b: 'usdc', fee: 3000, amountA: 300n, amountB: (300n * wethPrice * 1035n) / 1000n },
      { a: 'weth', b: 'usdt', fee: 3000, amountA: 200n, amountB: 200n * wethPrice },
    ],
  })
  const curve = await deployCurve(deployer, { tokens })
  const aave = await deployAaveV3(deployer, { tokens, usdPrices })
  const balancer = options.balancer
    ? await deployBalancerV3(deployer, { tokens, permit2: common.permit2, wethPrice })
    : undefined
  return {
    addressBook: {
      tokens: Object.fromEntries(
        tokenNames.map((name) => {
          const { address, symbol, decimals } = tokens[name]
          return [name, { address, symbol, decimals }]
        }),
      ),
      uniswapV2,
      sushi,
      uniswapV3,
      curve,
      aave,
      balancer,
      ...common,
      marker: devnetMarker.address,
      accounts,
    },
    origins: deployer.origins,
  }
}
