import { callRpc } from '../../devnet/callRpc.ts'
import type { Injection } from './faultProxy.ts'
import { cut, hang, quantity, refusalOf } from './faults.ts'
import { type Fault, rewriteEach, type SeenCall, type SeenPayload } from './rpcProxy.ts'
import type { Announcement } from './rpcStream.ts'

/**
 * What a whole node can be while it lasts, besides well: each by HTTP, WebSocket and IPC alike. For one that
 * refuses connections see `FaultProxy.refuse`; for one that is slow, cuts or limits its calls see `delay`,
 * `cut` and `rateLimit` in `faults.ts`.
 */

/**
 * It stands still at a block while the chain goes on: heads, counts, balances, calls and receipts are those
 * of that block, and no new head is announced. Transactions it is sent go on to the chain.
 */
export const standStill = (block: number): Injection =>
  Object.assign((payload: SeenPayload) => asOf(block, payload, () => true), { announce: () => null })

/** It stands still at the block that is the newest now. */
export const freeze = async (node: string): Promise<Injection> => standStill(await headOf(node))

/** It follows the chain so many blocks behind, in everything. */
export const lagBehind = (node: string, blocks: number): Injection =>
  Object.assign(
    async (payload: SeenPayload) => asOf(Math.max(0, (await headOf(node)) - blocks), payload, () => true),
    { announce: (header: Announcement) => headerBefore(node, header, blocks) },
  )

/**
 * A balancer before two replicas, one of which is so many blocks behind: calls go to one and the other in
 * turn, those of one batch too. New heads are announced by the one in front.
 */
export function mixedHeights(node: string, blocks: number): Injection {
  let calls = 0
  return async (payload) => {
    const block = Math.max(0, (await headOf(node)) - blocks)
    const behind = new Set(payload.calls.filter(() => calls++ % 2 === 0).map(({ id }) => id))
    return behind.size === 0 ? null : asOf(block, payload, ({ id }) => behind.has(id))
  }
}

/**
 * HTTP 500 with a JSON-RPC error in its body, as gateways say that all behind them are down. By a stream the
 * error alone.
 */
export const internalError = (): Injection => (payload) => ({
  ...(refusalOf(payload, { code: -32603, message: 'internal server error' }) as Extract<
    Fault,
    { kind: 'answer' }
  >),
  status: 500,
})

/** Its mined counts are higher than the truth by so many. */
export const inflateCounts = (by: number): Injection =>
  forMethod(
    'eth_getTransactionCount',
    rewriteEach((reply, { method }) =>
      method === 'eth_getTransactionCount' && typeof reply.result === 'string'
        ? { ...reply, result: quantity(Number(reply.result) + by) }
        : null,
    ),
  )

/** Its newest block is told and announced with a number that is higher than the truth by so many. */
export function inflateHead(by: number): Injection {
  const inflated = (header: Announcement) => ({ ...header, number: quantity(Number(header.number) + by) })
  const rewrite = forMethod(
    'eth_getBlockByNumber',
    rewriteEach((reply, { method, params }) =>
      method === 'eth_getBlockByNumber' && params[0] === 'latest'
        ? { ...reply, result: inflated(reply.result as Announcement) }
        : null,
    ),
  )
  return Object.assign((payload: SeenPayload) => rewrite(payload), { announce: inflated })
}

/** It runs no call: whatever is to be executed is answered with an error of its own. */
export const failCalls = (): Injection =>
  forMethod(
    'eth_call',
    rewriteEach((reply, { method }) =>
      method === 'eth_call'
        ? { jsonrpc: '2.0', id: reply.id, error: { code: -32603, message: 'internal error' } }
        : null,
    ),
  )

/** It serves another chain. */
export const wrongChain = (chainId: number): Injection => {
  const rewrite = rewriteEach((reply, { method }) => {
    if (method === 'eth_chainId') return { ...reply, result: quantity(chainId) }
    return method === 'net_version' ? { ...reply, result: String(chainId) } : null
  })
  return (payload) =>
    payload.methods.some((method) => /chainId|version/.test(method)) ? rewrite(payload) : null
}

/** It answers everything and announces no new head any more, over a connection that stays open. */
export const muteHeads = (): Injection => Object.assign(() => null, { announce: () => null })

/** An open connection on which nothing comes any more. */
export const muteAll = (): Injection => Object.assign(hang(null), { announce: () => null })

/** Connections are lost, and a subscription is refused from then on; everything else is answered. */
export const refuseSubscriptions = (): Injection =>
  forMethod('eth_subscribe', (payload) =>
    refusalOf(payload, { code: -32601, message: 'the method eth_subscribe does not exist' }),
  )

/** Nothing gets an answer: each connection is closed. */
export const dead = (): Injection => Object.assign(cut(null), { announce: () => null })

const forMethod =
  (method: string, fault: (payload: SeenPayload) => Fault): Injection =>
  (payload) =>
    payload.methods.includes(method) ? fault(payload) : null

/** The node as of a block for the calls that are meant; null when there are none of the kind. */
function asOf(block: number, payload: SeenPayload, isMeant: (call: SeenCall) => boolean): Fault | null {
  const at = quantity(block)
  const isLater = (value: unknown) =>
    typeof value === 'string' && /^0x[\da-f]{1,12}$/.test(value) && Number(value) > block
  const isOld = (call: SeenCall) => isMeant(call) && /^eth_(?!send|(un)?subscribe)/.test(call.method)
  if (!payload.calls.some(isOld)) return null
  const asked = payload.calls.map((call) =>
    isOld(call) ? { ...call, params: call.params.map(inThePast) } : call,
  )
  const { kind, rewrite } = rewriteEach((reply, call) => {
    if (!isOld(call)) return null
    const { method, params } = call
    const result = reply.result as { blockNumber?: unknown; number?: unknown } | unknown[] | null | undefined
    if (method === 'eth_blockNumber') return { ...reply, result: at }
    if (method.startsWith('eth_getBlock') && isLater(params[0])) return { ...reply, result: null }
    const [first] = [result].flat() as { blockNumber?: unknown; number?: unknown }[]
    if (isLater(first?.blockNumber) || isLater(first?.number)) return { ...reply, result: null }
    if (STATE_METHODS.test(method) && isLater(params.at(-1)))
      return { jsonrpc: '2.0', id: reply.id, error: { code: -32000, message: 'header not found' } }
    return null
  })(payload) as Extract<Fault, { kind: 'rewrite' }>
  return { kind, rewrite, body: JSON.stringify(payload.isBatch ? asked : asked[0]) }

  function inThePast(param: unknown): unknown {
    return param === 'latest' || param === 'pending' ? at : param
  }
}

const STATE_METHODS = /^eth_(getBalance|getTransactionCount|getCode|getStorageAt)$/

const headOf = async (node: string): Promise<number> =>
  Number(await callRpc({ rpc: node, method: 'eth_blockNumber', params: [], timeoutMs: 20_000 }))

async function headerBefore(
  node: string,
  { number }: Announcement,
  blocks: number,
): Promise<Announcement | null> {
  const params = [quantity(Math.max(0, Number(number) - blocks)), false]
  return (await callRpc({
    rpc: node,
    method: 'eth_getBlockByNumber',
    params,
    timeoutMs: 20_000,
  })) as Announcement | null
}
