import { type Failure, failure } from '../errors/failure.ts'
import { CHAINS } from './chains.ts'

/**
 * Why a chain id cannot be served: one of the 15 without an endpoint, or none of them. Clients look for the
 * first words.
 */
export function missingChain(chainId: number): Failure {
  const profile = CHAINS.find((chain) => chain.chainId === chainId)
  if (profile === undefined) {
    const known = CHAINS.map((chain) => chain.chainId).join(', ')
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
