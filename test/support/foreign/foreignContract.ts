import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { AbiCoder } from 'ethers'
import { addressBook } from '../../../devnet/addressBook.ts'
import type { Address, Hex } from '../../../src/domain/signal.ts'
import type { DevnetAccount } from '../devnetAccount.ts'

const { uniswapV2, uniswapV3, tokens } = addressBook
const weth = tokens.weth.address
const v3 = uniswapV3.factory

/** Types and values of the constructors' arguments. */
const ARGUMENTS = {
  swapRouter02: [
    ['address', 'address', 'address', 'address'],
    [uniswapV2.factory, v3, uniswapV3.positionManager, weth],
  ],
  algebraRouter: [
    ['address', 'address', 'address'],
    [v3, weth, v3],
  ],
  algebraIntegralRouter: [
    ['address', 'address', 'address'],
    [v3, weth, v3],
  ],
  slipstreamRouter: [
    ['address', 'address'],
    [v3, weth],
  ],
  aerodromeRouter: [
    ['address', 'address', 'address', 'address', 'address'],
    [v3, v3, v3, v3, weth],
  ],
  balancerV2Vault: [
    ['address', 'address', 'uint256', 'uint256'],
    [weth, weth, 0, 0],
  ],
} as const

export type ForeignContract = keyof typeof ARGUMENTS

const creationCode: Record<ForeignContract, Hex> = JSON.parse(
  gunzipSync(readFileSync(new URL('creationCode.json.gz', import.meta.url))).toString(),
)

/** Deploys the real bytecode of a venue or lender that the devnet's world does not have; see NOTICE. */
export async function deployForeign(account: DevnetAccount, name: ForeignContract): Promise<Address> {
  const [types, values] = ARGUMENTS[name]
  const data = `${creationCode[name]}${AbiCoder.defaultAbiCoder().encode(types, values).slice(2)}` as Hex
  const { contractAddress, status } = await account.send({ data, gas: 12_000_000n })
  if (status !== '0x1' || contractAddress === null) throw new Error(`${name} could not be deployed.`)
  return contractAddress
}
