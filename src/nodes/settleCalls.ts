import { failure } from '../errors/failure.ts'
import { readNodeError } from './nodeErrors.ts'
import type { Refuses, RpcError, RpcOutcome } from './rpc.ts'
import type { ExchangeFailure } from './transport.ts'

/** One call on its way. */
export interface RpcCall {
  readonly id: number
  readonly method: string
  readonly paramsJson: string
  readonly refuses: Refuses | null
  settle(outcome: RpcOutcome): void
}

/** What an exchange, or all that was asked of an endpoint, came to. */
export type EndpointFailure = Omit<ExchangeFailure, 'reason'> & {
  readonly reason:
    | ExchangeFailure['reason']
    /** It answered, but what it said to these calls is of no use: see `Unanswered.said`. */
    | 'declined'
    /** The same, and all that it said is trouble of its own. */
    | 'troubled'
    /** It serves another chain. */
    | 'wrong-chain'
}

/** Calls an endpoint gave no usable answer to, and why. */
export interface Unanswered {
  readonly calls: readonly RpcCall[]
  readonly failure: EndpointFailure
  /** What it said to single ones: their outcome when no other endpoint does better. */
  readonly said: ReadonlyMap<RpcCall, RpcOutcome>
}

/**
 * Settles the calls a reply answers and gives back the others, with what to think of it; null when none is
 * left. Answers may come in any order, with foreign ids among them, or not at all. An answer is a result that
 * can be used, or an error of the call itself; any other error is the node's own trouble, and another node
 * may do better.
 *
 * @param options.host names the endpoint
 * @param options.redact takes the secrets of the endpoint's URL out of a text
 */
export function settleCalls(
  calls: readonly RpcCall[],
  reply: unknown,
  { host, redact }: { host: string; redact: (text: string) => string },
): Unanswered | null {
  const open = new Map(calls.map((call) => [call.id, call]))
  const said = new Map<RpcCall, RpcOutcome>()
  const troubles: string[] = []
  const refusals: RpcError[] = []
  for (const item of Array.isArray(reply) ? reply : [reply]) {
    if (typeof item !== 'object' || item === null) continue
    const call = ownCall(item as { id?: unknown }, open, calls)
    const error = readError(item, redact)
    if (error === null) {
      if (call && 'result' in item) settleResult(call, item.result)
      continue
    }
    const { kind } = readNodeError(error)
    // Nothing was run, so the call is still open: another endpoint, or a smaller batch, may do better.
    if (!call || kind === 'rate-limited' || (kind === 'batch-refused' && calls.length > 1))
      refusals.push(error)
    else if (kind === 'execution') settle(call, { ok: false, kind: 'rpc', error })
    else if (kind === 'unsupported') said.set(call, { ok: false, kind: 'rpc', error })
    else said.set(call, troubled(error))
  }

  function settle(call: RpcCall, outcome: RpcOutcome): void {
    open.delete(call.id)
    call.settle(outcome)
  }

  function settleResult(call: RpcCall, result: unknown): void {
    const reason = call.refuses?.(result, host) ?? null
    if (reason === null) settle(call, { ok: true, result })
    else said.set(call, { ok: false, kind: 'transport', failure: reason })
  }

  function troubled({ message, code }: RpcError): RpcOutcome {
    const words = `answered with an error: ${message} (${code})`
    troubles.push(words)
    const sentence = `The RPC endpoint ${host} ${words}.`
    return {
      ok: false,
      kind: 'transport',
      failure: failure('NODE_UNAVAILABLE', sentence, { endpoint: host }),
    }
  }

  if (open.size === 0) return null
  const left = [...open.values()]
  const unanswered = (reason: EndpointFailure['reason'], detail: string): Unanswered => ({
    calls: left,
    failure: { ok: false, reason, detail, retryAfterMs: null },
    said,
  })
  const refusal = refusals[0]
  if (refusals.some((error) => readNodeError(error).kind === 'rate-limited')) {
    const words = refusals.find((error) => readNodeError(error).kind === 'rate-limited')?.message
    return unanswered('rate-limited', `asked for fewer requests: ${words}`)
  }
  if (troubles[0] !== undefined && troubles.length === calls.length)
    return unanswered('troubled', troubles[0])
  if (left.every((call) => said.has(call))) return unanswered('declined', 'gave no usable answer')
  if (calls.length > 1) {
    if (refusal) {
      const reason = readNodeError(refusal).kind === 'batch-refused' ? 'payload-refused' : 'unusable'
      return unanswered(reason, `refused a batch of calls: ${refusal.message} (${refusal.code})`)
    }
    return unanswered('incomplete', `left ${left.length} of ${calls.length} calls of a batch unanswered`)
  }
  return unanswered('unusable', 'answered with something that is not a reply to the call')
}

/**
 * The call an answer is to. A refusal may come without an id: alone it can only be meant for the one that was
 * asked.
 */
function ownCall(
  { id }: { id?: unknown },
  open: ReadonlyMap<number, RpcCall>,
  calls: readonly RpcCall[],
): RpcCall | undefined {
  if (typeof id === 'number' || typeof id === 'string') return open.get(Number(id))
  return calls.length === 1 && id === null ? calls[0] : undefined
}

/** Characters of a node's words that are told. */
const WORDS_MAX = 300

/**
 * Null when there is no error. Nothing is asked of its parts but their types: an object may lack `toString`.
 */
function readError(item: object, redact: (text: string) => string): RpcError | null {
  if (!('error' in item) || item.error === null || item.error === undefined || item.error === false)
    return null
  const { error } = item
  if (typeof error !== 'object') return { code: 0, message: wordsOf(error, redact) }
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown }
  return {
    code: typeof code === 'number' || typeof code === 'string' ? Number(code) : 0,
    message: wordsOf(message, redact),
    ...(data === undefined ? {} : { data }),
  }
}

/** What a node said, in one line. */
export function wordsOf(message: unknown, redact: (text: string) => string): string {
  if (typeof message !== 'string' || message.trim() === '') return 'no reason given'
  const words = redact(message.slice(0, 4 * WORDS_MAX))
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
  return words.length > WORDS_MAX ? `${words.slice(0, WORDS_MAX)}…` : words
}
