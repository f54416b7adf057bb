import { readCount } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { EndpointReader } from '../nodes/rpc.ts'
import { type MinedReceipt, readReceipt } from './minedReceipt.ts'

/** An account's mined count at `latest`, as one endpoint tells it. */
export interface MinedCount {
  readonly endpoint: EndpointReader
  readonly count: number
}

/** No endpoint may keep the others' answers waiting for longer. */
const COUNT_TIMEOUT_MS = 1_000

/**
 * What each endpoint counts that is well, or of all that answer where none is. One that is down, behind or of
 * another chain is not waited for and has no say: counts only decide what is given up, and that needs those
 * who answered, not everybody.
 */
export async function readMinedCounts({
  endpoints,
  account,
}: {
  endpoints: readonly EndpointReader[]
  account: Address
}): Promise<readonly MinedCount[]> {
  const serving = endpoints.filter((endpoint) => endpoint.state() !== 'wrong_chain')
  const well = serving.filter((endpoint) => endpoint.state() === 'well')
  const counts = await Promise.all(
    (well.length > 0 ? well : serving).map(async (endpoint): Promise<MinedCount | null> => {
      const params = [account, 'latest']
      const outcome = await endpoint.call('eth_getTransactionCount', params, { timeoutMs: COUNT_TIMEOUT_MS })
      const count = outcome.ok ? readCount(outcome.result) : null
      return count === null ? null : { endpoint, count }
    }),
  )
  return counts.filter((count) => count !== null)
}

/**
 * The receipt of one of our transactions from an endpoint whose count says that their nonce is mined: another
 * one may not have caught up. Null when none of them has it.
 *
 * @param options.hashAt the block that stands at a height, as far as is known: no other's receipt is believed
 */
export async function readReceiptWhereMined({
  counts,
  nonce,
  hashes,
  hashAt,
}: {
  counts: readonly MinedCount[]
  nonce: number
  hashes: readonly Hex[]
  hashAt: (height: number) => Hex | null
}): Promise<MinedReceipt | null> {
  const ahead = counts.filter(({ count }) => count > nonce).toSorted((a, b) => b.count - a.count)
  const receipts = await Promise.all(
    ahead.flatMap(({ endpoint }) =>
      hashes.map(async (hash) => {
        const outcome = await endpoint.call('eth_getTransactionReceipt', [hash], {
          timeoutMs: COUNT_TIMEOUT_MS,
        })
        const read = outcome.ok ? readReceipt({ result: outcome.result, hash }) : null
        return read?.kind === 'mined' ? read.receipt : null
      }),
    ),
  )
  const stands = ({ inclusion: { block, blockHash } }: MinedReceipt) =>
    (hashAt(block) ?? blockHash) === blockHash
  return receipts.find((receipt) => receipt !== null && stands(receipt)) ?? null
}
