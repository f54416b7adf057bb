import { createFreshValue } from '../domain/freshValue.ts'
import { readQuantity } from '../domain/rpcValues.ts'
import type { Address } from '../domain/signal.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** What the lanes' accounts hold of the native coin. */
export interface LaneBalances {
  /** Wei at `latest`, read at most every few seconds; null when the node does not tell. */
  balance(lane: Address): Promise<bigint | null>
}

const FRESH_MS = 2_000
/** A landed trade has been paid from it: an older reading may let pass what the account cannot pay. */
const STALE_MS = 5_000

export function createLaneBalances({
  rpc,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  now?: () => number
}): LaneBalances {
  const values = new Map<Address, () => Promise<bigint | undefined>>()
  return {
    async balance(lane) {
      let value = values.get(lane)
      if (value === undefined) {
        value = createFreshValue({
          async read() {
            const outcome = await rpc.call('eth_getBalance', [lane, 'latest'])
            return (outcome.ok ? readQuantity(outcome.result) : null) ?? undefined
          },
          freshMs: FRESH_MS,
          staleMs: STALE_MS,
          now,
        })
        values.set(lane, value)
      }
      return (await value()) ?? null
    },
  }
}
