import type { EndpointState } from '../dispatch/protocol.ts'
import { failure } from '../errors/failure.ts'
import { readHead } from './heads.ts'
import { openTransport } from './openTransport.ts'
import type { RpcOutcome, RpcRequest } from './rpc.ts'
import { type EndpointFailure, type RpcCall, settleCalls, type Unanswered } from './settleCalls.ts'
import { exchangeFailure, type StreamListener } from './transport.ts'

/** What keeps an endpoint from being asked, by its own answers; null when nothing does. */
export type EndpointTrouble = Exclude<EndpointState, 'well' | 'behind'> | null

export interface Endpoint {
  readonly host: string
  readonly trouble: EndpointTrouble
  /**
   * When it may be used again after trouble (`performance.now()`); and whether it asked for the pause itself.
   */
  readonly pause: { readonly untilMs: number; readonly asked: boolean }
  /** Settles what it gets answers to, and gives back the rest; null when nothing is left. */
  ask(calls: readonly RpcCall[], timeoutMs: number, alone: boolean): Promise<Unanswered | null>
  /**
   * Asks who it is and for its newest block, to learn whether it is well again; once at a time. That it says
   * who it is proves nothing: a gateway does so whose node is gone.
   */
  recheck(timeoutMs: number): void
  /** What to say of it when `failure` is all it gave. */
  explain(failure: EndpointFailure): RpcOutcome & { ok: false; kind: 'transport' }
  listen: ((listener: StreamListener) => void) | null
  status(): { clientVersion: string | null; latencyMs: number | null; lastError: string | null }
  close(): Promise<void>
}

