import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { startRpcProxy } from './rpcProxy.ts'

it('survives a client that asks and leaves before the node has taken the WebSocket', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket.resume())).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const proxy = await startRpcProxy({
    target: `http://127.0.0.1:${(silent.address() as AddressInfo).port}`,
  })
  const errors: unknown[] = []
  const hear = (error: unknown) => errors.push(error)
  process.on('unhandledRejection', hear)
  try {
    const client = new WebSocket(proxy.socketUrl)
    await once(client, 'open')
    client.send('{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}')
    while (proxy.methods.size === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    client.terminate()
    while (sockets.some((socket) => !socket.destroyed)) await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(errors).toEqual([])
  } finally {
    process.off('unhandledRejection', hear)
    await proxy.stop()
    for (const socket of sockets) socket.destroy()
    silent.close()
  }
})
