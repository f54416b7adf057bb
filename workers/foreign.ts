import { describeForeign } from '../src/confirmation/describeForeign.ts'
import { type ForeignTransaction, findForeign } from '../src/confirmation/findForeign.ts'
import { readReceipt } from '../src/confirmation/minedReceipt.ts'
import { readCount } from '../src/domain/rpcValues.ts'
import type { Address } from '../src/domain/signal.ts'
import type { JsonRpc } from '../src/nodes/rpc.ts'
import { readExecute } from '../src/route/readExecute.ts'
import type { NamedTransaction } from '../src/trading/live/liveContext.ts'

/** A nonce that somebody may have taken. */
interface Place {
  readonly lane: Address
  readonly nonce: number
}

/** Finds out who else uses the accounts. */
export interface ForeignFinder {
  /** The transaction that took a nonce after block `since`, once its block is final; null before, and when it cannot be found. */
  final(place: Place & { readonly since: number }): Promise<NamedTransaction | null>
  /** The same of a nonce that was taken lately, final or not. */
  newest(place: Place): Promise<NamedTransaction | null>
}

export function createForeignFinder({
  rpc,
  executor,
  head,
  finalBlock,
}: {
  rpc: Pick<JsonRpc, 'call'>
  executor: Address
  head: () => number
  finalBlock: () => Promise<number | null>
}): ForeignFinder {
  /** Found once, while nodes still keep that state; blocks and receipts they keep for longer. By lane and nonce. */
  const known = new Map<string, ForeignTransaction>()

  const nameOf = ({ lane, nonce }: Place) => `${lane}/${nonce}`
  async function find(
    place: Place,
    range: { fromBlock: number; toBlock: number },
  ): Promise<ForeignTransaction | null> {
    const { lane: account, nonce } = place
    const found = known.get(nameOf(place)) ?? (await findForeign({ rpc, account, nonce, ...range }))
    if (found !== null) known.set(nameOf(place), found)
    return found
  }
  const named = (transaction: ForeignTransaction): NamedTransaction => ({
    hash: transaction.hash,
    what: describeForeign({ transaction, executor, readExecute }),
  })

  return {
    async final(place) {
      const found = await find(place, { fromBlock: Math.max(0, place.since - 1), toBlock: head() })
      const final = found && (await finalBlock())
      if (final === null || found === null || found.block > final) return null
      const outcome = await rpc.call('eth_getTransactionReceipt', [found.hash])
      const receipt = outcome.ok ? readReceipt({ result: outcome.result, hash: found.hash }) : null
      if (receipt?.kind === 'mined' && receipt.receipt.inclusion.block <= final) return named(found)
      // A reorg took it away meanwhile.
      if (receipt?.kind === 'none') known.delete(nameOf(place))
      return null
    },
    async newest(place) {
      // The count that told of it may be of a block that has not been announced yet.
      const outcome = await rpc.call('eth_blockNumber', [])
      const newest = Math.max(head(), (outcome.ok && readCount(outcome.result)) || 0)
      const found = await find(place, { fromBlock: newest, toBlock: newest })
      return found && named(found)
    },
  }
}
