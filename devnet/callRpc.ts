/** The node's answer to one JSON-RPC call was an error; `data` is its `error.data`, often the revert bytes. */
export class RpcError extends Error {
  readonly code: number
  readonly data: unknown
  constructor(options: { method: string; code: number; message: string; data: unknown }) {
    super(`${options.method}: ${options.message}`)
    this.name = 'RpcError'
    this.code = options.code
    this.data = options.data
  }
}

/**
 * One JSON-RPC call over HTTP.
 *
 * @throws {@link RpcError} when the node answers with an error; fetch's own error when there is no answer
 */
export async function callRpc(options: {
  rpc: string
  method: string
  params: readonly unknown[]
  timeoutMs: number
  signal?: AbortSignal
}): Promise<unknown> {
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const response = await fetch(options.rpc, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: options.method, params: options.params }),
    signal: options.signal ? AbortSignal.any([timeout, options.signal]) : timeout,
  })
  const reply = (await response.json()) as {
    result?: unknown
    error?: { code: number; message: string; data?: unknown }
  }
  if (reply.error) {
    const { code, message, data } = reply.error
    throw new RpcError({ method: options.method, code, message, data })
  }
  return reply.result
}
