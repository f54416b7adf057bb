/** Every bound of the process in one place; each refuses at once instead of letting something grow. */
export const LIMITS = {
  /** Bytes of the body of one batch. */
  batchBytesMax: 4 * 1024 * 1024,
  /**
   * Bytes of every other HTTP body, and of a WebSocket message: more than one signal needs. Messages that are
   * not whole lie in uWebSockets.js, out of sight, so this times the connections is what they can take.
   */
  signalBytesMax: 64 * 1024,
  /** Bytes kept for all bodies that have arrived in part. */
  bodiesBytesMax: 256 * 1024 * 1024,
  /** Milliseconds a body may take to arrive. */
  bodyTimeoutMs: 10_000,
  /** Signals in one batch. */
  batchSignalsMax: 1_000,
  /** Open client connections, HTTP and WebSocket together, unless CONNECTIONS_MAX says otherwise. */
  connectionsMax: 12_000,
  hopsMax: 8,
  /** Bytes of one hop's extras. */
  extraBytesMax: 256,
  signalIdCharsMax: 64,
  /** Signals waiting or running per chain, unless QUEUE_MAX says otherwise. */
  queueMax: 20_000,
  /** Bytes buffered for one WebSocket subscriber before it is a slow consumer. */
  subscriberBytesMax: 16 * 1024 * 1024,
  /** The same for all clients together, readers of large answers too, before those with the most are cut off. */
  unreadBytesMax: 256 * 1024 * 1024,
  /** Bytes of events that wait for the event log in memory; further ones stay in the chains' journals. */
  unstoredBytesMax: 64 * 1024 * 1024,
  /** Events in one page of GET /events or /trades. */
  pageRowsMax: 1_000,
  /** eth_call candidates in one JSON-RPC batch, and batches in flight per chain. */
  rpcBatchMax: 24,
  rpcBatchesInFlightMax: 3,
  /**
   * Gas given to a simulated execution: more than any route of `hopsMax` hops needs, below every chain's
   * block limit.
   */
  simulationGas: 10_000_000,
  /** Trades of our own in flight that a candidate is simulated behind, in one call. */
  pendingMax: 32,
  /**
   * Gas of such a call, for all of them and the candidate; below the 50,000,000 that clients grant a call by
   * default.
   */
  simulationBehindGas: 40_000_000,
  /** Milliseconds that may be spent on reading why a simulated trade reverted, and how many may be read at once. */
  explanationMs: 1_500,
  explanationsInFlightMax: 8,
  /**
   * MiB of one chain thread's heap, many times what a full queue takes: one that leaks ends alone and says
   * so, before the system ends the whole process.
   */
  threadHeapMbMax: 1_024,
  rpcResponseBytesMax: 32 * 1024 * 1024,
} as const
