import { readCount } from '../domain/rpcValues.ts'
import type { Hex } from '../domain/signal.ts'
import type { RpcError, RpcRequest } from '../nodes/rpc.ts'
import type { SendErrorClass } from '../nodes/sendErrors.ts'
import type { ExchangeFailure, Transport } from '../nodes/transport.ts'
import type { Verdict, VerdictClass } from './verdict.ts'

/** A signed transaction on its way out. */
export interface Outgoing {
  readonly raw: Hex
  /** keccak-256 of `raw`: ours, whatever an endpoint answers. */
  readonly hash: Hex
  /** The block it should be in; asked for by relays that take bundles. */
  readonly targetBlock: number | null
}

/** Somewhere signed transactions are sent to. */
export interface SendEndpoint {
  readonly host: string
  /** One attempt, never repeated; never rejects. */
  send(outgoing: Outgoing): Promise<Verdict>
  /**
   * Which chain it serves, asked over the connection that sends, which stays open by that; null when it does
   * not tell.
   */
  servedChain(): Promise<number | null>
  close(): Promise<void>
}

export interface SendCall {
  readonly method: string
  readonly params: unknown
}

const MESSAGE_CHARS_MAX = 300

/**
 * Sends transactions over a transport of its own, one call an exchange, each once. Everything that is not a
 * clear answer is `no_answer`: only a connection that was never made counts as nothing received.
 *
 * @param options.redact takes the secrets of the endpoint out of what it says
 * @param options.call the JSON-RPC call that carries the transaction
 * @param options.hashOf the hash in a result; null when the result names none but does say that it was taken;
 *   undefined when it is not a result of that call
 */
export function createSendTransport({
  host,
  transport,
  redact,
  timeoutMs,
  classify,
  call,
  hashOf,
  onRequest = () => {},
}: {
  host: string
  transport: Transport
  redact: (text: string) => string
  timeoutMs: number
  classify: (error: RpcError) => SendErrorClass
  call: (outgoing: Outgoing) => SendCall
  hashOf: (result: unknown) => Hex | null | undefined
  onRequest?: (request: RpcRequest) => void
}): SendEndpoint {
  let lastId = 0
  const verdict = (verdictClass: VerdictClass, message: string): Verdict => ({
    host,
    class: verdictClass,
    message: redact(withoutUrls(message.slice(0, 4 * MESSAGE_CHARS_MAX))).slice(0, MESSAGE_CHARS_MAX),
  })

  function read(reply: unknown, id: number, hash: Hex): Verdict {
    const garbage = verdict('no_answer', 'answered with something that is not a reply to the call')
    if (typeof reply !== 'object' || reply === null || Array.isArray(reply)) return garbage
    const { id: answered, error, result } = reply as { id?: unknown; error?: unknown; result?: unknown }
    // An error without an id can only be meant for the one call of this exchange.
    if (typeof error === 'object' && error !== null && (Number(answered) === id || answered == null)) {
      const { code, message, data } = error as Partial<RpcError>
      const text = String(message)
      return verdict(classify({ code: Number(code), message: text, data }), text)
    }
    if (Number(answered) !== id) return garbage
    const named = hashOf(result)
    if (named === undefined) return garbage
    return named === null || named.toLowerCase() === hash
      ? verdict('accepted', '')
      : verdict('foreign_hash', `answered with the hash ${named}`)
  }

  return {
    host,
    async send(outgoing) {
      const id = ++lastId
      const { method, params } = call(outgoing)
      const startedAtMs = performance.now()
      const exchange = await transport.exchange({
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        ids: [id],
        timeoutMs,
      })
      const seconds = (performance.now() - startedAtMs) / 1_000
      onRequest({ host, method, calls: 1, seconds, ok: exchange.ok })
      return exchange.ok
        ? read(exchange.reply, id, outgoing.hash)
        : verdict(classOfFailure(exchange), exchange.detail)
    },
    async servedChain() {
      const id = ++lastId
      const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_chainId', params: [] })
      const exchange = await transport.exchange({ body, ids: [id], timeoutMs })
      const { result } = ((exchange.ok && exchange.reply) || {}) as { result?: unknown }
      return readCount(result)
    },
    close: () => transport.close(),
  }
}

/** How nodes take a transaction. */
export const NODE_DIALECT = {
  call: ({ raw }: Outgoing): SendCall => ({ method: 'eth_sendRawTransaction', params: [raw] }),
  hashOf: transactionHash,
}

/** A node or send-only endpoint. */
export function createNodeEndpoint(
  options: Omit<Parameters<typeof createSendTransport>[0], 'call' | 'hashOf'>,
): SendEndpoint {
  return createSendTransport({ ...options, ...NODE_DIALECT })
}

/** A transaction hash with or without 0x; undefined when it is none. */
export function transactionHash(value: unknown): Hex | undefined {
  if (typeof value !== 'string' || !/^(0x)?[0-9a-fA-F]{64}$/.test(value)) return undefined
  return `0x${value.replace(/^0x/, '')}`
}

function classOfFailure({ reason }: ExchangeFailure): VerdictClass {
  switch (reason) {
    case 'unreachable':
      return 'unreachable'
    case 'rate-limited':
      return 'rate_limited'
    case 'reset':
    case 'timeout':
    case 'payload-refused':
    case 'incomplete':
    case 'unusable':
      return 'no_answer'
    default:
      return reason satisfies never
  }
}

/** Nodes that pass a transaction on quote the next node's URL, which may hold a key that is not ours. */
const withoutUrls = (text: string) => text.replace(/\b(https?|wss?):\/\/[^\s"'<>]*/gi, '(url)')
