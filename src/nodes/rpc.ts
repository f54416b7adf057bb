import type { EndpointStatus } from '../dispatch/protocol.ts'
import type { Failure, Result } from '../errors/failure.ts'

/** A node's own error answer, verbatim. What it means is read in `nodeErrors.ts` only. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** What became of one call: a result, the node's refusal, or no usable answer from any endpoint. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly kind: 'rpc'; readonly error: RpcError }
  /** `NODE_UNAVAILABLE` or `NODE_TIMEOUT`. */
  | { readonly ok: false; readonly kind: 'transport'; readonly failure: Failure }

/** A list of JSON values, or the same list already written as JSON text (saves writing large constant parts again). */
export type RpcParams = readonly unknown[] | string

/**
 * `heavy` calls (simulations) wait in a queue of their own with few batches in flight, so that a `light` call
 * (a price, a head) never stands behind thousands of them.
 */
export type RpcWeight = 'heavy' | 'light'

/** One exchange with an endpoint as metrics see it. */
export interface RpcRequest {
  readonly host: string
  readonly method: string
  /** Calls of this method in the exchange. */
  readonly calls: number
  readonly seconds: number
  readonly ok: boolean
}

/** JSON-RPC to one chain, whichever of its endpoints answers. Only reads leave. */
export interface JsonRpc {
  /**
   * One call. Never rejects.
   *
   * @param params text must be a JSON array made of validated values: it goes out as it is
   * @throws at once, before any byte is written, when the method is not one of `READ_METHODS`
   */
  call(method: string, params: RpcParams, weight?: RpcWeight): Promise<RpcOutcome>
  /**
   * Calls `onHead` with each new block header an endpoint announces, across reconnections; headers in between are lost.
   * Fails when no endpoint can announce (http) or none is reachable now.
   */
  subscribeHeads(onHead: (header: unknown) => void): Promise<Result<() => void>>
  /** Every endpoint in order of configuration. */
  status(): readonly EndpointStatus[]
  /** Answers what is open with `NODE_UNAVAILABLE` and closes every connection. */
  close(): Promise<void>
}
