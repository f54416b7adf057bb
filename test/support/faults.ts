import { keccak256 } from 'ethers'
import { callRpc } from '../../devnet/callRpc.ts'
import type { Injection } from './faultProxy.ts'
import { type Fault, type Reply, rewriteEach, type SeenCall, type SeenPayload } from './rpcProxy.ts'

const SEND = 'eth_sendRawTransaction'

/** The fault for payloads that hold a call of the method, or for all. */
const onMethod =
  (method: string | null, fault: (payload: SeenPayload) => Fault): Injection =>
  (payload) =>
    method === null || payload.methods.includes(method) ? fault(payload) : null

/**
 * The node takes the transaction, or whatever the method does, and the connection closes without an answer.
 */
export const dropReply = (method: string | null = SEND): Injection =>
  onMethod(method, () => ({ kind: 'drop-reply' }))

/** The connection closes and the node never sees the call; of every method when it is null. */
export const cut = (method: string | null = SEND): Injection => onMethod(method, () => ({ kind: 'drop' }))

/** Never an answer, and the node never sees the call. */
export const hang = (method: string | null = SEND): Injection => onMethod(method, () => ({ kind: 'hang' }))

/** The node gets the call only then. */
export const hold = (until: Promise<void>, method: string | null = SEND): Injection =>
  onMethod(method, () => ({ kind: 'hold', until }))

/** Everything of the method takes so long. */
export const delay = (ms: number, method: string | null = null): Injection =>
  onMethod(method, () => ({ kind: 'delay', ms }))

/** HTTP 429 as gateways say it, or JSON-RPC's -32005 with HTTP 200. */
export const rateLimit = (way: 429 | -32005, method: string | null = null): Injection =>
  onMethod(method, (payload) =>
    way === 429
      ? { kind: 'answer', status: 429, body: 'Too Many Requests', headers: { 'retry-after': '1' } }
      : refusalOf(payload, { code: -32005, message: 'daily request count exceeded, request rate limited' }),
  )

/** A refusal in the words of a client; the node does not see the call. */
export const refuse = (error: { code: number; message: string; data?: unknown }, method = SEND): Injection =>
  onMethod(method, (payload) => refusalOf(payload, error))

/** A refusal in the words of a client, and yet the node has taken it. */
export const takeAndRefuse = (error: { code: number; message: string }): Injection =>
  onMethod(SEND, () => ({
    kind: 'rewrite',
    rewrite: (reply) => ({ jsonrpc: '2.0', id: (reply as Reply).id, error }),
  }))

/** Says yes with the right hash and does nothing: a relay or pool that loses what it took. */
export const swallow = (): Injection =>
  onMethod(SEND, ({ calls }) => {
    const [call] = calls as readonly [SeenCall]
    return answer({ id: call.id, result: hashOf(call) })
  })

/** Another hash than that of the bytes. */
export const wrongHash = (): Injection =>
  onMethod(SEND, ({ calls }) => answer({ id: calls[0]?.id ?? 0, result: `0x${'5a'.repeat(32)}` }))

/** The node takes it and forgets it before anyone can mine it; automining must be off. */
export const takeAndForget =
  (node: string): Injection =>
  async (payload) => {
    const [call] = payload.calls
    if (call?.method !== SEND) return null
    const hash = await callRpc({ rpc: node, method: SEND, params: call.params, timeoutMs: 20_000 })
    await callRpc({ rpc: node, method: 'anvil_dropTransaction', params: [hash], timeoutMs: 20_000 })
    return answer({ id: call.id, result: hash })
  }

/** The node takes it, and the gateway before it answers with an error page. */
export const takeAndFail =
  (node: string): Injection =>
  async (payload) => {
    const [call] = payload.calls
    if (call?.method !== SEND) return null
    await callRpc({ rpc: node, method: SEND, params: call.params, timeoutMs: 20_000 })
    return { kind: 'answer', status: 502, body: '<html><h1>502 Bad Gateway</h1></html>' }
  }

/** Mined counts of the past for every account. */
export const staleCounts = (count: number): Injection =>
  onMethod(
    'eth_getTransactionCount',
    rewriteEach((reply, { method }) =>
      method === 'eth_getTransactionCount' ? { ...reply, result: quantity(count) } : null,
    ),
  )

/** Receipts that are there are not shown. */
export const hideReceipts = (): Injection =>
  onMethod(
    'eth_getTransactionReceipt',
    rewriteEach((reply, { method }) =>
      method === 'eth_getTransactionReceipt' ? { ...reply, result: null } : null,
    ),
  )

/** One method answers with an error. */
export const failMethod = (method: string): Injection =>
  onMethod(
    method,
    rewriteEach((reply, call) =>
      call.method === method
        ? { jsonrpc: '2.0', id: reply.id, error: { code: -32603, message: 'internal error' } }
        : null,
    ),
  )

/** An answer in the node's place. */
export function errorAnswer({
  id,
  ...error
}: {
  id: number
  code: number
  message: string
  data?: unknown
}): Fault {
  return { kind: 'answer', status: 200, body: JSON.stringify({ jsonrpc: '2.0', id, error }) }
}

const answer = (reply: { id: number; result: unknown }): Fault => ({
  kind: 'answer',
  status: 200,
  body: JSON.stringify({ jsonrpc: '2.0', ...reply }),
})

export function refusalOf({ calls, isBatch }: SeenPayload, error: object): Fault {
  const replies = calls.map(({ id }) => ({ jsonrpc: '2.0', id, error }))
  return { kind: 'answer', status: 200, body: JSON.stringify(isBatch ? replies : replies[0]) }
}

const hashOf = ({ params }: SeenCall) => keccak256(String(params[0]))
export const quantity = (value: number) => `0x${value.toString(16)}`
