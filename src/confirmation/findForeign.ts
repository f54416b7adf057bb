import { quantityOf, readCount, readHash, readQuantity } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** A transaction that took a nonce of an account. */
export interface ForeignTransaction {
  readonly hash: Hex
  readonly block: number
  /** Null when it creates a contract. */
  readonly to: Address | null
  readonly input: Hex
  readonly valueWei: bigint
  /** It is somebody's, and carries an authorisation that the account has signed; that takes a nonce too (EIP-7702). */
  readonly isAuthorisation: boolean
}

/**
 * The transaction that took `nonce` of `account`: a search by halves for the block in which the mined count passed it, then that block's
 * transactions: the account's own, else the one with an authorisation for that nonce. Null when it is not mined up to `toBlock`, or the node does not
 * keep so much history.
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
}): Promise<ForeignTransaction | null> {
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
  const hasNonce = (of: { nonce?: unknown } | null | undefined) => readCount(of?.nonce) === nonce
  const own = transactions.find(
    (transaction) => String(transaction?.from).toLowerCase() === account && hasNonce(transaction),
  )
  // This block has taken the nonce, so that one of its authorisations is the account's.
  const authorised = transactions.find(
    ({ authorizationList: list }) => Array.isArray(list) && list.some(hasNonce),
  )
  const { hash, to, input, value } = own ?? authorised ?? {}
  const taken = readHash(hash)
  if (taken === null) return null
  return {
    hash: taken,
    block: high,
    to: typeof to === 'string' ? (to.toLowerCase() as Address) : null,
    input: typeof input === 'string' ? (input.toLowerCase() as Hex) : '0x',
    valueWei: readQuantity(value) ?? 0n,
    isAuthorisation: own === undefined,
  }
}
