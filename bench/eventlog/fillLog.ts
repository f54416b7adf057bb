import type { OutboxEvent } from '../../src/dispatch/protocol.ts'
import { uuidV7 } from '../../src/domain/uuidV7.ts'
import type { EventStore } from '../../src/eventlog/eventStore.ts'

/** As many events share a commit as in 20 ms at 50,000 a second. */
const GROUP = 1_000
export const CHAIN_IDS = [
  1, 10, 56, 137, 204, 250, 324, 5000, 8453, 42161, 42220, 43114, 59144, 81457, 534352,
]
/** As long as that of a PAPER trade. */
const FILLING = 'x'.repeat(780)

/** The `place`-th trade of a history: three of five filled, few open, on all chains. */
export function sampleEvent(place: number): { chainId: number; event: OutboxEvent } {
  const chainId = CHAIN_IDS[place % CHAIN_IDS.length] as number
  const signalId = uuidV7()
  const outcome = place % 10_007 === 0 ? 'open' : place % 5 < 3 ? 'filled' : 'failed'
  return {
    chainId,
    event: {
      outboxId: Math.floor(place / CHAIN_IDS.length) + 1,
      signalId,
      type: 'paper_execution',
      outcome,
      code: outcome === 'failed' ? 'UNPROFITABLE' : null,
      timestampMs: Date.now(),
      json: JSON.stringify({
        type: 'paper_execution',
        signal: { signal_id: signalId, chainId },
        text: FILLING,
      }),
    },
  }
}

/** Appends trades `from` to `to` by the log's own code; microseconds an event. */
export function fillLog({ store, from, to }: { store: EventStore; from: number; to: number }): number {
  const startedMs = performance.now()
  for (let place = from; place < to; place += GROUP) {
    const count = Math.min(GROUP, to - place)
    store.append(Array.from({ length: count }, (_, index) => sampleEvent(place + index)))
  }
  return ((performance.now() - startedMs) * 1_000) / (to - from)
}