const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 30_000
/** An endpoint that answers nothing else for so often and so long cannot be used. */
const TROUBLES_MAX = 3
const TROUBLES_MS = 1_000
/** Weight of the newest exchange in the latency average. */
const LATENCY_WEIGHT = 0.2
/** After so long larger batches are tried again: what refused them may have been trouble of an hour. */
const BATCH_LIMIT_MS = 600_000

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
  /**
   * When given, nothing is asked of an endpoint before it has said that it serves this chain; and again after
   * trouble.
   */
  chainId: number | null
  onRequest: (request: RpcRequest) => void
}): Endpoint {
  const { transport, host, redact } = openTransport({
    url,
    connectionsMax,
    responseBytesMax,
    // Another node may stand at this address when it is next asked.
    onDisconnect() {
      introduction = null
    },
  })
  let batchMax = configuredBatchMax
  let batchLimitedAtMs = 0
  let failures = 0
  /** Exchanges in a row that brought nothing but trouble of the node. */
  let troubles = { count: 0, sinceMs: 0 }
  let trouble: EndpointTrouble = null
  let pause = { untilMs: 0, asked: false }
  let latencyMs: number | null = null
  let lastError: string | null = null
  let clientVersion: string | null = null
  let introduction: Promise<EndpointFailure | null> | null = null
  let rechecking = false
  /** Of what is asked beside the calls; theirs are positive. */
  let lastOwnId = 0

  function succeeded(startedAtMs: number): void {
    const tookMs = performance.now() - startedAtMs
    latencyMs = latencyMs === null ? tookMs : latencyMs + LATENCY_WEIGHT * (tookMs - latencyMs)
    failures = 0
    troubles = { count: 0, sinceMs: 0 }
    // Only its own word that it serves this chain makes one that served another well again.
    if (trouble === 'wrong_chain') return
    trouble = null
    lastError = null
    pause = { untilMs: 0, asked: false }
  }

  function failed(reason: EndpointFailure): void {
    failures++
    if (reason.reason === 'unreachable' || reason.reason === 'reset') introduction = null
    if (trouble !== 'wrong_chain') trouble = troubleOf(reason)
    // How much of the time this exchange had says nothing about the endpoint.
    lastError = reason.reason === 'timeout' ? 'It did not answer in time.' : `It ${reason.detail}.`
    const waitMs = Math.min(
      PAUSE_MAX_MS,
      reason.retryAfterMs ?? PAUSE_FIRST_MS * 2 ** Math.min(failures - 1, 10),
    )
    pause = { untilMs: performance.now() + waitMs, asked: reason.reason === 'rate-limited' }
  }

  /**
   * Trouble with one call says little of the endpoint: some state it has dropped, a block it is about to
   * have.
   */
  function answeredTrouble(reason: EndpointFailure): void {
    const nowMs = performance.now()
    troubles = { count: troubles.count + 1, sinceMs: troubles.count === 0 ? nowMs : troubles.sinceMs }
    if (troubles.count >= TROUBLES_MAX && nowMs - troubles.sinceMs >= TROUBLES_MS) failed(reason)
  }

  /** One payload, once. The endpoint is well before those who asked hear of it. */
  async function exchange(
    calls: readonly RpcCall[],
    timeoutMs: number,
    proves: boolean,
  ): Promise<Unanswered | null> {
    const startedAtMs = performance.now()
    const reply = await transport.exchange({
      body: calls.length === 1 ? callText(calls[0] as RpcCall) : `[${calls.map(callText).join(',')}]`,
      ids: calls.map(({ id }) => id),
      timeoutMs,
    })
    const outcome = reply.ok
      ? settleCalls(calls, reply.reply, { host, redact })
      : { calls, failure: redacted(reply), said: NOTHING_SAID }
    report(calls, startedAtMs, outcome === null)
    if (outcome?.failure.reason === 'troubled') answeredTrouble(outcome.failure)
    else if (proves && (outcome === null || outcome.failure.reason === 'declined')) succeeded(startedAtMs)
    return outcome
  }

  const redacted = (reason: EndpointFailure) => ({ ...reason, detail: redact(reason.detail) })

  /**
   * One payload: settles every call that got an answer. `proves`: that it is answered makes the endpoint
   * well.
   */
  async function send(
    calls: readonly RpcCall[],
    timeoutMs: number,
    proves = true,
  ): Promise<Unanswered | null> {
    const startedAtMs = performance.now()
    const leftMs = () => timeoutMs - (performance.now() - startedAtMs)
    let outcome = await exchange(calls, timeoutMs, proves)
    if (outcome && calls.length > 1) {
      const size = calls.length >> 1
      switch (outcome.failure.reason) {
        case 'incomplete':
          if (leftMs() > 0) return sendAll(outcome.calls, leftMs(), size)
          break
        case 'payload-refused':
          limitBatches(size)
          if (leftMs() > 0) return sendAll(outcome.calls, leftMs(), size)
          break
        case 'rate-limited':
        case 'unusable': {
          // Some refuse a batch with words that could mean anything. A call that passes alone tells that it
          // was the batch.
          if (outcome.calls.length < calls.length || outcome.failure.retryAfterMs !== null || leftMs() <= 0)
            break
          const [first, ...others] = outcome.calls as [RpcCall, ...RpcCall[]]
          const alone = await exchange([first], leftMs(), proves)
          if (alone === null || hasAnswered(alone)) {
            limitBatches(size)
            return both(
              alone,
              leftMs() > 0 ? await sendAll(others, leftMs(), size) : { ...outcome, calls: others },
            )
          }
          outcome = { ...alone, calls: outcome.calls }
          break
        }
      }
    }
    if (outcome && !hasAnswered(outcome)) failed(outcome.failure)
    return outcome
  }

  function limitBatches(size: number): void {
    batchMax = Math.min(batchMax, size)
    batchLimitedAtMs = performance.now()
  }

  async function sendAll(
    calls: readonly RpcCall[],
    timeoutMs: number,
    size: number,
  ): Promise<Unanswered | null> {
    if (calls.length <= size) return send(calls, timeoutMs)
    const parts: Promise<Unanswered | null>[] = []
    for (let at = 0; at < calls.length; at += size) parts.push(send(calls.slice(at, at + size), timeoutMs))
    return (await Promise.all(parts)).reduce(both, null)
  }

  function report(calls: readonly RpcCall[], startedAtMs: number, ok: boolean): void {
    const seconds = (performance.now() - startedAtMs) / 1_000
    const counts = new Map<string, number>()
    for (const { method } of calls) counts.set(method, (counts.get(method) ?? 0) + 1)
    for (const [method, count] of counts) onRequest({ host, method, calls: count, seconds, ok })
  }

  /** What is answered beside the calls does not make it well. */
  const askBeside = (call: Pick<RpcCall, 'method' | 'paramsJson' | 'settle'>, timeoutMs: number) =>
    send([{ ...call, id: --lastOwnId, refuses: null }], timeoutMs, false)

  async function proveWell(timeoutMs: number): Promise<void> {
    introduction = null
    if ((await introduce(timeoutMs)) !== null) return
    const startedAtMs = performance.now()
    let hasBlock = false
    const left = await askBeside(
      {
        method: 'eth_getBlockByNumber',
        paramsJson: '["latest",false]',
        settle(outcome) {
          hasBlock = outcome.ok && readHead(outcome.result) !== null
        },
      },
      timeoutMs,
    )
    if (hasBlock) succeeded(startedAtMs)
    else if (left === null || hasAnswered(left))
      failed(exchangeFailure('unusable', 'did not give its newest block'))
  }

  /** Asks who it is, once per connection life; null when it may be used. */
  function introduce(timeoutMs: number): Promise<EndpointFailure | null> {
    introduction ??= (async () => {
      let answer: RpcOutcome | null = null
      const ask = (method: string, settle: RpcCall['settle']) =>
        askBeside({ method, paramsJson: '[]', settle }, timeoutMs)
      const [left] = await Promise.all([
        ask('eth_chainId', (outcome) => {
          answer = outcome
        }),
        ask('web3_clientVersion', (outcome) => {
          if (outcome.ok && typeof outcome.result === 'string')
            clientVersion = redact(outcome.result.slice(0, 200))
        }),
      ])
      if (left && !hasAnswered(left)) return left.failure
      if (chainId === null) return null
      const problem = chainMismatch(answer, chainId)
      if (problem) failed(problem)
      if (problem?.reason === 'wrong-chain') trouble = 'wrong_chain'
      else if (!problem && trouble === 'wrong_chain') trouble = null
      return problem
    })().then((problem) => {
      if (problem) introduction = null
      return problem
    })
    return introduction
  }

  return {
    host,
    get trouble() {
      return trouble
    },
    get pause() {
      return pause
    },
    async ask(calls, timeoutMs, alone) {
      const startedAtMs = performance.now()
      if (chainId !== null) {
        const problem = await introduce(timeoutMs)
        if (problem) return { calls, failure: problem, said: NOTHING_SAID }
      }
      if (batchMax < configuredBatchMax && performance.now() - batchLimitedAtMs > BATCH_LIMIT_MS) {
        batchMax = Math.min(configuredBatchMax, 2 * batchMax)
        batchLimitedAtMs = performance.now()
      }
      const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAtMs))
      return sendAll(calls, leftMs, alone ? 1 : batchMax)
    },
    recheck(timeoutMs) {
      if (rechecking) return
      rechecking = true
      void proveWell(timeoutMs).then(() => {
        rechecking = false
      })
    },
    explain(reason) {
      const code = reason.reason === 'timeout' ? 'NODE_TIMEOUT' : 'NODE_UNAVAILABLE'
      const sentence = `The RPC endpoint ${host} ${reason.detail}.`
      return { ok: false, kind: 'transport', failure: failure(code, sentence, { endpoint: host }) }
    },
    listen: transport.listen ? transport.listen.bind(transport) : null,
    status: () => ({
      clientVersion,
      latencyMs: latencyMs && Math.round(latencyMs * 100) / 100,
      lastError,
    }),
    close: () => transport.close(),
  }
}

