import type { Address } from '../domain/signal.ts'

/** How the data-availability part of a fee is charged: the argument `l1FeeModel` of `contracts/SimulationLens.sol`. */
export type L1FeeModel = 'none' | 'op-stack' | 'scroll' | 'mantle' | 'arbitrum'

/** What is true of a chain wherever it is reached: one row of the table in `chains.ts`. Addresses that do not exist there are null. */
export interface ChainProfile {
  readonly chainId: number
  /** Display name, e.g. `BNB Chain`. */
  readonly name: string
  /** The environment's name of the chain, e.g. `BSC` in `RPC_BSC`. */
  readonly envName: string
  readonly nativeSymbol: string
  readonly wrappedNative: Address
  /** Usual time between blocks, ms. */
  readonly blockTimeMs: number
  readonly l1FeeModel: L1FeeModel
  /** Whether EVM code injected by a state override can run there (false: zkSync Era's own bytecode format). */
  readonly codeOverride: boolean
  readonly balancerVault: Address | null
  readonly aavePoolAddressesProvider: Address | null
  readonly explorer: string
}

/** A configured chain: its profile plus what the environment says. Plain data: it crosses into the chain thread. */
export interface ChainConfig extends ChainProfile {
  /** http(s)://, ws(s):// or a path of an IPC socket; tried in this order. At least one. */
  readonly endpoints: readonly string[]
  /** Deployed executor; null in PAPER means its code is injected. */
  readonly executor: Address | null
}
