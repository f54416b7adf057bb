/**
 * Why an exchange brought no reply. `detail` continues the sentence "The RPC endpoint HOST …" without a full
 * stop.
 */
export interface ExchangeFailure {
  readonly ok: false
  readonly reason: /** No connection could be made: certainly nothing was received. */
    | 'unreachable'
    /** The connection ended under the request. */
    | 'reset'
    | 'timeout'
    | 'rate-limited'
    /** The payload as a whole was refused; fewer calls at once may pass. */
    | 'payload-refused'
    /** A batch was answered in part. */
    | 'incomplete'
    /** Anything else that is not a JSON-RPC reply. */
    | 'unusable'
  readonly detail: string
  /** How long the endpoint asked to be left alone, ms; null when it did not say. */
  readonly retryAfterMs: number | null
}

export type Exchange = { readonly ok: true; readonly reply: unknown } | ExchangeFailure

/** One connection, or pool of connections, to one endpoint. */
export interface Transport {
  /**
   * Sends one JSON text and gives back the parsed reply to it; never rejects.
   *
   * @param request.ids ids of the calls in `body`, by which a reply on a stream is recognised
   */
  exchange(request: { body: string; ids: readonly number[]; timeoutMs: number }): Promise<Exchange>
  /** Present where the other side can speak first. */
  listen?(listener: StreamListener): void
  close(): Promise<void>
}

export interface StreamListener {
  /** An open connection has ended; the next exchange makes a new one. */
  onEnd(): void
  onNotification(message: { readonly method: string; readonly params: unknown }): void
}

export function exchangeFailure(
  reason: ExchangeFailure['reason'],
  detail: string,
  retryAfterMs: number | null = null,
): ExchangeFailure {
  return { ok: false, reason, detail, retryAfterMs }
}
