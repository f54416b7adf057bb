import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'

export interface SeenCall {
  readonly id: number
  readonly method: string
  readonly params: readonly unknown[]
}

/** One answer of the node. */
export interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: unknown
}

/** One JSON-RPC payload as it came. */
export interface SeenPayload {
  readonly calls: readonly SeenCall[]
  readonly methods: readonly string[]
  readonly isBatch: boolean
  readonly body: string
  readonly headers: IncomingMessage['headers']
}

/** What to do with a payload instead of handing it to the node and its answer back. */
export type Fault =
  /** Close the connection without an answer; the node does not see it. */
  | { readonly kind: 'drop' }
  /** Let the node do it, then close the connection without an answer. */
  | { readonly kind: 'drop-reply' }
  /** Never answer. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly ms: number }
  /** Hand it to the node only then. */
  | { readonly kind: 'hold'; readonly until: Promise<void> }
  /** Answer in the node's place. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly body: string
      readonly headers?: Readonly<Record<string, string>>
    }
  /** Change the node's answer; with `body`, also what it is asked. */
  | { readonly kind: 'rewrite'; readonly body?: string; readonly rewrite: (reply: unknown) => unknown }

export interface RpcProxy {
  readonly url: string
  /** The same by WebSocket, where the only fault is `drop`. */
  readonly socketUrl: string
  /** Calls seen since the start, by method. */
  readonly methods: ReadonlyMap<string, number>
  /** Calls in each payload seen, in order. */
  readonly payloadSizes: readonly number[]
  /** Most payloads that were open at once. */
  readonly openMax: number
  readonly connections: number
  /** Asked about every payload; null lets it through. */
  interfere: ((payload: SeenPayload) => Fault | null | Promise<Fault | null>) | null
  stop(): Promise<void>
}

/** A real HTTP server in front of a real node that counts what passes and can spoil it. */
export async function startRpcProxy({ target }: { target: string }): Promise<RpcProxy> {
  const methods = new Map<string, number>()
  const payloadSizes: number[] = []
  let openMax = 0
  let open = 0
  let connections = 0

  function seen(body: string, headers: IncomingMessage['headers']): SeenPayload {
    const payload = readPayload(body, headers)
    payloadSizes.push(payload.methods.length)
    for (const method of payload.methods) methods.set(method, (methods.get(method) ?? 0) + 1)
    return payload
  }

  const server = createServer(async (incoming, outgoing) => {
    open++
    openMax = Math.max(openMax, open)
    outgoing.on('close', () => open--)
    const payload = seen(await readAll(incoming), incoming.headers)
    await answer({ target, payload, outgoing, fault: (await proxy.interfere?.(payload)) ?? null })
  })
  server.on('connection', () => connections++)
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (client, { headers }) => {
    const node = new WebSocket(target.replace(/^http/, 'ws'))
    // False when the client leaves, or the node refuses, before the connection stands.
    const opened = once(node, 'open').then(
      () => true,
      () => false,
    )
    node.on('message', (data) => client.send(data.toString()))
    node.on('close', () => client.terminate())
    node.on('error', () => client.terminate())
    client.on('close', () => node.terminate())
    client.on('message', async (data) => {
      const payload = seen(data.toString(), headers)
      const fault = (await proxy.interfere?.(payload)) ?? null
      if (fault?.kind === 'drop') return client.terminate()
      if (fault !== null) throw new Error(`A WebSocket cannot ${fault.kind}.`)
      if (await opened) node.send(payload.body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    socketUrl: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    methods,
    payloadSizes,
    get openMax() {
      return openMax
    },
    get connections() {
      return connections
    },
    interfere: null,
    async stop() {
      for (const socket of sockets.clients) socket.terminate()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  return proxy
}

async function answer({
  target,
  payload,
  outgoing,
  fault,
}: {
  target: string
  payload: SeenPayload
  outgoing: ServerResponse
  fault: Fault | null
}): Promise<void> {
  const send = (status: number, body: string, headers: Readonly<Record<string, string>> = {}) =>
    outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
  const forwarded = (asked = payload.body) =>
    forward({ target, body: asked }).catch((cause) => ({ status: 502, body: String(cause) }))
  switch (fault?.kind) {
    case 'hang':
      return
    case 'drop':
      outgoing.destroy()
      return
    case 'drop-reply':
      await forwarded()
      outgoing.destroy()
      return
    case 'answer':
      send(fault.status, fault.body, fault.headers)
      return
    case 'rewrite': {
      const { status, body } = await forwarded(fault.body)
      send(status, JSON.stringify(fault.rewrite(JSON.parse(body))))
      return
    }
    case 'hold':
      await fault.until
      break
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, fault.ms))
  }
  const { status, body } = await forwarded()
  send(status, body)
}

function readPayload(body: string, headers: IncomingMessage['headers']): SeenPayload {
  const parsed = JSON.parse(body) as SeenCall | SeenCall[]
  const calls = [parsed].flat()
  return { calls, methods: calls.map(({ method }) => method), isBatch: Array.isArray(parsed), body, headers }
}

/** The fault that changes the node's answers one by one, knowing what was asked; null leaves one as it is. */
export function rewriteEach(change: (reply: Reply, call: SeenCall) => object | null) {
  return ({ calls, isBatch }: SeenPayload): Fault => ({
    kind: 'rewrite',
    rewrite(answered) {
      const replies = ([answered].flat() as Reply[]).map((reply) => {
        const call = calls.find(({ id }) => id === reply.id)
        return (call && change(reply, call)) ?? reply
      })
      return isBatch ? replies : replies[0]
    },
  })
}

async function forward({ target, body }: { target: string; body: string }) {
  const outgoing = request(target, { method: 'POST', headers: { 'content-type': 'application/json' } })
  outgoing.end(body)
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { status: incoming.statusCode ?? 502, body: await readAll(incoming) }
}

async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
