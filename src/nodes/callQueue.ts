import type { RpcCall } from './settleCalls.ts'

/** A queue of calls in front of a node. */
export interface CallQueue {
  push(call: RpcCall): void
}

/**
 * Collects the calls of one event-loop tick and hands them on in batches, few at a time; what comes meanwhile
 * waits and makes the next batches fuller. The number waiting is bounded by whoever calls: one call per
 * signal, and signals are bounded.
 *
 * @param options.deliver settles every call of the batch before it resolves; never rejects
 */
export function createCallQueue({
  batchMax,
  batchesInFlightMax,
  deliver,
}: {
  batchMax: number
  batchesInFlightMax: number
  deliver: (calls: readonly RpcCall[]) => Promise<void>
}): CallQueue {
  const waiting: RpcCall[] = []
  let inFlight = 0
  let scheduled = false

  function pump(): void {
    scheduled = false
    while (waiting.length > 0 && inFlight < batchesInFlightMax) {
      // Few calls are spread over the free places, so that they wait for fewer neighbours.
      const size = Math.min(batchMax, Math.ceil(waiting.length / (batchesInFlightMax - inFlight)))
      inFlight++
      void deliver(waiting.splice(0, size)).then(() => {
        inFlight--
        pump()
      })
    }
  }

  return {
    push(call) {
      waiting.push(call)
      if (scheduled || inFlight >= batchesInFlightMax) return
      scheduled = true
      setImmediate(pump)
    },
  }
}
