import type { Address } from '../src/domain/signal.ts'
import type { DevnetBook } from '../src/nodes/chainFacts.ts'
import { addressBook } from './addressBook.ts'
import { devnetMarker } from './devnetMarker.ts'

const lower = (address: string) => address.toLowerCase() as Address

/** What the probe needs to know of the devnet's world. */
export const devnetBook: DevnetBook = {
  marker: devnetMarker.address,
  markerText: 'titan-devnet-1',
  wrappedNative: lower(addressBook.tokens.weth.address),
  balancerVault: lower(addressBook.balancer.vault),
  aavePoolAddressesProvider: lower(addressBook.aave.poolAddressesProvider),
}
