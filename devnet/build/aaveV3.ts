import { type Abi, type Address, zeroAddress } from 'viem'
import { type Artifact, readArtifact } from './artifact.ts'
import type { Deployer } from './deployer.ts'
import { approve, type TokenName, type Tokens, tokenNames } from './tokens.ts'

export interface AaveV3 {
  readonly poolAddressesProvider: Address
  readonly pool: Address
  readonly poolConfigurator: Address
  readonly oracle: Address
  readonly aclManager: Address
  readonly dataProvider: Address
}

const reserves = ['weth', 'dai', 'usdc'] as const
const ray = 10n ** 27n

/**
 * Aave V3 with WETH, DAI and USDC to borrow, a flash-loan premium of 0.05 %, and an oracle that prices every token.
 *
 * @param options.usdPrices with eight decimals, as Chainlink gives them
 */
export async function deployAaveV3(
  deployer: Deployer,
  options: { tokens: Tokens; usdPrices: Readonly<Record<TokenName, bigint>> },
): Promise<AaveV3> {
  const providerArtifact = aave('protocol/configuration/PoolAddressesProvider')
  const provider = await deployer.deploy({
    name: 'Aave V3 PoolAddressesProvider',
    artifact: providerArtifact,
    args: ['Devnet market', deployer.account],
    at: '0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e',
  })
  const inProvider = (name: string, ...args: unknown[]) =>
    deployer.send({ to: provider, abi: providerArtifact.abi, name, args })
  const aclManager = await deployAccessControl({ deployer, provider, inProvider })
  const libraries = await deployLibraries(deployer)
  const poolArtifact = aave('protocol/pool/Pool')
  const configuratorArtifact = aave('protocol/pool/PoolConfigurator')
  const poolImplementation = await deployer.deploy({
    name: 'Aave V3 Pool implementation',
    artifact: poolArtifact,
    args: [provider],
    libraries,
  })
  const configuratorImplementation = await deployer.deploy({
    name: 'Aave V3 PoolConfigurator implementation',
    artifact: configuratorArtifact,
    libraries,
  })
  await inProvider('setPoolImpl', poolImplementation)
  await inProvider('setPoolConfiguratorImpl', configuratorImplementation)
  const oracle = await deployOracle({ deployer, provider, ...options })
  await inProvider('setPriceOracle', oracle)
  const dataProvider = await deployer.deploy({
    name: 'Aave V3 AaveProtocolDataProvider',
    artifact: aave('misc/AaveProtocolDataProvider'),
    args: [provider],
    at: '0x0a16f2FCC0D44FaE41cc54e079281D84A363bECD',
  })
  await inProvider('setPoolDataProvider', dataProvider)

  const readProvider = (name: string) =>
    deployer.read<Address>({ from: provider, abi: providerArtifact.abi, name })
  const pool = await readProvider('getPool')
  const poolConfigurator = await readProvider('getPoolConfigurator')
  adoptProxy({ deployer, name: 'Aave V3 Pool', address: pool })
  adoptProxy({ deployer, name: 'Aave V3 PoolConfigurator', address: poolConfigurator })
  const book = { poolAddressesProvider: provider, pool, poolConfigurator, oracle, aclManager, dataProvider }
  await listReserves({ deployer, tokens: options.tokens, book, configuratorAbi: configuratorArtifact.abi })
  await supply({ deployer, tokens: options.tokens, pool, poolAbi: poolArtifact.abi })
  return book
}

async function deployAccessControl(options: {
  deployer: Deployer
  provider: Address
  inProvider: (name: string, ...args: unknown[]) => Promise<unknown>
}): Promise<Address> {
  const { deployer, provider, inProvider } = options
  await inProvider('setACLAdmin', deployer.account)
  const artifact = aave('protocol/configuration/ACLManager')
  const aclManager = await deployer.deploy({
    name: 'Aave V3 ACLManager',
    artifact,
    args: [provider],
    at: '0xc2aaCf6553D20d1e9d78E365AAba8032af9c85b0',
  })
  await inProvider('setACLManager', aclManager)
  for (const name of ['addPoolAdmin', 'addAssetListingAdmin', 'addRiskAdmin']) {
    await deployer.send({ to: aclManager, abi: artifact.abi, name, args: [deployer.account] })
  }
  return aclManager
}

async function deployLibraries(deployer: Deployer): Promise<Record<string, Address>> {
  const libraries: Record<string, Address> = {}
  // FlashLoanLogic comes last: it is linked against BorrowLogic.
  const names = ['Supply', 'Borrow', 'Liquidation', 'EMode', 'Bridge', 'Pool', 'Configurator', 'FlashLoan']
  for (const name of names.map((part) => `${part}Logic`)) {
    const artifact = aave(`protocol/libraries/logic/${name}`)
    libraries[name] = await deployer.deploy({ name: `Aave V3 ${name}`, artifact, libraries })
  }
  return libraries
}

