import type { Address } from 'viem'
import { readArtifact } from './artifact.ts'
import type { Deployer } from './deployer.ts'
import { approve, type TokenName, type Tokens } from './tokens.ts'

export interface UniswapV2 {
  readonly factory: Address
  readonly router: Address
  /** By the names of the two tokens, for example `weth/usdc`. */
  readonly pairs: Readonly<Record<string, Address>>
}

/** Far enough for every deadline of the build. */
const deadline = 99_999_999_999n

/**
 * A factory, a router and pairs with liquidity.
 *
 * @param options.liquidity amounts in whole tokens; their ratio is the price
 */
export async function deployUniswapV2(
  deployer: Deployer,
  options: {
    name: string
    tokens: Tokens
    factoryAt: Address
    routerAt: Address
    liquidity: readonly { a: TokenName; b: TokenName; amountA: bigint; amountB: bigint }[]
  },
): Promise<UniswapV2> {
  const { name, tokens } = options
  const core = { packageName: '@uniswap/v2-core' }
  const factoryArtifact = readArtifact({ ...core, file: 'build/UniswapV2Factory.json' })
  const pairArtifact = readArtifact({ ...core, file: 'build/UniswapV2Pair.json' })
  const routerArtifact = readArtifact({
    packageName: '@uniswap/v2-periphery',
    file: 'build/UniswapV2Router02.json',
  })
  const factory = await deployer.deploy({
    name: `${name} factory`,
    artifact: factoryArtifact,
    args: [deployer.account],
    at: options.factoryAt,
  })
  const router = await deployer.deploy({
    name: `${name} router`,
    artifact: routerArtifact,
    args: [factory, tokens.weth.address],
    at: options.routerAt,
  })
  await approve(deployer, { tokens, names: ['weth', 'dai', 'usdc'], spender: router })

  const pairs: Record<string, Address> = {}
  for (const { a, b, amountA, amountB } of options.liquidity) {
    const [tokenA, tokenB] = [tokens[a], tokens[b]]
    await deployer.send({
      to: router,
      abi: routerArtifact.abi,
      name: 'addLiquidity',
      args: [
        tokenA.address,
        tokenB.address,
        amountA * tokenA.one,
        amountB * tokenB.one,
        0n,
        0n,
        deployer.account,
        deadline,
      ],
    })
    const pair = await deployer.read<Address>({
      from: factory,
      abi: factoryArtifact.abi,
      name: 'getPair',
      args: [tokenA.address, tokenB.address],
    })
    deployer.adopt({
      name: `${name} pair ${tokenA.symbol}/${tokenB.symbol}`,
      address: pair,
      from: pairArtifact.from,
    })
    pairs[`${a}/${b}`] = pair
  }
  return { factory, router, pairs }
}
