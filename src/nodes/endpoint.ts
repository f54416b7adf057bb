import type { EndpointStatus } from '../dispatch/protocol.ts'
import { failure } from '../errors/failure.ts'
import { openTransport } from './openTransport.ts'
import type { RpcOutcome, RpcRequest } from './rpc.ts'
import { type RpcCall, settleCalls, type Unanswered } from './settleCalls.ts'
import { type ExchangeFailure, exchangeFailure, type StreamListener } from './transport.ts'

export interface Endpoint {
  readonly host: string
  /** When it may be used again after trouble (`performance.now()`); and whether it asked for the pause itself. */
  readonly pause: { readonly untilMs: number; readonly asked: boolean }
  /** Settles what it gets answers to, and gives back the rest; null when nothing is left. */
  ask(calls: readonly RpcCall[], timeoutMs: number, alone: boolean): Promise<Unanswered | null>
  /** What to say of it when `failure` is all it gave. */
  explain(failure: ExchangeFailure): RpcOutcome & { ok: false; kind: 'transport' }
  listen: ((listener: StreamListener) => void) | null
  status(): EndpointStatus
  close(): Promise<void>
}

const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 30_000
/** Weight of the newest exchange in the latency average. */
const LATENCY_WEIGHT = 0.2

/** One RPC endpoint of a chain: its connection, what it can take, and how it has been lately. */
export function createEndpoint({
  url,
  batchMax: configuredBatchMax,
  connectionsMax,
  responseBytesMax,
  chainId,
  onRequest,
}: {
  url: string
  batchMax: number
  connectionsMax: number
  responseBytesMax: number
  /** When given, nothing is asked of an endpoint before it has said that it serves this chain; and again after trouble. */
  chainId: number | null
  onRequest: (request: RpcRequest) => void
}): Endpoint {
  const { transport, host } = openTransport({
    url,
    connectionsMax,
    responseBytesMax,
    // Another node may stand at this address when it is next asked.
    onDisconnect() {
      introduction = null
    },
  })
  let batchMax = configuredBatchMax
  let failures = 0
  let pause = { untilMs: 0, asked: false }
  let latencyMs: number | null = null
  let lastError: string | null = null
  let clientVersion: string | null = null
  let introduction: Promise<ExchangeFailure | null> | null = null

  function succeeded(startedAtMs: number): void {
    const tookMs = performance.now() - startedAtMs
    latencyMs = latencyMs === null ? tookMs : latencyMs + LATENCY_WEIGHT * (tookMs - latencyMs)
    failures = 0
    lastError = null
    pause = { untilMs: 0, asked: false }
  }

  function failed(reason: ExchangeFailure): void {
    failures++
    // How much of the time this exchange had says nothing about the endpoint.
    lastError = reason.reason === 'timeout' ? 'It did not answer in time.' : `It ${reason.detail}.`
    const waitMs = Math.min(
      PAUSE_MAX_MS,
      reason.retryAfterMs ?? PAUSE_FIRST_MS * 2 ** Math.min(failures - 1, 10),
    )
    pause = { untilMs: performance.now() + waitMs, asked: reason.reason === 'rate-limited' }
    if (reason.reason === 'unreachable' || reason.reason === 'reset') introduction = null
  }

  /** One payload: settles every call that got an answer. `proves`: that it is answered makes the endpoint well. */
  async function send(
    calls: readonly RpcCall[],
    timeoutMs: number,
    proves = true,
  ): Promise<Unanswered | null> {
    const startedAtMs = performance.now()
    const exchange = await transport.exchange({
      body: calls.length === 1 ? callText(calls[0] as RpcCall) : `[${calls.map(callText).join(',')}]`,
      ids: calls.map(({ id }) => id),
      timeoutMs,
    })
    const outcome: Unanswered | null = exchange.ok
      ? settleCalls(calls, exchange.reply)
      : { calls, failure: exchange }
    report(calls, startedAtMs, outcome === null)
    const reason = outcome?.failure.reason
    if (outcome && calls.length > 1 && (reason === 'payload-refused' || reason === 'incomplete')) {
      const size = calls.length >> 1
      if (reason === 'payload-refused') batchMax = Math.min(batchMax, size)
      const leftMs = timeoutMs - (performance.now() - startedAtMs)
      if (leftMs > 0) return sendAll(outcome.calls, leftMs, size)
    }
    if (outcome) failed(outcome.failure)
    else if (proves) succeeded(startedAtMs)
    return outcome
  }

  async function sendAll(
    calls: readonly RpcCall[],
    timeoutMs: number,
    size: number,
  ): Promise<Unanswered | null> {
    if (calls.length <= size) return send(calls, timeoutMs)
    const parts: Promise<Unanswered | null>[] = []
    for (let at = 0; at < calls.length; at += size) parts.push(send(calls.slice(at, at + size), timeoutMs))
    const left = (await Promise.all(parts)).filter((part) => part !== null)
    const first = left[0]
    return first ? { calls: left.flatMap((part) => part.calls), failure: first.failure } : null
  }

  function report(calls: readonly RpcCall[], startedAtMs: number, ok: boolean): void {
    const seconds = (performance.now() - startedAtMs) / 1_000
    const counts = new Map<string, number>()
    for (const { method } of calls) counts.set(method, (counts.get(method) ?? 0) + 1)
    for (const [method, count] of counts) onRequest({ host, method, calls: count, seconds, ok })
  }

  /** Asks who it is, once per connection life; null when it may be used. */
  function introduce(timeoutMs: number): Promise<ExchangeFailure | null> {
    introduction ??= (async () => {
      let answer: RpcOutcome | null = null
      const ask = (id: number, method: string, settle: RpcCall['settle']) =>
        send([{ id, method, paramsJson: '[]', settle }], timeoutMs, false)
      const [left] = await Promise.all([
        ask(-1, 'eth_chainId', (outcome) => {
          answer = outcome
        }),
        ask(-2, 'web3_clientVersion', (outcome) => {
          if (outcome.ok && typeof outcome.result === 'string') clientVersion = outcome.result
        }),
      ])
      if (left) return left.failure
      const problem = chainMismatch(answer, chainId)
      if (problem) failed({ ...problem, retryAfterMs: PAUSE_MAX_MS })
      return problem
    })().then((problem) => {
      if (problem) introduction = null
      return problem
    })
    return introduction
  }

  return {
    host,
    get pause() {
      return pause
    },
    async ask(calls, timeoutMs, alone) {
      const startedAtMs = performance.now()
      if (chainId !== null) {
        const problem = await introduce(timeoutMs)
        if (problem) return { calls, failure: problem }
      }
      const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAtMs))
      return sendAll(calls, leftMs, alone ? 1 : batchMax)
    },
    explain(reason) {
      const code = reason.reason === 'timeout' ? 'NODE_TIMEOUT' : 'NODE_UNAVAILABLE'
      const sentence = `The RPC endpoint ${host} ${reason.detail}.`
      return { ok: false, kind: 'transport', failure: failure(code, sentence, { endpoint: host }) }
    },
    listen: transport.listen ? transport.listen.bind(transport) : null,
    status: () => ({
      host,
      healthy: failures === 0,
      clientVersion,
      latencyMs: latencyMs && Math.round(latencyMs * 100) / 100,
      lastError,
    }),
    close: () => transport.close(),
  }
}

const callText = ({ id, method, paramsJson }: RpcCall) =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${paramsJson}}`

function chainMismatch(answer: RpcOutcome | null, chainId: number | null): ExchangeFailure | null {
  if (!answer?.ok) return exchangeFailure('unusable', 'did not say which chain it serves')
  const served = Number(answer.result)
  return served === chainId
    ? null
    : exchangeFailure('unusable', `serves chain ${served}, not chain ${chainId}`)
}
