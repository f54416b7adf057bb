import * as aave from '@aave-dao/aave-address-book'
import { AddressProvider, NATIVE_ASSETS } from '@balancer/sdk'
import { WETH9 } from '@uniswap/sdk-core'
import type { Chain } from 'viem'
import * as viemChains from 'viem/chains'
import { describe, expect, test } from 'vitest'
import type { ChainProfile } from './chainConfig.ts'
import { CHAINS } from './chains.ts'
import { devnetProfile } from './devnetProfile.ts'

/** viem's name of a chain where ours, the documentation's, is another. */
const viemNames: Readonly<Record<number, string>> = {
  10: 'OP Mainnet',
  56: 'BNB Smart Chain',
  324: 'ZKsync Era',
  42161: 'Arbitrum One',
  59144: 'Linea Mainnet',
}

/** The main Aave V3 market of each chain that has one. */
const aaveMarkets = [
  aave.AaveV3Ethereum,
  aave.AaveV3Optimism,
  aave.AaveV3BNB,
  aave.AaveV3Polygon,
  aave.AaveV3ZkSync,
  aave.AaveV3Mantle,
  aave.AaveV3Base,
  aave.AaveV3Arbitrum,
  aave.AaveV3Celo,
  aave.AaveV3Avalanche,
  aave.AaveV3Linea,
  aave.AaveV3Scroll,
]

/** Wrapped natives that @uniswap/sdk-core does not list, from the other packages. */
const wrappedNativesElsewhere: Readonly<Record<number, string | undefined>> = {
  // No package lists opBNB. It is an OP-stack chain, which has the wrapped native where Optimism has it;
  // Chainlink's CCIP directory names WBNB there.
  204: WETH9[10]?.address,
  250: NATIVE_ASSETS[250]?.wrapped,
  5000: aave.AaveV3Mantle.ASSETS.WMNT.UNDERLYING,
  42220: aave.AaveV3Celo.ASSETS.CELO.UNDERLYING,
  534352: aave.AaveV3Scroll.ASSETS.WETH.UNDERLYING,
}

const namesWhere = (is: (chain: ChainProfile) => boolean) => CHAINS.filter(is).map((chain) => chain.envName)

function viemChain(chainId: number): Chain {
  const found = Object.values(viemChains).find((chain) => 'id' in chain && chain.id === chainId)
  if (found === undefined || !('nativeCurrency' in found)) throw new Error(`viem has no chain ${chainId}`)
  return found as Chain
}

function balancerVaultOf(chainId: number): string | null {
  try {
    return AddressProvider.Vault(chainId).toLowerCase()
  } catch {
    return null
  }
}

test('the chains are the fifteen of the documentation, each id and name once', () => {
  expect(CHAINS.map((chain) => `${chain.envName} ${chain.chainId}`)).toEqual([
    'ETHEREUM 1',
    'OPTIMISM 10',
    'BSC 56',
    'POLYGON 137',
    'OPBNB 204',
    'FANTOM 250',
    'ZKSYNC 324',
    'MANTLE 5000',
    'BASE 8453',
    'ARBITRUM 42161',
    'CELO 42220',
    'AVALANCHE 43114',
    'LINEA 59144',
    'BLAST 81457',
    'SCROLL 534352',
  ])
  expect(new Set(CHAINS.map((chain) => chain.name)).size).toBe(15)
})

describe.each(CHAINS.map((chain) => [chain.name, chain] as const))('%s', (_name, chain: ChainProfile) => {
  const known = viemChain(chain.chainId)

  test('has the name, native symbol and explorer of viem', () => {
    expect(viemNames[chain.chainId] ?? chain.name).toBe(known.name)
    expect(chain.nativeSymbol).toBe(known.nativeCurrency.symbol)
    expect(known.nativeCurrency.decimals).toBe(18)
    expect(chain.explorer).toBe(known.blockExplorers?.default.url.replace(/\/$/, ''))
  })

  test('has the block time of viem where viem states one', () => {
    const unstated = [204, 250, 5000].includes(chain.chainId)
    expect(known.blockTime).toBe(unstated ? undefined : chain.blockTimeMs)
  })

  test('has the Aave V3 provider of the address book, or none where there is no market', () => {
    const market = aaveMarkets.find((candidate) => candidate.CHAIN_ID === chain.chainId)
    expect(chain.aavePoolAddressesProvider).toBe(market?.POOL_ADDRESSES_PROVIDER.toLowerCase() ?? null)
  })

  test('has the Balancer V3 vault of @balancer/sdk, or none', () => {
    expect(chain.balancerVault).toBe(balancerVaultOf(chain.chainId))
  })

  test('has the wrapped native coin that the packages name', () => {
    const listed = WETH9[chain.chainId]?.address
    expect(listed === undefined).toBe(chain.chainId in wrappedNativesElsewhere)
    const expected = listed ?? wrappedNativesElsewhere[chain.chainId]
    expect(chain.wrappedNative).toBe(expected?.toLowerCase())
  })

  test('charges L1 data fees by the OP stack only where viem knows its gas price oracle', () => {
    expect(chain.l1FeeModel === 'op-stack').toBe(
      known.contracts !== undefined && 'gasPriceOracle' in known.contracts,
    )
  })
})

