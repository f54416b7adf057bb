import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'

/** One answer of the server to a signal. */
export interface Answered {
  readonly httpStatus: number
  readonly body: Readonly<Record<string, unknown>>
  /**
   * After a 202: whether `GET /trades/{id}` knew it right then. Absent when it was not asked or gave no
   * answer.
   */
  readonly isFound?: boolean
}

/** A signal and everything it was told, in order. Only answers that arrived whole are here. */
export interface StreamedSignal {
  readonly signal: Readonly<Record<string, unknown>> & { readonly signal_id: string }
  readonly answers: readonly Answered[]
}

export interface SignalStream {
  /** Every signal that was sent, answered or not. */
  readonly sent: readonly StreamedSignal[]
  /** Sends no new signals; resolves when those underway have their answer. */
  finish(): Promise<void>
}

const RETRY_MS = 60
const REQUEST_TIMEOUT_MS = 60_000

/**
 * So many clients that each send one signal after another. As the Python client does, one sends a signal
 * again, with the same signal_id, when the connection breaks or the server says that it is retryable, and
 * goes on to the next only with an answer that is neither.
 *
 * @param options.pauseMs between two signals of one client
 */
export function startSignalStream({
  url,
  clients,
  pauseMs,
  next,
}: {
  url: string
  clients: number
  pauseMs: () => number
  next: () => StreamedSignal['signal']
}): SignalStream {
  const pool = new Pool(url, { connections: clients, pipelining: 1, connectTimeout: 2_000 })
  const sent: StreamedSignal[] = []
  let finishing = false

  async function client(): Promise<void> {
    while (!finishing) {
      const signal = next()
      const answers: Answered[] = []
      sent.push({ signal, answers })
      for (;;) {
        const answered = await ask(signal)
        if (answered !== null) answers.push(answered)
        // A status in words is an outcome that is kept: the same request gets no other.
        const isOver = answered?.body.retryable !== true || typeof answered.body.status === 'string'
        if (answered !== null && isOver) break
        await sleep(RETRY_MS)
      }
      await sleep(pauseMs())
    }
  }

  async function ask(signal: StreamedSignal['signal']): Promise<Answered | null> {
    try {
      const { statusCode, body } = await pool.request({
        path: '/execute',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(signal),
        headersTimeout: REQUEST_TIMEOUT_MS,
        bodyTimeout: REQUEST_TIMEOUT_MS,
      })
      const answered = { httpStatus: statusCode, body: (await body.json()) as Answered['body'] }
      if (statusCode !== 202) return answered
      const isFound = await isKnown(signal.signal_id)
      return { ...answered, ...(isFound !== null && { isFound }) }
    } catch {
      return null
    }
  }

  async function isKnown(id: string): Promise<boolean | null> {
    try {
      const { statusCode, body } = await pool.request({ path: `/trades/${id}`, method: 'GET' })
      await body.dump()
      return statusCode < 500 ? statusCode === 200 : null
    } catch {
      return null
    }
  }

  const running = Promise.all(Array.from({ length: clients }, client))
  return {
    sent,
    async finish() {
      finishing = true
      await running
      await pool.close()
    },
  }
}
