import { basename } from 'node:path'
import { createHttpTransport } from './httpTransport.ts'
import { createRedactor } from './redact.ts'
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
 * @param options.secrets what the endpoint is shown beside its address, and may quote
 * @param options.onDisconnect called when the last open connection has ended
 * @returns `host` names the endpoint without what its address may hold of keys; `redact` takes those out of
 *   what it says
 */
export function openTransport({
  url,
  connectionsMax,
  responseBytesMax,
  headersFor,
  secrets = [],
  onDisconnect,
}: {
  url: string
  connectionsMax: number
  responseBytesMax: number
  headersFor?: ((body: string) => Readonly<Record<string, string>>) | undefined
  secrets?: readonly string[] | undefined
  onDisconnect?: (() => void) | undefined
}): { transport: Transport; host: string; redact: (text: string) => string } {
  const redact = createRedactor(url, secrets)
  if (/^https?:/.test(url)) {
    return {
      transport: createHttpTransport({ url, connectionsMax, responseBytesMax, headersFor, onDisconnect }),
      host: new URL(url).host,
      redact,
    }
  }
  if (/^wss?:/.test(url)) {
    return {
      transport: createTransportPool({
        open: () => createWebSocketTransport({ url, responseBytesMax, onDisconnect }),
        connectionsMax: Math.min(connectionsMax, STREAMS_MAX),
      }),
      host: new URL(url).host,
      redact,
    }
  }
  const path = url.replace(/^(ipc|file|unix):(\/\/)?/, '')
  return {
    transport: createIpcTransport({ path, responseBytesMax, onDisconnect }),
    host: `ipc:${basename(path)}`,
    redact,
  }
}
