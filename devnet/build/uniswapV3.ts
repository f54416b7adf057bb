import { type Address, padHex, stringToHex } from 'viem'
import { type Artifact, readArtifact } from './artifact.ts'
import type { Deployer } from './deployer.ts'
import { approve, type TokenName, type Tokens, tokenNames } from './tokens.ts'

export interface UniswapV3 {
  readonly factory: Address
  readonly router: Address
  readonly quoter: Address
  readonly positionManager: Address
  readonly tickLens: Address
  readonly pools: readonly {
    readonly address: Address
    readonly a: TokenName
    readonly b: TokenName
    readonly fee: number
  }[]
}

const deadline = 99_999_999_999n
const maxTick = 887_272
const tickSpacing = { 500: 10, 3000: 60 } as const

/**
 * Factory, router, position manager, quoter, tick lens, and pools with one full-range position each.
 *
 * @param options.liquidity amounts in whole tokens; their ratio is the price
 */
export async function deployUniswapV3(
  deployer: Deployer,
  options: {
    tokens: Tokens
    liquidity: readonly { a: TokenName; b: TokenName; fee: 500 | 3000; amountA: bigint; amountB: bigint }[]
  },
): Promise<UniswapV3> {
  const { tokens } = options
  const weth = tokens.weth.address
  const factoryArtifact = core('UniswapV3Factory')
  const factory = await deployer.deploy({
    name: 'Uniswap V3 factory',
    artifact: factoryArtifact,
    at: '0x1F98431c8aD98523631AE4a59f267346ea31F984',
  })
  const router = await deployer.deploy({
    name: 'Uniswap V3 SwapRouter',
    artifact: periphery('SwapRouter'),
    args: [factory, weth],
    at: '0xE592427A0AEce92De3Edee1F18E0157C05861564',
  })
  const descriptorLibrary = await deployer.deploy({
    name: 'Uniswap V3 NFTDescriptor',
    artifact: periphery('NFTDescriptor', 'libraries/'),
  })
  const descriptor = await deployer.deploy({
    name: 'Uniswap V3 NonfungibleTokenPositionDescriptor',
    artifact: periphery('NonfungibleTokenPositionDescriptor'),
    args: [weth, padHex(stringToHex('ETH'), { dir: 'right', size: 32 })],
    libraries: { NFTDescriptor: descriptorLibrary },
  })
  const managerArtifact = periphery('NonfungiblePositionManager')
  const positionManager = await deployer.deploy({
    name: 'Uniswap V3 NonfungiblePositionManager',
    artifact: managerArtifact,
    args: [factory, weth, descriptor],
    at: '0xC36442b4a4522E871399CD717aBDD847Ab11FE88',
  })
  const quoter = await deployer.deploy({
    name: 'Uniswap V3 QuoterV2',
    artifact: periphery('QuoterV2', 'lens/'),
    args: [factory, weth],
    at: '0x61fFE014bA17989E743c5F6cB21bF9697530B21e',
  })
  const tickLens = await deployer.deploy({
    name: 'Uniswap V3 TickLens',
    artifact: periphery('TickLens', 'lens/'),
  })

  await approve(deployer, { tokens, names: tokenNames, spender: positionManager })
  const poolArtifact = core('UniswapV3Pool')
  const pools: UniswapV3['pools'][number][] = []
  for (const { a, b, fee, amountA, amountB } of options.liquidity) {
    const sides = [
      { token: tokens[a].address, amount: amountA * tokens[a].one },
      { token: tokens[b].address, amount: amountB * tokens[b].one },
    ].sort((x, y) => (x.token.toLowerCase() < y.token.toLowerCase() ? -1 : 1)) as [Side, Side]
    const [{ token: token0, amount: amount0 }, { token: token1, amount: amount1 }] = sides
    await deployer.send({
      to: positionManager,
      abi: managerArtifact.abi,
      name: 'createAndInitializePoolIfNecessary',
      args: [token0, token1, fee, squareRoot((amount1 << 192n) / amount0)],
    })
    const tickUpper = Math.floor(maxTick / tickSpacing[fee]) * tickSpacing[fee]
    const position = {
      token0,
      token1,
      fee,
      tickLower: -tickUpper,
      tickUpper,
      amount0Desired: amount0,
      amount1Desired: amount1,
      amount0Min: 0n,
      amount1Min: 0n,
      recipient: deployer.account,
      deadline,
    }
    await deployer.send({ to: positionManager, abi: managerArtifact.abi, name: 'mint', args: [position] })
    const address = await deployer.read<Address>({
      from: factory,
      abi: factoryArtifact.abi,
      name: 'getPool',
      args: [token0, token1, fee],
    })
    const name = `Uniswap V3 pool ${tokens[a].symbol}/${tokens[b].symbol} ${fee}`
    deployer.adopt({ name, address, from: poolArtifact.from })
    pools.push({ address, a, b, fee })
  }
  return { factory, router, quoter, positionManager, tickLens, pools }
}

interface Side {
  readonly token: Address
  readonly amount: bigint
}

function core(contract: string): Artifact {
  const file = `artifacts/contracts/${contract}.sol/${contract}.json`
  return readArtifact({ packageName: '@uniswap/v3-core', file })
}

function periphery(contract: string, folder = ''): Artifact {
  const file = `artifacts/contracts/${folder}${contract}.sol/${contract}.json`
  return readArtifact({ packageName: '@uniswap/v3-periphery', file })
}

/** Rounded down (Newton's method). */
function squareRoot(value: bigint): bigint {
  let root = value
  for (let next = (value + 1n) / 2n; next < root; next = (root + value / root) / 2n) root = next
  return root
}
