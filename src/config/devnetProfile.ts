import type { ChainProfile } from './chainConfig.ts'
import { CHAINS } from './chains.ts'

/**
 * The profile of a chain when it is served by the devnet: every devnet chain, whatever its id, has Ethereum's contracts at
 * Ethereum's addresses, runs plain EVM code and charges nothing for publishing.
 */
export function devnetProfile(profile: ChainProfile): ChainProfile {
  const ethereum = CHAINS.find((chain) => chain.chainId === 1)
  if (ethereum === undefined) throw new Error('The table of chains has no Ethereum.')
  return {
    ...profile,
    wrappedNative: ethereum.wrappedNative,
    balancerVault: ethereum.balancerVault,
    aavePoolAddressesProvider: ethereum.aavePoolAddressesProvider,
    l1FeeModel: 'none',
    codeOverride: true,
  }
}
