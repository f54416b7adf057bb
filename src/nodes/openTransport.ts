import { basename } from 'node:path'
import { createHttpTransport } from './httpTransport.ts'
import { createIpcTransport, createWebSocketTransport } from './streamTransport.ts'
import type { Transport } from './transport.ts'
import { createTransportPool } from './transportPool.ts'

/** Of WebSockets; nodes allow few. */
const STREAMS_MAX = 4

/**
 * The transport an endpoint's address asks for: http(s)://, ws(s):// or the path of an IPC socket. It
 * connects when first used.
 *
 * @param options.headersFor more headers for a body; only HTTP has them
 * @param options.onDisconnect called when the last open connection has ended
 * @returns `host` names the endpoint without what its address may hold of keys
 */
export function openTransport({
  url,
  connectionsMax,
  responseBytesMax,
  headersFor,
  onDisconnect,
}: {
  url: string
  connectionsMax: number
  responseBytesMax: number
  headersFor?: ((body: string) => Readonly<Record<string, string>>) | undefined
  onDisconnect?: (() => void) | undefined
}): { transport: Transport; host: string } {
  if (/^https?:/.test(url)) {
    return {
      transport: createHttpTransport({ url, connectionsMax, responseBytesMax, headersFor, onDisconnect }),
      host: new URL(url).host,
    }
  }
  if (/^wss?:/.test(url)) {
    return {
      transport: createTransportPool({
        open: () => createWebSocketTransport({ url, responseBytesMax, onDisconnect }),
        connectionsMax: Math.min(connectionsMax, STREAMS_MAX),
      }),
      host: new URL(url).host,
    }
  }
  const path = url.replace(/^(ipc|file|unix):(\/\/)?/, '')
  return {
    transport: createIpcTransport({ path, responseBytesMax, onDisconnect }),
    host: `ipc:${basename(path)}`,
  }
}