const NOTHING_SAID: ReadonlyMap<RpcCall, RpcOutcome> = new Map()

const hasAnswered = ({ failure: { reason } }: Unanswered) => reason === 'declined' || reason === 'troubled'

/** What is left of two parts; a failure of the endpoint counts more than what it said to single calls. */
function both(a: Unanswered | null, b: Unanswered | null): Unanswered | null {
  if (a === null || b === null) return a ?? b
  const { failure: reason } = hasAnswered(a) ? b : a
  return { calls: [...a.calls, ...b.calls], failure: reason, said: new Map([...a.said, ...b.said]) }
}

function troubleOf({ reason }: EndpointFailure): EndpointTrouble {
  switch (reason) {
    case 'timeout':
      return 'silent'
    case 'rate-limited':
      return 'limited'
    case 'wrong-chain':
      return 'wrong_chain'
    default:
      return 'unreachable'
  }
}

const callText = ({ id, method, paramsJson }: RpcCall) =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${paramsJson}}`

function chainMismatch(answer: RpcOutcome | null, chainId: number): EndpointFailure | null {
  const served = answer?.ok ? servedChain(answer.result) : null
  if (served === null) return exchangeFailure('unusable', 'did not say which chain it serves', PAUSE_MAX_MS)
  if (served === chainId) return null
  const detail = `serves chain ${served}, not chain ${chainId}`
  return { ok: false, reason: 'wrong-chain', detail, retryAfterMs: PAUSE_MAX_MS }
}

/** Most say it in hex, some as a number. */
function servedChain(result: unknown): number | null {
  const served = typeof result === 'string' || typeof result === 'number' ? Number(result) : Number.NaN
  return Number.isSafeInteger(served) && served > 0 ? served : null
}
