import type { WebSocket } from 'uWebSockets.js'
import type { Outlet } from './subscribers.ts'
import type { UnreadBytes } from './unreadBytes.ts'

export interface SendBuffer extends Outlet {
  /** False once it was closed: the socket may live on until its client has read what was sent. */
  isOpen(): boolean
  /** The client has taken some of what was sent. */
  drained(): void
  /** The socket is gone; everything given from now on is dropped. */
  closed(): void
}

/** For a client to read what it was sent before the close; a socket that is closed as slow counts until then. */
export const CLOSE_MS = 5_000

/**
 * Collects what one turn of the event loop has for a socket into one write. A client with more than
 * `bytesMax` unread is handed to `onSlow`; nothing is dropped in silence.
 */
export function createSendBuffer({
  socket,
  bytesMax,
  unread,
  onSlow,
}: {
  socket: WebSocket<unknown>
  bytesMax: number
  /** Of all sockets. */
  unread: UnreadBytes
  onSlow: () => void
}): SendBuffer {
  let open = true
  let gone = false
  let waiting: string[] = []
  let ending: { code: number; reason: string; timer: NodeJS.Timeout } | null = null
  const held = unread.add(() => {
    // Memory is needed now: what this client has not read is given up.
    onSlow()
    socket.close()
  })

  function flush() {
    if (!open || waiting.length === 0) return
    const texts = waiting
    waiting = []
    socket.cork(() => {
      for (const text of texts) socket.send(text)
    })
    const bytes = socket.getBufferedAmount()
    if (bytes > bytesMax) onSlow()
    held.set(bytes)
  }

  return {
    send(text) {
      if (!open) return
      if (waiting.push(text) === 1) queueMicrotask(flush)
    },
    bufferedBytes: () => (open ? socket.getBufferedAmount() : 0),
    isOpen: () => open,
    close(code, reason) {
      if (!open) return
      for (const text of waiting) socket.send(text)
      open = false
      if (socket.getBufferedAmount() === 0) socket.end(code, reason)
      else ending = { code, reason, timer: setTimeout(() => socket.close(), CLOSE_MS).unref() }
    },
    drained() {
      if (gone) return
      const bytes = socket.getBufferedAmount()
      held.set(bytes)
      if (bytes === 0 && ending !== null) socket.end(ending.code, ending.reason)
    },
    closed() {
      gone = true
      open = false
      waiting = []
      if (ending !== null) clearTimeout(ending.timer)
      held.remove()
    },
  }
}
