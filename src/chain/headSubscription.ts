import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { Endpoint } from './endpoint.ts'
import type { RpcOutcome } from './rpc.ts'

/** `JsonRpc.subscribeHeads` on the first endpoint that can speak first; subscribes again at each of its connections. */
export async function subscribeHeads({
  endpoints,
  nextId,
  timeoutMs,
  onHead,
}: {
  endpoints: readonly Endpoint[]
  nextId: () => number
  timeoutMs: number
  onHead: (header: unknown) => void
}): Promise<Result<() => void>> {
  const endpoint = endpoints.find(({ listen }) => listen !== null)
  if (!endpoint?.listen) {
    return fail(
      failure('NODE_UNAVAILABLE', 'No RPC endpoint of this chain can announce new blocks: all are http.'),
    )
  }
  const ask = async (method: string, paramsJson: string): Promise<RpcOutcome> => {
    const { promise, resolve: settle } = Promise.withResolvers<RpcOutcome>()
    const left = await endpoint.ask([{ id: nextId(), method, paramsJson, settle }], timeoutMs, true)
    return left ? endpoint.explain(left.failure) : promise
  }
  /** Its id while there is one; ids end with their connection. */
  let subscription: unknown = null
  let active = true
  let opened = false
  const subscribe = async (): Promise<RpcOutcome> => {
    const outcome = await ask('eth_subscribe', '["newHeads"]')
    if (outcome.ok) subscription = outcome.result
    return outcome
  }
  endpoint.listen({
    onOpen() {
      if (active && opened) void subscribe()
    },
    onNotification({ method, params }) {
      const { subscription: id, result } = (params ?? {}) as { subscription?: unknown; result?: unknown }
      if (active && method === 'eth_subscription' && id === subscription) onHead(result)
    },
  })
  const outcome = await subscribe()
  opened = true
  active = outcome.ok
  if (outcome.ok) {
    return succeed(() => {
      active = false
      void ask('eth_unsubscribe', JSON.stringify([subscription]))
    })
  }
  if (outcome.kind === 'transport') return fail(outcome.failure)
  return fail(failure('NODE_UNAVAILABLE', `The RPC endpoint ${endpoint.host} does not announce new blocks.`))
}
