import { once } from 'node:events'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { createJsonSplitter } from '../../src/nodes/jsonSplitter.ts'
import type { Fault, SeenPayload } from './rpcProxy.ts'

/** The header of a new head as `eth_subscription` carries it. */
export type Announcement = Readonly<Record<string, unknown>>

/** A client on a connection that both sides may speak on. */
export interface StreamClient {
  onText(hear: (text: string) => void): void
  onEnd(hear: () => void): void
  send(text: string): void
  /** Closes it at once. */
  end(): void
}

/** Serves one client over a WebSocket of its own to the node, faults as told. */
export function serveStream({
  client,
  target,
  read,
  faultOf,
  forward,
  announce,
}: {
  client: StreamClient
  target: string
  read: (text: string) => SeenPayload
  faultOf: (payload: SeenPayload) => Promise<Fault | null>
  /** Asks the node by HTTP, where the answer is to be changed or lost. */
  forward: (body: string) => Promise<{ body: string }>
  announce: (header: Announcement) => Promise<Announcement | null>
}): void {
  const node = new WebSocket(target.replace(/^http/, 'ws'))
  // False when the client leaves, or the node refuses, before the connection stands.
  const opened = once(node, 'open').then(
    () => true,
    () => false,
  )
  node.on('message', async (data) => {
    const text = data.toString()
    if (!text.includes('"eth_subscription"')) return client.send(text)
    const message = JSON.parse(text) as { params: { result: Announcement } }
    const result = await announce(message.params.result)
    if (result !== null) client.send(JSON.stringify({ ...message, params: { ...message.params, result } }))
  })
  node.on('close', client.end)
  node.on('error', client.end)
  client.onEnd(() => node.terminate())
  client.onText(async (text) => {
    const payload = read(text)
    const fault = await faultOf(payload)
    if (await isSpoilt({ client, payload, fault, forward })) return
    if (await opened) node.send(payload.body)
  })
}

/** Whether the fault has dealt with the payload, so that the node gets nothing more of it. */
async function isSpoilt({
  client,
  payload,
  fault,
  forward,
}: {
  client: StreamClient
  payload: SeenPayload
  fault: Fault | null
  forward: (body: string) => Promise<{ body: string }>
}): Promise<boolean> {
  // A subscription belongs to its connection, so its answer can be refused but not fetched elsewhere.
  const subscribes = payload.methods.some((method) => /^eth_(un)?subscribe$/.test(method))
  switch (fault?.kind) {
    case 'hang':
      return true
    case 'drop':
      client.end()
      return true
    case 'drop-reply':
      if (!subscribes) await forward(payload.body).catch(() => null)
      client.end()
      return true
    case 'answer':
      if (isJson(fault.body)) client.send(fault.body)
      else client.end()
      return true
    case 'rewrite': {
      if (subscribes) return false
      const answered = await forward(fault.body ?? payload.body).catch(() => null)
      if (answered === null) client.end()
      else client.send(JSON.stringify(fault.rewrite(JSON.parse(answered.body))))
      return true
    }
    case 'hold':
      await fault.until
      return false
    case 'delay':
      await sleep(fault.ms)
      return false
    case undefined:
      return false
    default:
      return fault satisfies never
  }
}

export const webSocketClient = (socket: WebSocket): StreamClient => ({
  onText: (hear) => void socket.on('message', (data) => hear(data.toString())),
  onEnd: (hear) => void socket.on('close', hear),
  send: (text) => socket.send(text, () => {}),
  end: () => socket.terminate(),
})

export function ipcClient(socket: Socket): StreamClient {
  socket.on('error', () => {})
  return {
    onText(hear) {
      const splitter = createJsonSplitter({ bytesMax: TEXT_BYTES_MAX, onText: hear })
      socket.on('data', (chunk) => splitter.push(chunk))
    },
    onEnd: (hear) => void socket.on('close', hear),
    send: (text) => void (socket.writable && socket.write(`${text}\n`)),
    end: () => void socket.destroy(),
  }
}

const TEXT_BYTES_MAX = 16 * 1024 * 1024

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
