import { getAddress } from 'ethers'
import type { Address } from '../domain/signal.ts'

/** The same few routers and tokens come again and again, and a checksum costs a hash. */
const KNOWN_MAX = 20_000
const known = new Map<Address, string>()

/** The EIP-55 spelling of an address. */
export function checksumAddress(address: Address): string {
  const seen = known.get(address)
  if (seen !== undefined) return seen
  const spelled = getAddress(address)
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(address, spelled)
  return spelled
}
