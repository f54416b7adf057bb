import type { ChainProfile } from './chainConfig.ts'
import { CHAINS } from './chains.ts'

/**
 * The profile of a chain when it is served by the devnet: every devnet chain, whatever its id, has Ethereum's
 * contracts at Ethereum's addresses, runs plain EVM code, charges nothing for publishing and asks Ethereum's
 * fees. Its blocks come when they are wanted, so depth and not the clock makes them final.
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
    gasBy: 'simulation',
    feeModel: ethereum.feeModel,
    minTipWei: ethereum.minTipWei,
    feeLimits: ethereum.feeLimits,
    finality: { depth: 4 },
    mempoolHoldsGaps: true,
    delegatedInFlightMax: 1,
  }
}
