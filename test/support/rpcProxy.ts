import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WebSocketServer } from 'ws'
import { type Announcement, ipcClient, type StreamClient, serveStream, webSocketClient } from './rpcStream.ts'

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
  /** None by IPC. */
  readonly headers: IncomingMessage['headers']
  readonly transport: 'http' | 'ws' | 'ipc'
}

/**
 * What to do with a payload instead of handing it to the node and its answer back. On a stream (WebSocket,
 * IPC) an answer that is not JSON closes the connection.
 */
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
  /** The same by WebSocket. */
  readonly socketUrl: string
  /** The same by a local socket file. */
  readonly ipcPath: string
  /** Calls seen since the start, by method. */
  readonly methods: ReadonlyMap<string, number>
  /** Calls in each payload seen, in order. */
  readonly payloadSizes: readonly number[]
  /** Most payloads that were open at once. */
  readonly openMax: number
  readonly connections: number
  /** Asked about every payload; null lets it through. */
  interfere: ((payload: SeenPayload) => Fault | null | Promise<Fault | null>) | null
  /** Asked about every new head that is announced to a subscriber; null says nothing. */
  announce: ((header: Announcement) => Announcement | null | Promise<Announcement | null>) | null
  /** Closes every connection and refuses new ones, at the same address; or takes them again. */
  refuse(refuses: boolean): Promise<void>
  stop(): Promise<void>
}

/**
 * A real server by HTTP, WebSocket and IPC in front of a real node that counts what passes and can spoil it.
 */
export async function startRpcProxy({ target }: { target: string }): Promise<RpcProxy> {
  const methods = new Map<string, number>()
  const payloadSizes: number[] = []
  let openMax = 0
  let open = 0
  let connections = 0

  function seen(payload: SeenPayload): SeenPayload {
    payloadSizes.push(payload.methods.length)
    for (const method of payload.methods) methods.set(method, (methods.get(method) ?? 0) + 1)
    return payload
  }
  const faultOf = async (payload: SeenPayload) => (await proxy.interfere?.(payload)) ?? null

  const server = createServer(async (incoming, outgoing) => {
    open++
    openMax = Math.max(openMax, open)
    outgoing.on('close', () => open--)
    const { headers } = incoming
    const payload = seen(readPayload(await readAll(incoming), { headers, transport: 'http' }))
    await answer({ target, payload, outgoing, fault: await faultOf(payload) })
  })
  const streams = new Set<StreamClient>()
  function serve(client: StreamClient, from: Pick<SeenPayload, 'headers' | 'transport'>): void {
    connections++
    streams.add(client)
    client.onEnd(() => streams.delete(client))
    serveStream({
      client,
      target,
      read: (text) => seen(readPayload(text, from)),
      faultOf,
      forward: (body) => forward({ target, body }),
      announce: async (header) => (proxy.announce ? await proxy.announce(header) : header),
    })
  }
  server.on('connection', () => connections++)
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket, { headers }) => {
    connections-- // it came as HTTP
    serve(webSocketClient(socket), { headers, transport: 'ws' })
  })
  const ipcPath = join(tmpdir(), `titan-proxy-${randomUUID()}.ipc`)
  const local = createSocketServer((socket: Socket) =>
    serve(ipcClient(socket), { headers: {}, transport: 'ipc' }),
  )

  server.listen(0, '127.0.0.1')
  local.listen(ipcPath)
  await Promise.all([once(server, 'listening'), once(local, 'listening')])
  const { port } = server.address() as AddressInfo

  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = Promise.all([once(server, 'close'), once(local, 'close')])
    server.close()
    local.close()
    for (const client of streams) client.end()
    server.closeAllConnections()
    await closed
  }

  const proxy: RpcProxy = {
    url: `http://127.0.0.1:${port}`,
    socketUrl: `ws://127.0.0.1:${port}`,
    ipcPath,
    methods,
    payloadSizes,
    get openMax() {
      return openMax
    },
    get connections() {
      return connections
    },
    interfere: null,
    announce: null,
    async refuse(refuses) {
      if (refuses) return await close()
      if (server.listening) return
      server.listen(port, '127.0.0.1')
      local.listen(ipcPath)
      await Promise.all([once(server, 'listening'), once(local, 'listening')])
    },
    stop: close,
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

function readPayload(body: string, from: Pick<SeenPayload, 'headers' | 'transport'>): SeenPayload {
  const parsed = JSON.parse(body) as SeenCall | SeenCall[]
  const calls = [parsed].flat()
  return { calls, methods: calls.map(({ method }) => method), isBatch: Array.isArray(parsed), body, ...from }
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
