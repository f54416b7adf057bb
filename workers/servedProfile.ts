import type { ChainConfig, ChainProfile } from '../src/config/chainConfig.ts'
import { devnetProfile } from '../src/config/devnetProfile.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'

/** What depends on who serves the chain: how it prices, and when its blocks are final. */
export type ServedProfile = Pick<
  ChainProfile,
  | 'feeModel'
  | 'minTipWei'
  | 'finality'
  | 'l1FeeModel'
  | 'gasBy'
  | 'blockTimeMs'
  | 'mempoolHoldsGaps'
  | 'delegatedInFlightMax'
>

/** The chain's own profile, or the devnet's where the probe has found its world, whatever the chain id. */
export const servedProfile = ({ chain, facts }: { chain: ChainConfig; facts: ChainFacts }): ServedProfile =>
  facts.devnet ? devnetProfile(chain) : chain
