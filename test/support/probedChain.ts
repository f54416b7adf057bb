import { addressBook } from '../../devnet/addressBook.ts'
import { devnetMarker } from '../../devnet/devnetMarker.ts'
import type { ChainConfig } from '../../src/config/chainConfig.ts'
import { CHAINS } from '../../src/config/chains.ts'
import { LIMITS } from '../../src/config/limits.ts'
import type { Address } from '../../src/domain/signal.ts'
import type { ChainFacts, DevnetBook } from '../../src/nodes/chainFacts.ts'
import { createJsonRpc } from '../../src/nodes/jsonRpc.ts'
import { probeChain } from '../../src/nodes/probe.ts'
import type { JsonRpc } from '../../src/nodes/rpc.ts'

const lower = (address: string) => address.toLowerCase() as Address

export const DEVNET_BOOK: DevnetBook = {
  marker: devnetMarker.address,
  markerText: 'titan-devnet-1',
  wrappedNative: lower(addressBook.tokens.weth.address),
  balancerVault: lower(addressBook.balancer.vault),
  aavePoolAddressesProvider: lower(addressBook.aave.poolAddressesProvider),
}

/** A chain of the table as the environment would configure it. */
export function chainConfig({
  chainId,
  endpoint,
  executor = null,
}: {
  chainId: number
  endpoint: string
  executor?: Address | null
}): ChainConfig {
  const profile = CHAINS.find((chain) => chain.chainId === chainId)
  if (!profile) throw new Error(`no chain ${chainId}`)
  return { ...profile, endpoints: [endpoint], relays: [], sendOnly: [], executor, headAgeIsSet: false }
}

/** A read-only client of a node and what the probe says of it. */
export async function probedChain({
  chainId,
  endpoint,
  executor = null,
  timeoutMs = 30_000,
}: {
  chainId: number
  endpoint: string
  executor?: Address | null
  timeoutMs?: number
}): Promise<{ rpc: JsonRpc; facts: ChainFacts }> {
  const rpc = createJsonRpc({ endpoints: [endpoint], timeoutMs, limits: LIMITS, chainId })
  const probed = await probeChain({
    rpc,
    chain: chainConfig({ chainId, endpoint, executor }),
    devnetBook: DEVNET_BOOK,
  })
  if (!probed.ok) throw new Error(probed.failure.sentence)
  return { rpc, facts: probed.value }
}
