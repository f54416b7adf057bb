import type { WebSocket } from 'uWebSockets.js'
import type { Outlet } from './subscribers.ts'

export interface SendBuffer extends Outlet {
  /** The socket is gone; everything given from now on is dropped. */
  closed(): void
}

/**
 * Collects what one turn of the event loop has for a socket into one write. A client with more than
 * `bytesMax` unread is handed to `onSlow`; nothing is dropped in silence.
 */
export function createSendBuffer({
  socket,
  bytesMax,
  onSlow,
}: {
  socket: WebSocket<unknown>
  bytesMax: number
  onSlow: () => void
}): SendBuffer {
  let open = true
  let waiting: string[] = []

  function flush() {
    if (!open || waiting.length === 0) return
    const texts = waiting
    waiting = []
    socket.cork(() => {
      for (const text of texts) socket.send(text)
    })
    if (socket.getBufferedAmount() > bytesMax) onSlow()
  }

  return {
    send(text) {
      if (!open) return
      if (waiting.push(text) === 1) queueMicrotask(flush)
    },
    bufferedBytes: () => (open ? socket.getBufferedAmount() : 0),
    close(code, reason) {
      if (!open) return
      for (const text of waiting) socket.send(text)
      open = false
      socket.end(code, reason)
    },
    closed() {
      open = false
      waiting = []
    },
  }
}
