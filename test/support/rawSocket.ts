import { connect, type Socket } from 'node:net'

/**
 * Writes bytes to a port and returns everything that came back once the server closes, or once `until`
 * matches.
 */
export function exchange({
  port,
  send,
  until,
  timeoutMs = 30_000,
}: {
  port: number
  send: string | Uint8Array | ((socket: Socket) => void)
  until?: RegExp
  timeoutMs?: number
}): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = ''
    const socket = connect(port, '127.0.0.1')
    const finish = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(received)
    }
    const timer = setTimeout(() => {
      socket.destroy()
      reject(
        new Error(
          `nothing that ends the exchange within ${timeoutMs} ms; received: ${received.slice(0, 500)}`,
        ),
      )
    }, timeoutMs)
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      if (until?.test(received)) finish()
    })
    // A server that closes while bytes still come resets the connection; what it said before counts.
    socket.on('error', () => undefined)
    socket.on('close', finish)
    if (typeof send === 'function') send(socket)
    else socket.write(send)
  })
}

/** An HTTP/1.1 request as text. */
export function requestText({
  method = 'POST',
  path = '/execute',
  headers = {},
  body = '',
}: {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string
}): string {
  const all = {
    Host: 'localhost',
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

/**
 * Upgrades to a WebSocket by hand, then writes; a client's bytes before the server's 101 are no part of the
 * protocol.
 */
export function upgradeThen(bytes: Uint8Array): (socket: Socket) => void {
  return (socket) => {
    socket.once('data', () => socket.write(bytes))
    socket.write(UPGRADE)
  }
}

/** A WebSocket handshake, with the key of RFC 6455's example. */
export const UPGRADE =
  'GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
