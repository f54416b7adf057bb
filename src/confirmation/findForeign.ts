import type { JsonRpc } from '../chain/rpc.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { readHash } from './minedReceipt.ts'
import { quantityOf, readCount } from './quantity.ts'

/**
 * The transaction of `account` that was mined with `nonce`: a search by halves for the block in which the mined count passed it, then that block's
 * transactions. Null when it is not mined up to `toBlock`, or the node does not keep so much history.
 *
 * @param options.fromBlock where it is expected at the earliest; the search goes further back, in doubling steps, when the nonce was mined before
 */
export async function findForeign({
  rpc,
  account,
  nonce,
  fromBlock,
  toBlock,
}: {
  rpc: Pick<JsonRpc, 'call'>
  account: Address
  nonce: number
  fromBlock: number
  toBlock: number
}): Promise<{ readonly hash: Hex; readonly block: number } | null> {
  const hasPassed = async (block: number): Promise<boolean | null> => {
    const outcome = await rpc.call('eth_getTransactionCount', [account, quantityOf(block)])
    const count = outcome.ok ? readCount(outcome.result) : null
    return count === null ? null : count > nonce
  }
  if ((await hasPassed(toBlock)) !== true) return null
  let [low, high] = [Math.min(fromBlock, toBlock), toBlock]
  for (let step = 1; low > 0; step *= 2) {
    const passed = await hasPassed(low - 1)
    if (passed === null) return null
    if (!passed) break
    high = low - 1
    low = Math.max(0, low - 1 - step)
  }
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const passed = await hasPassed(middle)
    if (passed === null) return null
    if (passed) high = middle
    else low = middle + 1
  }
  const outcome = await rpc.call('eth_getBlockByNumber', [quantityOf(high), true])
  const { transactions } = ((outcome.ok && outcome.result) || {}) as { transactions?: unknown }
  if (!Array.isArray(transactions)) return null
  const taken = transactions.find(
    (transaction) =>
      String(transaction?.from).toLowerCase() === account && readCount(transaction?.nonce) === nonce,
  )
  const hash = readHash(taken?.hash)
  return hash === null ? null : { hash, block: high }
}
