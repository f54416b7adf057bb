import type { ChainProfile } from '../config/chainConfig.ts'
import { type Failure, failure } from '../errors/failure.ts'

/**
 * Why a chain id cannot be served: one of the chains in the table without an endpoint, or none of them.
 * Clients look for the first words.
 */
export function missingChain(
  chains: readonly Pick<ChainProfile, 'chainId' | 'name' | 'envName'>[],
  chainId: number,
): Failure {
  const profile = chains.find((chain) => chain.chainId === chainId)
  if (profile === undefined) {
    const known = chains.map((chain) => chain.chainId).join(', ')
    return failure('UNKNOWN_CHAIN', `Chain ${chainId} not configured: the chains are ${known}.`, {
      chain_id: chainId,
    })
  }
  const setting = `RPC_${profile.envName}`
  const sentence = `Chain ${chainId} not configured: ${profile.name} has no RPC endpoint.`
  return failure(
    'UNKNOWN_CHAIN',
    sentence,
    { chain_id: chainId, setting },
    `Set ${setting} in .env and restart.`,
  )
}
