import type { EndpointState, EndpointStatus } from '../dispatch/protocol.ts'
import { failure } from '../errors/failure.ts'
import { type CallQueue, createCallQueue } from './callQueue.ts'
import { createEndpoint, type Endpoint } from './endpoint.ts'
import type { HeadAge } from './headAge.ts'
import { createHeadBoard } from './headBoard.ts'
import { subscribeHeads } from './headSubscription.ts'
import { type Head, headPaces } from './heads.ts'
import { OWN_BLOCK_PARAMS, readOwnBlock } from './ownBlock.ts'
import { READ_METHODS } from './readMethods.ts'
import type { EndpointReader, JsonRpc, Refuses, RpcOutcome, RpcParams, RpcRequest } from './rpc.ts'
import type { RpcCall } from './settleCalls.ts'

/** The bounds a client keeps; `LIMITS` has them. */
export interface RpcLimits {
  readonly rpcBatchMax: number
  readonly rpcBatchesInFlightMax: number
  readonly rpcResponseBytesMax: number
}

/** The endpoints that may be asked. */
interface Among {
  readonly endpoints: readonly Endpoint[]
  /** Also one whose blocks do not fit those of the others. */
  readonly evenStraying?: boolean
}

/**
 * One that is well is passed over while another that is well answers in so small a part of its average time,
 * and so much sooner.
 */
const SLOWER_FACTOR = 4
const SLOWER_MS = 250

/** While heads differ, an endpoint is asked for its own block no sooner again. */
const VERIFY_AGAIN_MS = 5_000
/** Of the slowest chain; what two endpoints may differ by follows from it. */
const BLOCK_TIME_MS = 12_000
/**
 * After so many polls without a head an endpoint has fallen silent; in trouble after two blocks already, and
 * not by what is over in a moment.
 */
const SILENT_POLLS = 3
const SILENT_MIN_MS = 5_000

/**
 * The JSON-RPC client of one chain. Calls of one event-loop tick leave as batches. A read that an endpoint
 * does not answer, or answers with trouble of its own, goes to the next one, and while there is a next one
 * none gets more than half of the time that is left; a read cut off with its connection is asked once more; a
 * batch that is not answered in half the time is asked again call by call, so that one slow call fails alone.
 * It can only read.
 *
 * @param options.endpoints http(s)://, ws(s):// or socket paths, best first
 * @param options.timeoutMs bound of a call from when it leaves the queue to its outcome, over all endpoints
 * @param options.chainId when given, an endpoint that serves another chain is never used
 * @param options.blockTimeMs usual time between blocks
 * @param options.headAge how old a head is; without it heads are held against each other only
 */
