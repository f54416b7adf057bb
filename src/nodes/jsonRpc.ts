import { failure } from '../errors/failure.ts'
import { createCallLane } from './callLane.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import { subscribeHeads } from './headSubscription.ts'
import { READ_METHODS } from './readMethods.ts'
import type { JsonRpc, RpcOutcome, RpcRequest } from './rpc.ts'
import type { RpcCall } from './settleCalls.ts'

/** The bounds a client keeps; `LIMITS` has them. */
export interface RpcLimits {
  readonly rpcBatchMax: number
  readonly rpcBatchesInFlightMax: number
  readonly rpcResponseBytesMax: number
}

/**
 * The JSON-RPC client of one chain. Calls of one event-loop tick leave as batches. A read that an endpoint does not answer goes
 * to the next one; a read cut off with its connection is asked once more; a batch that is not answered in half the time is
 * asked again call by call, so that one slow call fails alone. It can only read.
 *
 * @param options.endpoints http(s)://, ws(s):// or socket paths, best first
 * @param options.timeoutMs bound of a call from when it leaves the queue to its outcome, over all endpoints
 * @param options.chainId when given, an endpoint that serves another chain is never used
 */
export function createJsonRpc({
  endpoints: urls,
  timeoutMs,
  limits,
  chainId = null,
  onRequest = () => {},
}: {
  endpoints: readonly string[]
  timeoutMs: number
  limits: RpcLimits
  chainId?: number | null
  onRequest?: (request: RpcRequest) => void
}): JsonRpc {
  const openEndpoint = (url: string, connectionsMax: number) =>
    createEndpoint({
      url,
      batchMax: limits.rpcBatchMax,
      connectionsMax,
      responseBytesMax: limits.rpcResponseBytesMax,
      chainId,
      onRequest,
    })
  const endpoints = urls.map((url) => openEndpoint(url, 4 * limits.rpcBatchesInFlightMax))
  /** Connections for announcements. */
  const announcers = new Set<Endpoint>()
  const open = new Set<RpcCall>()
  let lastId = 0
  let closed = false

  /** Sends reads until each is settled or there is nothing left to try. */
  async function deliverReads(calls: readonly RpcCall[]): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    const tried = new Set<Endpoint>()
    let left = calls
    let outcome = ALL_PAUSED
    const asked = new Set<Endpoint>()
    let askedAgain = false
    let alone = false
    for (;;) {
      const leftMs = deadlineMs - performance.now()
      const endpoint = leftMs >= 1 ? chooseEndpoint(endpoints, tried) : null
      if (!endpoint) break
      tried.add(endpoint)
      asked.add(endpoint)
      const inBatch = left.length > 1 && !alone
      const unanswered = await endpoint.ask(left, inBatch ? leftMs / 2 : leftMs, alone)
      if (!unanswered) return
      const { reason } = unanswered.failure
      left = unanswered.calls
      outcome = reason === 'timeout' ? timedOut(endpoint, asked.size) : endpoint.explain(unanswered.failure)
      if (reason === 'timeout') alone = true
      if (!askedAgain && (reason === 'reset' || (reason === 'timeout' && inBatch))) {
        askedAgain = true
        tried.delete(endpoint)
      }
    }
    for (const call of left) call.settle(outcome)
  }

  /** One exchange may have had a part of the time only; what counts is how long the caller has waited. */
  function timedOut({ host }: Endpoint, askedCount: number): RpcOutcome {
    const sentence =
      askedCount === 1
        ? `The RPC endpoint ${host} did not answer within ${timeoutMs} ms.`
        : `None of ${askedCount} RPC endpoints answered within ${timeoutMs} ms; the last was ${host}.`
    return { ok: false, kind: 'transport', failure: failure('NODE_TIMEOUT', sentence, { endpoint: host }) }
  }

  const lane = () =>
    createCallLane({
      batchMax: limits.rpcBatchMax,
      batchesInFlightMax: limits.rpcBatchesInFlightMax,
      deliver: deliverReads,
    })
  const lanes = { heavy: lane(), light: lane() }

  return {
    call(method, params, weight = 'light') {
      if (!READ_METHODS.has(method)) {
        throw new Error(
          `${method} is refused: this RPC client is read-only and lets out only methods known to be reads.`,
        )
      }
      if (closed) return Promise.resolve(CLOSED)
      return new Promise((resolve) => {
        const call: RpcCall = {
          id: ++lastId,
          method,
          paramsJson: typeof params === 'string' ? params : JSON.stringify(params),
          settle(outcome) {
            open.delete(call)
            resolve(outcome)
          },
        }
        open.add(call)
        lanes[weight].push(call)
      })
    },
    subscribeHeads(onHead) {
      const url = urls.find((_, index) => endpoints[index]?.listen)
      const endpoint = url === undefined ? null : openEndpoint(url, 1)
      if (endpoint) announcers.add(endpoint)
      const onEnd = () => endpoint && announcers.delete(endpoint)
      return subscribeHeads({ endpoint, nextId: () => ++lastId, timeoutMs, onHead, onEnd })
    },
    status: () => endpoints.map((endpoint) => endpoint.status()),
    async close() {
      closed = true
      for (const call of [...open]) call.settle(CLOSED)
      await Promise.all([...endpoints, ...announcers].map((endpoint) => endpoint.close()))
    },
  }
}

/**
 * The first endpoint that is well; else the one whose pause ends first, because trying a dead node costs little and finds it
 * alive at once. One that asked for the pause is left alone until it is over.
 */
function chooseEndpoint(endpoints: readonly Endpoint[], tried: ReadonlySet<Endpoint>): Endpoint | null {
  const nowMs = performance.now()
  let soonest: Endpoint | null = null
  for (const endpoint of endpoints) {
    if (tried.has(endpoint)) continue
    const { untilMs, asked } = endpoint.pause
    if (untilMs <= nowMs) return endpoint
    if (!asked && (soonest === null || untilMs < soonest.pause.untilMs)) soonest = endpoint
  }
  return soonest
}

const CLOSED: RpcOutcome = {
  ok: false,
  kind: 'transport',
  failure: failure('NODE_UNAVAILABLE', 'The RPC client of this chain is closed.'),
}
const ALL_PAUSED: RpcOutcome = {
  ok: false,
  kind: 'transport',
  failure: failure('NODE_UNAVAILABLE', 'Every RPC endpoint of this chain has asked for fewer requests.'),
}
