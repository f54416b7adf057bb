import { type Address, getAddress, keccak256, parseAbi, stringToHex, zeroAddress } from 'viem'
import { type Artifact, packageAndVersion } from './artifact.ts'
import { readBalancerArtifact as balancer } from './balancerArtifacts.ts'
import { compileSolidity } from './compileSolidity.ts'
import type { Deployer } from './deployer.ts'
import { approve, type Tokens } from './tokens.ts'

export interface BalancerV3 {
  readonly vault: Address
  readonly vaultExtension: Address
  readonly vaultAdmin: Address
  readonly protocolFeeController: Address
  readonly router: Address
  readonly weightedPoolFactory: Address
  readonly weightedPool: Address
}

const vaultAt = '0xbA1333333333a1BA1108E8412f11850A5C319bA9'
const daySeconds = 86_400n
const permit2Abi = parseAbi([
  'function approve(address token, address spender, uint160 amount, uint48 expiration)',
])

/** The Balancer V3 vault, its satellites, and a WETH/DAI/USDC pool whose tokens are what flash loans take from. */
export async function deployBalancerV3(
  deployer: Deployer,
  options: { tokens: Tokens; permit2: Address; wethPrice: bigint },
): Promise<BalancerV3> {
  const { tokens, permit2 } = options
  const authorizer = await deployer.deploy({ name: 'Balancer V3 authorizer', artifact: compileAuthorizer() })
  const vaultAdmin = await deployer.deploy({
    name: 'Balancer V3 VaultAdmin',
    artifact: balancer('VaultAdmin'),
    args: [vaultAt, 4n * 365n * daySeconds, 90n * daySeconds, 1_000_000n, 10_000n],
    at: '0x35fFB749B273bEb20F40f35EdeB805012C539864',
  })
  const vaultExtension = await deployer.deploy({
    name: 'Balancer V3 VaultExtension',
    artifact: balancer('VaultExtension'),
    args: [vaultAt, vaultAdmin],
    at: '0x0E8B07657D719B86e06bF0806D6729e3D528C9A9',
  })
  const protocolFeeController = await deployer.deploy({
    name: 'Balancer V3 ProtocolFeeController',
    artifact: balancer('ProtocolFeeController'),
    args: [vaultAt, 0n, 0n],
  })
  const vault = await deployer.deploy({
    name: 'Balancer V3 Vault',
    artifact: balancer('Vault'),
    args: [vaultExtension, authorizer, protocolFeeController],
    at: vaultAt,
  })
  const factoryArtifact = balancer('WeightedPoolFactory')
  const weightedPoolFactory = await deployer.deploy({
    name: 'Balancer V3 WeightedPoolFactory',
    artifact: factoryArtifact,
    args: [vault, 4n * 365n * daySeconds, 'WeightedPoolFactory', 'WeightedPool'],
  })
  const halves = await deployer.read<readonly [Address, Address]>({
    from: weightedPoolFactory,
    abi: factoryArtifact.abi,
    name: 'getCreationCodeContracts',
  })
  for (const address of halves) {
    deployer.adopt({
      name: 'Balancer V3 weighted pool, half of its creation code',
      address,
      from: factoryArtifact.from,
    })
  }
  const routerArtifact = balancer('Router')
  const router = await deployer.deploy({
    name: 'Balancer V3 Router',
    artifact: routerArtifact,
    args: [vault, tokens.weth.address, permit2, 'Router'],
    at: '0xAE563E3f8219521950555F5962419C8919758Ea2',
  })

  const sides = [
    { token: tokens.weth.address, amount: 1_000n * tokens.weth.one },
    { token: tokens.dai.address, amount: 1_000n * options.wethPrice * tokens.dai.one },
    { token: tokens.usdc.address, amount: 1_000n * options.wethPrice * tokens.usdc.one },
  ].sort((x, y) => (x.token.toLowerCase() < y.token.toLowerCase() ? -1 : 1))
  const created = await deployer.send({
    to: weightedPoolFactory,
    abi: factoryArtifact.abi,
    name: 'create',
    args: [
      'WETH/DAI/USDC',
      'WETH-DAI-USDC',
      sides.map(({ token }) => ({ token, tokenType: 0, rateProvider: zeroAddress, paysYieldFees: false })),
      [333333333333333333n, 333333333333333333n, 333333333333333334n],
      { pauseManager: zeroAddress, swapFeeManager: zeroAddress, poolCreator: zeroAddress },
      3_000_000_000_000_000n, // swap fee 0.3 %
      zeroAddress,
      false,
      false,
      keccak256(stringToHex('WETH/DAI/USDC')),
    ],
  })
  const event = created.logs.find((log) => getAddress(log.address) === weightedPoolFactory)
  if (event?.topics[1] === undefined)
    throw new Error('The weighted pool factory did not say which pool it created.')
  const weightedPool = getAddress(`0x${event.topics[1].slice(26)}`)
  deployer.adopt({ name: 'Balancer V3 weighted pool', address: weightedPool, from: factoryArtifact.from })

  await approve(deployer, { tokens, names: ['weth', 'dai', 'usdc'], spender: permit2 })
  for (const { token } of sides) {
    const args = [token, router, 2n ** 160n - 1n, 2 ** 48 - 1]
    await deployer.send({ to: permit2, abi: permit2Abi, name: 'approve', args })
  }
  const amounts = sides.map(({ amount }) => amount)
  const args = [weightedPool, sides.map(({ token }) => token), amounts, 0n, false, '0x']
  await deployer.send({ to: router, abi: routerArtifact.abi, name: 'initialize', args })
  return {
    vault,
    vaultExtension,
    vaultAdmin,
    protocolFeeController,
    router,
    weightedPoolFactory,
    weightedPool,
  }
}

function compileAuthorizer(): Artifact {
  return compileSolidity({
    unit: 'devnet/DeployerAuthorizer.sol',
    contract: 'DeployerAuthorizer',
    from: `devnet/sources/devnet/DeployerAuthorizer.sol (compiled by ${packageAndVersion('solc')})`,
    settings: { evmVersion: 'shanghai', optimizer: { enabled: true, runs: 10_000 } },
  })
}
