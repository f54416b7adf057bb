import { addressBook, type DevnetAddress } from './addressBook.ts'
import { devnetMarker } from './devnetMarker.ts'

const lower = (address: string) => address.toLowerCase() as DevnetAddress

/** What the probe of a chain (`DevnetBook` of `nodes/chainFacts.ts`) needs to know of the devnet's world. */
export const devnetBook = {
  marker: devnetMarker.address,
  markerText: 'titan-devnet-1',
  wrappedNative: lower(addressBook.tokens.weth.address),
  balancerVault: lower(addressBook.balancer.vault),
  aavePoolAddressesProvider: lower(addressBook.aave.poolAddressesProvider),
} as const
