import type { Address } from 'viem'
import { readArtifact } from './artifact.ts'
import type { Deployer } from './deployer.ts'
import { approve, type TokenName, type Tokens } from './tokens.ts'

export interface Curve {
  readonly susdPool: Address
  readonly lpToken: Address
  /** In the order of the pool's indices. */
  readonly coins: readonly TokenName[]
}

const packageName = '@setprotocol/set-protocol-v2'
const coins = ['dai', 'usdc', 'usdt', 'susd'] as const

/** Curve's sUSD pool (Vyper, of the generation whose `exchange` returns nothing), with more DAI than USDC in it. */
export async function deployCurve(deployer: Deployer, options: { tokens: Tokens }): Promise<Curve> {
  const { tokens } = options
  const lpArtifact = readArtifact({ packageName, file: 'external/abi/curve/CurvePoolERC20.json' })
  const poolArtifact = readArtifact({ packageName, file: 'external/abi/curve/Stableswap.json' })
  const lpToken = await deployer.deploy({
    name: 'Curve LP token',
    artifact: lpArtifact,
    args: ['Curve.fi DAI/USDC/USDT/sUSD', 'crvPlain3andSUSD', 18n, 0n],
    at: '0xC25a3A3b969415c80451098fa907EC722572917F',
  })
  const addresses = coins.map((coin) => tokens[coin].address)
  const amplification = 100n
  const fee = 4_000_000n // 0.04 %, of 10^10
  const susdPool = await deployer.deploy({
    name: 'Curve sUSD pool',
    artifact: poolArtifact,
    args: [addresses, addresses, lpToken, amplification, fee],
    at: '0xA5407eAE9Ba41422680e2e00537571bcC53efBfD',
  })
  await deployer.send({ to: lpToken, abi: lpArtifact.abi, name: 'set_minter', args: [susdPool] })
  await approve(deployer, { tokens, names: coins, spender: susdPool })
  const amounts = [
    2_000_000n * tokens.dai.one,
    1_000_000n * tokens.usdc.one,
    1_500_000n * tokens.usdt.one,
    1_500_000n * tokens.susd.one,
  ]
  await deployer.send({ to: susdPool, abi: poolArtifact.abi, name: 'add_liquidity', args: [amounts, 0n] })
  return { susdPool, lpToken, coins }
}