test('no other main market of Aave V3 belongs to one of the chains', () => {
  const withMarket = new Set(
    Object.entries(aave)
      .filter(([name]) => name.startsWith('AaveV3'))
      .map(([, market]) => (market as { CHAIN_ID: number }).CHAIN_ID),
  )
  for (const chain of CHAINS)
    expect([chain.name, chain.aavePoolAddressesProvider !== null]).toEqual([
      chain.name,
      withMarket.has(chain.chainId),
    ])
})

describe('fees', () => {
  test('are by EIP-1559 but where the sequencer takes no tip, and on Fantom', () => {
    expect(namesWhere((chain) => chain.feeModel === 'no-tip')).toEqual(['ZKSYNC', 'ARBITRUM'])
    expect(namesWhere((chain) => chain.feeModel === 'legacy')).toEqual(['FANTOM'])
    expect(namesWhere((chain) => chain.feeModel !== 'eip1559' && chain.minTipWei > 0n)).toEqual([])
  })

  test('have the least tips that Polygon and BNB Chain demand, and at most a 100th of a gwei elsewhere', () => {
    const tips = new Map(CHAINS.map((chain) => [chain.envName, chain.minTipWei]))
    expect([tips.get('POLYGON'), tips.get('BSC')]).toEqual([25_000_000_000n, 50_000_000n])
    expect(namesWhere((chain) => chain.minTipWei > 10_000_000n)).toEqual(['BSC', 'POLYGON'])
  })

  test.each(CHAINS)('$name: the limits are above the least tip and leave room for a large trade', (chain) => {
    const { maxFeeWei, maxTxCostWei, maxSpendPerHourWei, maxRepairSpendPerHourWei } = chain.feeLimits
    expect(maxFeeWei).toBeGreaterThanOrEqual(100n * chain.minTipWei)
    expect(maxTxCostWei).toBeGreaterThan(3_000_000n * chain.minTipWei)
    expect(maxSpendPerHourWei).toBe(10n * maxTxCostWei)
    // A few no-ops at the highest price.
    expect(maxRepairSpendPerHourWei).toBeGreaterThan(4n * 60_000n * maxFeeWei)
  })
})

test('gas is counted by the simulation but on zkSync Era', () => {
  expect(namesWhere((chain) => chain.gasBy === 'node')).toEqual(['ZKSYNC'])
})

test('the mempool holds gaps and one transaction of a delegated account, with the known exceptions', () => {
  expect(namesWhere((chain) => !chain.mempoolHoldsGaps)).toEqual(['ARBITRUM'])
  expect(namesWhere((chain) => chain.delegatedInFlightMax !== 1)).toEqual(['BASE'])
})

test('a chain is final by its tag unless nodes do not know one', () => {
  const byDepth = CHAINS.flatMap(({ envName, finality }) =>
    'depth' in finality ? [[envName, finality.depth]] : [],
  )
  expect(byDepth).toEqual([
    ['FANTOM', 1],
    ['AVALANCHE', 1],
    ['SCROLL', 1_200],
  ])
})

test('an hour of blocks stands in for a tag, less on the two chains with a quick rule of their own', () => {
  const minutes = CHAINS.flatMap(({ envName, finality, blockTimeMs }) =>
    'tag' in finality
      ? [[envName, Math.round((finality.fallbackDepth * blockTimeMs) / 60_000)] as const]
      : [],
  )
  const others = minutes.filter(([, each]) => each !== 60)
  expect(others).toEqual([
    ['BSC', 1],
    ['POLYGON', 17],
  ])
})

test('a devnet chain keeps its id and name and has the contracts and fees of Ethereum', () => {
  const zksync = CHAINS.find((chain) => chain.chainId === 324) as ChainProfile
  const ethereum = CHAINS.find((chain) => chain.chainId === 1) as ChainProfile
  expect(devnetProfile(zksync)).toEqual({
    ...zksync,
    wrappedNative: WETH9[1]?.address.toLowerCase(),
    balancerVault: balancerVaultOf(1),
    aavePoolAddressesProvider: aave.AaveV3Ethereum.POOL_ADDRESSES_PROVIDER.toLowerCase(),
    l1FeeModel: 'none',
    gasBy: 'simulation',
    feeModel: 'eip1559',
    minTipWei: ethereum.minTipWei,
    feeLimits: ethereum.feeLimits,
    finality: { depth: 4 },
    mempoolHoldsGaps: true,
    delegatedInFlightMax: 1,
  })
})
