import type { HttpResponse, TemplatedApp } from 'uWebSockets.js'
import type { Mode } from '../domain/mode.ts'
import { failure } from '../errors/failure.ts'
import { write } from './http.ts'
import { problemReply } from './httpMessage.ts'
import { openFilesMax } from './openFilesMax.ts'

/** File descriptors left for databases, RPC connections and threads. */
const RESERVED_FILES = 512

export interface ConnectionLimit {
  /** Open now, HTTP and WebSocket. */
  count(): number
  webSocketClosed(): void
}

/**
 * Counts sockets and answers those above the limit at once, before their request is read. uWebSockets.js
 * tells of each opened socket (+1) and of each closed one (-1) except WebSockets, which tell in their own
 * close event. Error: TOO_MANY_CONNECTIONS.
 *
 * @param options.connectionsMax fewer are taken where the limit of open files has no room for so many
 */
export function limitConnections({
  app,
  mode,
  connectionsMax: wantedMax,
  onRefused,
  logger,
}: {
  app: TemplatedApp
  mode: Mode
  connectionsMax: number
  onRefused: () => void
  logger: { warn(facts: object, message: string): void }
}): ConnectionLimit {
  const files = openFilesMax()
  const fit = files === null ? wantedMax : Math.max(1, files - RESERVED_FILES)
  const connectionsMax = Math.min(wantedMax, fit)
  if (fit < wantedMax) {
    const facts = { connections_max: wantedMax, open_files_max: files }
    logger.warn(facts, `Only ${fit} connections fit under the limit of open files (ulimit -n).`)
  }
  const sentence = `The server holds ${connectionsMax} connections, as many as it allows.`
  let open = 0
  const onSocket = (res: HttpResponse, change: unknown) => {
    open += Number(change)
    if (Number(change) < 0 || open <= connectionsMax) return
    onRefused()
    write({
      res,
      reply: problemReply({ failure: failure('TOO_MANY_CONNECTIONS', sentence), mode }),
      close: true,
    })
  }
  app.filter(onSocket)
  return {
    count: () => open,
    webSocketClosed: () => {
      open--
    },
  }
}
