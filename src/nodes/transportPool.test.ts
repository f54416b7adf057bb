import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { openTransport } from './openTransport.ts'

test('each exchange has a WebSocket to itself where that is possible, and all are closed at the end', async () => {
  const held: (() => void)[] = []
  const used = new Set<WebSocket>()
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  server.on('connection', (socket) =>
    socket.on('message', (text) => {
      const { id } = JSON.parse(text.toString())
      used.add(socket)
      held.push(() => socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: id })))
    }),
  )
  const { port } = server.address() as { port: number }
  const { transport } = openTransport({
    url: `ws://127.0.0.1:${port}`,
    connectionsMax: 32,
    responseBytesMax: 1_000,
  })
  const ask = (id: number) =>
    transport.exchange({ body: JSON.stringify({ id }), ids: [id], timeoutMs: 10_000 })
  const answer = async (count: number) => {
    while (held.length < count) await sleep(5)
    for (const reply of held.splice(0)) reply()
  }
  try {
    const alone = ask(1)
    await answer(1)
    expect(await alone).toMatchObject({ ok: true, reply: { result: 1 } })
    const next = ask(2)
    await answer(1)
    await next
    expect(used.size).toBe(1)

    const many = [3, 4, 5, 6, 7, 8].map(ask)
    await answer(6)
    expect((await Promise.all(many)).map((exchange) => exchange.ok && exchange.reply)).toMatchObject(
      [3, 4, 5, 6, 7, 8].map((result) => ({ result })),
    )
    expect(used.size).toBe(4)
    expect(server.clients.size).toBe(4)
  } finally {
    await transport.close()
    await expect.poll(() => server.clients.size).toBe(0)
    server.close()
  }
})
