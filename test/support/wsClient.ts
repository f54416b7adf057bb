import { WebSocket } from 'ws'

export interface WsMessage {
  readonly type: string
  readonly [field: string]: unknown
}

/** A WebSocket client that keeps what it received; `next` takes messages in order, heartbeats left out. */
export async function openWs(url: string, options: ConstructorParameters<typeof WebSocket>[2] = {}) {
  const socket = new WebSocket(url, options)
  const received: WsMessage[] = []
  const waiting: ((message: WsMessage) => void)[] = []
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  socket.on('message', (data) => {
    const message = JSON.parse(data.toString()) as WsMessage
    if (message.type === 'heartbeat') return
    const waiter = waiting.shift()
    if (waiter === undefined) received.push(message)
    else waiter(message)
  })
  await new Promise<void>((resolve, reject) => {
    socket.on('open', () => resolve())
    socket.on('error', reject)
  })
  const next = () => {
    const message = received.shift()
    return message === undefined
      ? new Promise<WsMessage>((resolve) => waiting.push(resolve))
      : Promise.resolve(message)
  }
  return {
    socket,
    closed,
    next,
    /** The `connected` message comes first on every connection. */
    connected: await next(),
    send: (message: unknown) => socket.send(JSON.stringify(message)),
    /** Round trip: everything the server had to say before has arrived. Returns it. */
    async settle(): Promise<WsMessage[]> {
      socket.send('{"type":"ping","id":"settle"}')
      const messages: WsMessage[] = []
      for (;;) {
        const message = await next()
        if (message.type === 'pong' && message.id === 'settle') return messages
        messages.push(message)
      }
    },
    /** What came and was not taken yet; for a closed connection. */
    rest: () => received.splice(0),
    async close() {
      socket.close()
      await closed
    },
  }
}
