import { readHash } from '../domain/rpcValues.ts'
import type { Hex } from '../domain/signal.ts'
import type { Holding } from '../nodes/blockTrail.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** At most so many receipts of others for each of ours: all of a busy block would be megabytes. */
const OTHERS_MAX = 8

/**
 * Asks for all receipts of those blocks that hold several of our transactions and little else, one call each
 * (`eth_getBlockReceipts`: geth, reth, erigon, nethermind, besu).
 *
 * @returns finds a transaction's receipt as the node gave it; undefined when it is not among them
 */
export function askBlockReceipts({
  rpc,
  holdings,
}: {
  rpc: Pick<JsonRpc, 'call'>
  holdings: readonly Holding[]
}): (holding: Holding) => Promise<unknown> {
  const receipts = new Map<Hex, Promise<ReadonlyMap<Hex | null, unknown>>>()
  for (const [blockHash, ours] of Map.groupBy(holdings, (holding) => holding.blockHash))
    if (ours.length > 1 && (ours[0]?.blockSize ?? 0) <= ours.length * OTHERS_MAX)
      receipts.set(blockHash, ask(blockHash))

  async function ask(blockHash: Hex): Promise<ReadonlyMap<Hex | null, unknown>> {
    const outcome = await rpc.call('eth_getBlockReceipts', [blockHash])
    const all = outcome.ok && Array.isArray(outcome.result) ? outcome.result : []
    return new Map(all.map((receipt) => [readHash(receipt?.transactionHash), receipt]))
  }

  return async ({ blockHash, transaction }) => (await receipts.get(blockHash))?.get(transaction)
}
