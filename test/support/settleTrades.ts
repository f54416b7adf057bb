import { setTimeout as sleep } from 'node:timers/promises'
import type { TradingChain } from './liveWorld.ts'
import type { Json } from './startTitan.ts'

const PAUSE_MS = 300
/** More than the depth that makes a devnet block final. */
const BLOCKS = 8

/**
 * Mines until the record of every trade that has one says `final`, or the time is over. What each record says
 * then, by signal_id; null where there is none.
 */
export async function settleTrades({
  url,
  chains,
  ids,
  timeoutMs,
}: {
  url: string
  chains: readonly TradingChain[]
  ids: readonly string[]
  timeoutMs: number
}): Promise<ReadonlyMap<string, Json | null>> {
  const records = new Map<string, Json | null>()
  const deadline = performance.now() + timeoutMs
  for (;;) {
    for (const chain of chains) await chain.mine(BLOCKS)
    for (const id of ids.filter((each) => records.get(each)?.final !== true)) {
      const response = await fetch(`${url}/trades/${id}`)
      const json = await response.json()
      records.set(id, response.status === 200 ? json : null)
    }
    const isOver = [...records.values()].every((record) => record === null || record.final === true)
    if (isOver || performance.now() > deadline) return records
    await sleep(PAUSE_MS)
  }
}
