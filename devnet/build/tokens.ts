import type { Abi, Address } from 'viem'
import { packageAndVersion, readArtifact } from './artifact.ts'
import { compileSolidity } from './compileSolidity.ts'
import type { Deployer } from './deployer.ts'

export interface Token {
  readonly address: Address
  readonly symbol: string
  readonly decimals: number
  /** One whole token in base units. */
  readonly one: bigint
}

export type TokenName = 'weth' | 'dai' | 'usdc' | 'usdt' | 'susd'
export type Tokens = Readonly<Record<TokenName, Token>> & {
  /** ABI of ERC20 with an open `mint`. */
  readonly abi: Abi
}

export const tokenNames = ['weth', 'dai', 'usdc', 'usdt', 'susd'] as const satisfies readonly TokenName[]

const stables = [
  {
    key: 'dai',
    name: 'Dai Stablecoin',
    symbol: 'DAI',
    decimals: 18,
    at: '0x6B175474E89094C44Da98b954EedeAC495271d0F',
  },
  {
    key: 'usdc',
    name: 'USD Coin',
    symbol: 'USDC',
    decimals: 6,
    at: '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48',
  },
  {
    key: 'usdt',
    name: 'Tether USD',
    symbol: 'USDT',
    decimals: 6,
    at: '0xdAC17F958D2ee523a2206206994597C13D831ec7',
  },
  {
    key: 'susd',
    name: 'Synth sUSD',
    symbol: 'sUSD',
    decimals: 18,
    at: '0x57Ab1ec28D129707052df4dF418D58a2D46d5f51',
  },
] as const

/** WETH9 and four stablecoins. The deployer gets 9,000 WETH and a thousand million of each of the others. */
export async function deployTokens(deployer: Deployer): Promise<Tokens> {
  const weth9 = readArtifact({ packageName: 'canonical-weth', file: 'build/contracts/WETH9.json' })
  const weth = await deployer.deploy({
    name: 'WETH9',
    artifact: weth9,
    at: '0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2',
  })
  await deployer.send({ to: weth, abi: weth9.abi, name: 'deposit', value: 9_000n * 10n ** 18n })

  const erc20 = compileTestToken()
  const deployed: Partial<Record<TokenName, Token>> = {
    weth: { address: weth, symbol: 'WETH', decimals: 18, one: 10n ** 18n },
  }
  for (const { key, name, symbol, decimals, at } of stables) {
    const address = await deployer.deploy({
      name: `${symbol} token`,
      artifact: erc20,
      args: [name, symbol, decimals],
      at,
    })
    const token = { address, symbol, decimals, one: 10n ** BigInt(decimals) }
    const args = [deployer.account, 1_000_000_000n * token.one]
    await deployer.send({ to: address, abi: erc20.abi, name: 'mint', args })
    deployed[key] = token
  }
  return { ...(deployed as Record<TokenName, Token>), abi: erc20.abi }
}

/** Lets `spender` take any amount of the named tokens from the deployer. */
export async function approve(
  deployer: Deployer,
  options: { tokens: Tokens; names: readonly TokenName[]; spender: Address },
): Promise<void> {
  const args = [options.spender, 2n ** 256n - 1n]
  for (const name of options.names) {
    await deployer.send({ to: options.tokens[name].address, abi: options.tokens.abi, name: 'approve', args })
  }
}

function compileTestToken() {
  const origin = `${packageAndVersion('@openzeppelin/contracts')} token/ERC20/ERC20.sol`
  return compileSolidity({
    unit: 'devnet/TestToken.sol',
    contract: 'TestToken',
    from: `devnet/sources/devnet/TestToken.sol over ${origin} (compiled by ${packageAndVersion('solc')})`,
    settings: { evmVersion: 'shanghai', optimizer: { enabled: true, runs: 10_000 } },
  })
}