export function createJsonRpc({
  endpoints: urls,
  timeoutMs,
  limits,
  chainId = null,
  blockTimeMs = BLOCK_TIME_MS,
  headAge = null,
  onRequest = () => {},
}: {
  endpoints: readonly string[]
  timeoutMs: number
  limits: RpcLimits
  chainId?: number | null
  blockTimeMs?: number
  headAge?: HeadAge | null
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
  const shownAtMs: number[] = urls.map(() => Number.NEGATIVE_INFINITY)
  const silentAfterMs = {
    well: SILENT_POLLS * headPaces(blockTimeMs).othersMs,
    troubled: Math.max(2 * blockTimeMs, SILENT_MIN_MS),
  }
  const speaks = (index: number) =>
    performance.now() - (shownAtMs[index] ?? 0) <
    (endpoints[index]?.trouble === null ? silentAfterMs.well : silentAfterMs.troubled)
  const board = createHeadBoard({ count: urls.length, blockTimeMs, age: headAge, speaks })
  /** Connections for announcements. */
  const announcers = new Set<Endpoint>()
  const open = new Set<RpcCall>()
  let lastId = 0
  let closed = false

  function stateOf(index: number): EndpointState {
    const trouble = endpoints[index]?.trouble ?? null
    if (trouble !== null) return trouble
    if (board.strays(index)) return 'wrong_chain'
    return board.behind(index) === null ? 'well' : 'behind'
  }

  /**
   * The first of those not tried that is well and not far slower than another; else the first that is behind;
   * else the one whose pause ends first, because trying a dead node costs little and finds it alive at once.
   * One that asked for the pause is left alone until it is over, one whose blocks stray always, and one of
   * another chain is asked nothing but who it is.
   */
  function choose({ endpoints: among, evenStraying }: Among, tried: ReadonlySet<Endpoint>): Endpoint | null {
    const nowMs = performance.now()
    const well: Endpoint[] = []
    let behind: Endpoint | null = null
    let soonest: Endpoint | null = null
    for (const endpoint of among) {
      if (tried.has(endpoint)) continue
      const state = stateOf(endpoints.indexOf(endpoint))
      const { untilMs, asked } = endpoint.pause
      if (state === 'well') well.push(endpoint)
      else if (state === 'behind') behind ??= endpoint
      else if ((endpoint.trouble === null && !evenStraying) || (asked && untilMs > nowMs)) continue
      else if (soonest === null || untilMs < soonest.pause.untilMs) soonest = endpoint
    }
    return well.find((endpoint) => !isSlow(endpoint, well)) ?? behind ?? soonest
  }

  /**
   * No call is risked on one that was in trouble while another is there; whether it is well again is asked
   * beside.
   */
  function recheckPaused(chosen: Endpoint): void {
    if (chosen.trouble !== null) return
    const nowMs = performance.now()
    for (const endpoint of endpoints)
      if (endpoint.trouble !== null && endpoint.pause.untilMs <= nowMs) endpoint.recheck(timeoutMs)
  }

  /** Sends reads until each is settled or there is nothing left to try. */
  async function deliver(
    calls: readonly RpcCall[],
    { among, timeoutMs }: { among: Among; timeoutMs: number },
  ): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    const tried = new Set<Endpoint>()
    const asked = new Set<Endpoint>()
    const said = new Map<RpcCall, RpcOutcome>()
    let left = calls
    let outcome = unusable(among)
    let askedAgain = false
    let alone = false
    for (;;) {
      const leftMs = deadlineMs - performance.now()
      const endpoint = leftMs >= 1 ? choose(among, tried) : null
      if (!endpoint) break
      recheckPaused(endpoint)
      tried.add(endpoint)
      asked.add(endpoint)
      const inBatch = left.length > 1 && !alone
      const isLast = choose(among, asked) === null
      const unanswered = await endpoint.ask(left, inBatch || !isLast ? leftMs / 2 : leftMs, alone)
      if (!unanswered) return
      const { reason } = unanswered.failure
      left = unanswered.calls
      for (const [call, words] of unanswered.said) said.set(call, words)
      if (reason === 'timeout') outcome = timedOut({ endpoint, count: asked.size, timeoutMs })
      else outcome = endpoint.explain(unanswered.failure)
      if (reason === 'timeout') alone = true
      if (!askedAgain && (reason === 'reset' || (reason === 'timeout' && inBatch))) {
        askedAgain = true
        tried.delete(endpoint)
      }
    }
    for (const call of left) call.settle(said.get(call) ?? outcome)
  }

  /** One exchange may have had a part of the time only; what counts is how long the caller has waited. */
  function timedOut({
    endpoint: { host },
    count,
    timeoutMs,
  }: {
    endpoint: Endpoint
    count: number
    timeoutMs: number
  }): RpcOutcome {
    const sentence =
      count === 1
        ? `The RPC endpoint ${host} did not answer within ${timeoutMs} ms.`
        : `None of ${count} RPC endpoints answered within ${timeoutMs} ms; the last was ${host}.`
    return { ok: false, kind: 'transport', failure: failure('NODE_TIMEOUT', sentence, { endpoint: host }) }
  }

  /** What is said when none of them may be asked now. */
  function unusable({ endpoints: among }: Among): RpcOutcome {
    const why = among.map(({ host, trouble }) =>
      trouble === 'limited'
        ? `${host} has asked for fewer requests`
        : `the blocks of ${host} do not fit those of the other endpoints`,
    )
    const sentence = `No RPC endpoint may be asked now: ${why.join(', ')}.`
    return { ok: false, kind: 'transport', failure: failure('NODE_UNAVAILABLE', sentence) }
  }

  const queue = (among: Among, timeoutMs: number): CallQueue =>
    createCallQueue({
      batchMax: limits.rpcBatchMax,
      batchesInFlightMax: limits.rpcBatchesInFlightMax,
      deliver: (calls) => deliver(calls, { among, timeoutMs }),
    })

  function enqueue(
    to: () => CallQueue,
    { method, params, refuses = null }: { method: string; params: RpcParams; refuses?: Refuses | null },
  ): Promise<RpcOutcome> {
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
        refuses,
        settle(outcome) {
          open.delete(call)
          resolve(outcome)
        },
      }
      open.add(call)
      to().push(call)
    })
  }

  function createReader(endpoint: Endpoint, index: number): EndpointReader {
    /** By the time their calls have. */
    const queues = new Map<number, CallQueue>()
    function queueFor(ms: number): CallQueue {
      const known = queues.get(ms) ?? queue({ endpoints: [endpoint] }, ms)
      queues.set(ms, known)
      return known
    }
    const heads = queue({ endpoints: [endpoint], evenStraying: true }, timeoutMs / 2)
    let verified: Head | null = null
    let verifiedAtMs = Number.NEGATIVE_INFINITY
    return {
      host: endpoint.host,
      askHead: () => enqueue(() => heads, { method: 'eth_getBlockByNumber', params: '["latest",false]' }),
      call: (method, params, options) =>
        enqueue(() => queueFor(options?.timeoutMs ?? timeoutMs / 2), { method, params }),
      state: () => stateOf(index),
      servesOtherChain: () => endpoint.trouble === 'wrong_chain',
      head: () => board.head(index),
      saw(head) {
        shownAtMs[index] = performance.now()
        board.saw(index, head)
      },
      isBelieved: () => endpoint.trouble !== 'wrong_chain' && !board.strays(index) && speaks(index),
      async verifyHead() {
        const head = board.head(index)
        if (head === null || head === verified || urls.length === 1 || !board.matters(index)) return false
        const nowMs = performance.now()
        if (nowMs - verifiedAtMs < VERIFY_AGAIN_MS) return false
        verified = head
        verifiedAtMs = nowMs
        const outcome = await enqueue(() => heads, { method: 'eth_call', params: OWN_BLOCK_PARAMS })
        const block = outcome.ok ? readOwnBlock(outcome.result) : null
        return board.stoodOn(index, { block, head })
      },
      subscribeHeads:
        endpoint.listen &&
        ((listener) => {
          const announcer = openEndpoint(urls[index] as string, 1)
          announcers.add(announcer)
          const onClose = () => announcers.delete(announcer)
          return subscribeHeads({ endpoint: announcer, id: ++lastId, timeoutMs, listener, onClose })
        }),
    }
  }

  function status(endpoint: Endpoint, index: number): EndpointStatus {
    const state = stateOf(index)
    const head = board.head(index)
    const { clientVersion, latencyMs, lastError } = endpoint.status()
    return {
      host: endpoint.host,
      state,
      healthy: state === 'well' || state === 'behind',
      head: head?.number ?? null,
      headAgeMs: head && headAge ? Math.round(headAge.ageMs(head)) : null,
      behind: state === 'behind' ? board.behind(index) : null,
      clientVersion,
      latencyMs,
      lastError: state === 'wrong_chain' && lastError === null ? STRAY : lastError,
    }
  }

  const queues = { heavy: queue({ endpoints }, timeoutMs), light: queue({ endpoints }, timeoutMs) }

  return {
    call: (method, params, weight = 'light', refuses) =>
      enqueue(() => queues[weight], { method, params, refuses: refuses ?? null }),
    endpoints: endpoints.map(createReader),
    status: () => endpoints.map(status),
    async close() {
      closed = true
      for (const call of [...open]) call.settle(CLOSED)
      await Promise.all([...endpoints, ...announcers].map((endpoint) => endpoint.close()))
    },
  }
}

/** By their averages; head polls go on measuring one that is passed over. The fastest is never slow. */
function isSlow(endpoint: Endpoint, well: readonly Endpoint[]): boolean {
  const { latencyMs: ownMs } = endpoint.status()
  return well.some((other) => {
    const { latencyMs } = other.status()
    if (ownMs === null || latencyMs === null) return false
    return ownMs > SLOWER_FACTOR * latencyMs && ownMs > latencyMs + SLOWER_MS
  })
}

const STRAY = 'Its blocks do not fit those of the other endpoints.'

const CLOSED: RpcOutcome = {
  ok: false,
  kind: 'transport',
  failure: failure('NODE_UNAVAILABLE', 'The RPC client of this chain is closed.'),
}