async function deployOracle(options: {
  deployer: Deployer
  provider: Address
  tokens: Tokens
  usdPrices: Readonly<Record<TokenName, bigint>>
}): Promise<Address> {
  const { deployer, tokens } = options
  const aggregators: Address[] = []
  for (const name of tokenNames) {
    aggregators.push(
      await deployer.deploy({
        name: `Aave V3 MockAggregator ${tokens[name].symbol}/USD`,
        artifact: aave('mocks/oracle/CLAggregators/MockAggregator'),
        args: [options.usdPrices[name]],
      }),
    )
  }
  const assets = tokenNames.map((name) => tokens[name].address)
  return deployer.deploy({
    name: 'Aave V3 AaveOracle',
    artifact: aave('misc/AaveOracle'),
    args: [options.provider, assets, aggregators, zeroAddress, zeroAddress, 10n ** 8n],
    at: '0x54586bE62E3c3580375aE3723C145253060Ca0C2',
  })
}

async function listReserves(options: {
  deployer: Deployer
  tokens: Tokens
  book: AaveV3
  configuratorAbi: Abi
}): Promise<void> {
  const { deployer, tokens, book, configuratorAbi: abi } = options
  const implementation = (contract: string) =>
    deployer.deploy({
      name: `Aave V3 ${contract} implementation`,
      artifact: aave(`protocol/tokenization/${contract}`),
      args: [book.pool],
    })
  const aTokenImpl = await implementation('AToken')
  const stableDebtTokenImpl = await implementation('StableDebtToken')
  const variableDebtTokenImpl = await implementation('VariableDebtToken')
  const interestRateStrategyAddress = await deployer.deploy({
    name: 'Aave V3 DefaultReserveInterestRateStrategy',
    artifact: aave('protocol/pool/DefaultReserveInterestRateStrategy'),
    args: [
      book.poolAddressesProvider,
      (ray * 8n) / 10n, // optimal usage
      0n, // base variable rate
      (ray * 4n) / 100n, // variable slope 1
      (ray * 75n) / 100n, // variable slope 2
      0n, // stable slope 1
      0n, // stable slope 2
      0n, // base stable offset
      0n, // excess offset
      (ray * 2n) / 10n, // optimal stable to total debt
    ],
  })
  const inputs = reserves.map((name) => ({
    aTokenImpl,
    stableDebtTokenImpl,
    variableDebtTokenImpl,
    underlyingAssetDecimals: tokens[name].decimals,
    interestRateStrategyAddress,
    underlyingAsset: tokens[name].address,
    treasury: deployer.account,
    incentivesController: zeroAddress,
    aTokenName: `Aave ${tokens[name].symbol}`,
    aTokenSymbol: `a${tokens[name].symbol}`,
    variableDebtTokenName: `Aave variable debt ${tokens[name].symbol}`,
    variableDebtTokenSymbol: `variableDebt${tokens[name].symbol}`,
    stableDebtTokenName: `Aave stable debt ${tokens[name].symbol}`,
    stableDebtTokenSymbol: `stableDebt${tokens[name].symbol}`,
    params: '0x10',
  }))
  const configure = (name: string, ...args: unknown[]) =>
    deployer.send({ to: book.poolConfigurator, abi, name, args })
  await configure('initReserves', inputs)
  for (const name of reserves) {
    const { address, symbol } = tokens[name]
    await configure('configureReserveAsCollateral', address, 7_500n, 8_000n, 10_500n)
    await configure('setReserveBorrowing', address, true)
    await configure('setReserveFlashLoaning', address, true)
    const [aToken, stableDebt, variableDebt] = await deployer.read<readonly [Address, Address, Address]>({
      from: book.dataProvider,
      abi: aave('misc/AaveProtocolDataProvider').abi,
      name: 'getReserveTokensAddresses',
      args: [address],
    })
    adoptProxy({ deployer, name: `Aave V3 a${symbol}`, address: aToken })
    adoptProxy({ deployer, name: `Aave V3 stableDebt${symbol}`, address: stableDebt })
    adoptProxy({ deployer, name: `Aave V3 variableDebt${symbol}`, address: variableDebt })
  }
  await configure('updateFlashloanPremiumTotal', 5n)
  await configure('updateFlashloanPremiumToProtocol', 4n)
}

async function supply(options: {
  deployer: Deployer
  tokens: Tokens
  pool: Address
  poolAbi: Abi
}): Promise<void> {
  const { deployer, tokens, pool } = options
  await approve(deployer, { tokens, names: reserves, spender: pool })
  const amounts = { weth: 2_000n, dai: 5_000_000n, usdc: 5_000_000n }
  for (const name of reserves) {
    const args = [tokens[name].address, amounts[name] * tokens[name].one, deployer.account, 0]
    await deployer.send({ to: pool, abi: options.poolAbi, name: 'supply', args })
  }
}

function adoptProxy(options: { deployer: Deployer; name: string; address: Address }): void {
  const { from } = aave(
    'protocol/libraries/aave-upgradeability/InitializableImmutableAdminUpgradeabilityProxy',
  )
  options.deployer.adopt({ name: `${options.name} proxy`, address: options.address, from })
}

function aave(path: string): Artifact {
  const contract = path.slice(path.lastIndexOf('/') + 1)
  return readArtifact({
    packageName: '@aave/core-v3',
    file: `artifacts/contracts/${path}.sol/${contract}.json`,
  })
}
