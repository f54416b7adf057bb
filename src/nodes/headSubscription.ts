import { setTimeout as sleep } from 'node:timers/promises'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { Endpoint } from './endpoint.ts'
import type { RpcOutcome } from './rpc.ts'

const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 30_000

/**
 * `JsonRpc.subscribeHeads` on a connection that nothing else uses, so that announcements and answers do not wait for each other (see
 * `createTransportPool`). It is made again whenever it is lost, and closed at the end.
 */
export async function subscribeHeads({
  endpoint,
  nextId,
  timeoutMs,
  onHead,
  onEnd,
}: {
  endpoint: Endpoint | null
  nextId: () => number
  timeoutMs: number
  onHead: (header: unknown) => void
  /** The connection is not used any more. */
  onEnd: () => void
}): Promise<Result<() => void>> {
  if (!endpoint?.listen) {
    return fail(
      failure('NODE_UNAVAILABLE', 'No RPC endpoint of this chain can announce new blocks: all are http.'),
    )
  }
  /** Its id while there is one; ids end with their connection. */
  let subscription: unknown = null
  let active = true
  let renewing = false

  async function subscribe(): Promise<RpcOutcome> {
    const { promise, resolve: settle } = Promise.withResolvers<RpcOutcome>()
    const call = { id: nextId(), method: 'eth_subscribe', paramsJson: '["newHeads"]', settle }
    const left = await endpoint?.ask([call], timeoutMs, true)
    const outcome = left ? (endpoint as Endpoint).explain(left.failure) : await promise
    if (outcome.ok) subscription = outcome.result
    return outcome
  }

  async function renew(): Promise<void> {
    if (renewing) return
    renewing = true
    for (let waitMs = RETRY_FIRST_MS; active; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
      await sleep(waitMs, undefined, { ref: false })
      if (active && (await subscribe()).ok) break
    }
    renewing = false
  }

  endpoint.listen({
    onEnd: () => void renew(),
    onNotification({ method, params }) {
      const { subscription: id, result } = (params ?? {}) as { subscription?: unknown; result?: unknown }
      if (active && method === 'eth_subscription' && id === subscription) onHead(result)
    },
  })
  function end(): void {
    active = false
    void endpoint?.close()
    onEnd()
  }

  const outcome = await subscribe()
  if (outcome.ok) return succeed(end)
  end()
  if (outcome.kind === 'transport') return fail(outcome.failure)
  return fail(failure('NODE_UNAVAILABLE', `The RPC endpoint ${endpoint.host} does not announce new blocks.`))
}
