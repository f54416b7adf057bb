import type { ChainConfig } from './chainConfig.ts'

/**
 * The chains with the endpoint that the devnet serves each at; frozen like the rest of the configuration.
 *
 * @throws when the devnet lacks one of the chains
 */
export function withDevnet(
  chains: readonly ChainConfig[],
  devnetChains: readonly { readonly chainId: number; readonly rpc: string }[],
): readonly ChainConfig[] {
  return Object.freeze(
    chains.map((chain) => {
      const served = devnetChains.find(({ chainId }) => chainId === chain.chainId)
      if (served === undefined) throw new Error(`The devnet does not serve chain ${chain.chainId}.`)
      return Object.freeze({ ...chain, endpoints: Object.freeze([served.rpc]) })
    }),
  )
}
