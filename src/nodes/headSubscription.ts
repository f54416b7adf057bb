import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { Endpoint } from './endpoint.ts'
import type { RpcOutcome } from './rpc.ts'

/** What a subscription tells. */
export interface HeadListener {
  onHead(header: unknown): void
  /** The connection is gone, and the subscription with it; not called when it was ended by its owner. */
  onEnd(): void
}

/**
 * Subscribes to new block headers on a connection that nothing else uses, so that announcements and answers
 * do not wait for each other (see `createTransportPool`). Gives back what ends it.
 *
 * @param options.onClose the connection is not used any more
 */
export async function subscribeHeads({
  endpoint,
  id,
  timeoutMs,
  listener,
  onClose,
}: {
  endpoint: Endpoint
  id: number
  timeoutMs: number
  listener: HeadListener
  onClose: () => void
}): Promise<Result<() => void>> {
  let subscription: unknown = null
  let active = true

  function end(): void {
    if (!active) return
    active = false
    void endpoint.close()
    onClose()
  }

  endpoint.listen?.({
    onEnd() {
      if (!active || subscription === null) return
      end()
      listener.onEnd()
    },
    onNotification({ method, params }) {
      const { subscription: of, result } = (params ?? {}) as { subscription?: unknown; result?: unknown }
      if (active && method === 'eth_subscription' && subscription !== null && of === subscription)
        listener.onHead(result)
    },
  })

  const { promise, resolve: settle } = Promise.withResolvers<RpcOutcome>()
  const call = { id, method: 'eth_subscribe', paramsJson: '["newHeads"]', refuses: null, settle }
  const left = await endpoint.ask([call], timeoutMs, true)
  const outcome = left ? (left.said.get(call) ?? endpoint.explain(left.failure)) : await promise
  // Without an id no announcement could be told to be of it.
  if (outcome.ok && (typeof outcome.result === 'string' || typeof outcome.result === 'number')) {
    subscription = outcome.result
    return succeed(end)
  }
  end()
  if (!outcome.ok && outcome.kind === 'transport') return fail(outcome.failure)
  return fail(failure('NODE_UNAVAILABLE', `The RPC endpoint ${endpoint.host} does not announce new blocks.`))
}
