import type { Finality } from '../config/chainConfig.ts'
import { createFreshValue } from '../domain/freshValue.ts'
import { readHead } from './heads.ts'
import type { JsonRpc } from './rpc.ts'

/** A tag moves once in minutes; how late that is noticed costs nothing. */
const FRESH_MS = 2_000
const STALE_MS = 30_000

/**
 * The newest block that no reorg takes back, by the chain's tag or by depth; null when the node does not tell.
 *
 * @param options.now milliseconds of a clock that never goes back
 */
export function createFinalBlock({
  rpc,
  finality,
  head,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  finality: Finality
  head: () => number
  now?: () => number
}): () => Promise<number | null> {
  if ('depth' in finality) return async () => head() - finality.depth
  const tagged = createFreshValue({
    async read() {
      const outcome = await rpc.call('eth_getBlockByNumber', [finality.tag, false])
      return outcome.ok ? readHead(outcome.result)?.number : undefined
    },
    freshMs: FRESH_MS,
    staleMs: STALE_MS,
    now,
  })
  return async () => (await tagged()) ?? null
}
