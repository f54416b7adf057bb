import { type Address, decodeFunctionResult, encodeFunctionData, type Hex, pad, parseAbi } from 'viem'
import { addresses } from './addresses.ts'
import { readArtifact } from './readArtifact.ts'
import { executorArtifact, type World } from './startWorld.ts'

export const lensArtifact = readArtifact('SimulationLens')

const abi = parseAbi([
  'function simulate(address target, bytes data, address token, uint8 l1FeeModel, address[] passing) returns (bool ok, uint256 gasUsed, uint256 l1Fee, uint256 blockNumber, uint256 timestamp, uint256 balanceBefore, uint256 balanceAfter, bytes ret, uint256[] left, uint256 funds)',
])

/** What the lens answers. */
export interface LensAnswer {
  ok: boolean
  gasUsed: bigint
  l1Fee: bigint
  blockNumber: bigint
  timestamp: bigint
  balanceBefore: bigint
  balanceAfter: bigint
  ret: Hex
  left: readonly bigint[]
  funds: bigint
}

export interface LensQuestion {
  target: Address
  data: Hex
  token: Address
  l1FeeModel?: number
  passing?: readonly Address[]
}

/** Calldata of `simulate`. */
export function encodeSimulate({ target, data, token, l1FeeModel = 0, passing = [] }: LensQuestion): Hex {
  return encodeFunctionData({ abi, args: [target, data, token, l1FeeModel, passing] })
}

/** The answer in the return data of `simulate`. */
export function decodeSimulate(answer: Hex): LensAnswer {
  const [ok, gasUsed, l1Fee, blockNumber, timestamp, balanceBefore, balanceAfter, ret, left, funds] =
    decodeFunctionResult({ abi, data: answer })
  return { ok, gasUsed, l1Fee, blockNumber, timestamp, balanceBefore, balanceAfter, ret, left, funds }
}

/** The storage an executor injected by override needs: slots 0 to 2. */
export function executorStorage(owner: Address): Record<Hex, Hex> {
  const word = (value: Hex) => pad(value, { size: 32 })
  return {
    [word('0x00')]: word(owner),
    [word('0x01')]: word(addresses.balancerVault),
    [word('0x02')]: word(addresses.aavePool),
  }
}

/** Asks the lens, put at `caller`; `injectAt` also puts an executor of theirs where none is deployed. */
export async function simulateByLens(
  options: { world: World; caller: Address; injectAt?: Address } & LensQuestion,
): Promise<LensAnswer> {
  const { world, caller, injectAt } = options
  const overrides = {
    [caller]: { code: lensArtifact.deployedBytecode },
    ...(injectAt && {
      [injectAt]: { code: executorArtifact.deployedBytecode, state: executorStorage(caller) },
    }),
  }
  return decodeSimulate(
    await world.call({ from: caller, to: caller, data: encodeSimulate(options), overrides }),
  )
}
