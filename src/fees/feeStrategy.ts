import type { MarketFee } from '../domain/fees.ts'

/** One way to price a transaction: what it asks a node, and what it makes of the answer. Pure. */
export interface FeeStrategy {
  readonly method: string
  /** Its parameters as JSON text. */
  readonly params: string
  /**
   * @param observation.result what the node answered
   * @param observation.minTipWei the chain's least tip per gas
   * @returns null when the answer is none
   */
  quote(observation: { result: unknown; minTipWei: bigint }): MarketFee | null
  /** What to go by where a node does not know the method; null when there is nothing else. */
  readonly fallback: FeeStrategy | null
}
