import type { EndpointState, EndpointStatus } from '../dispatch/protocol.ts'
import type { Failure, Result } from '../errors/failure.ts'
import type { HeadListener } from './headSubscription.ts'
import type { Head } from './heads.ts'

/**
 * A node's own error answer. What it means is read in `nodeErrors.ts` only; its words hold no secret of the
 * endpoint's URL.
 */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** What became of one call: a result, the node's refusal, or no usable answer from any endpoint. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: unknown }
  /** The call ran and did not succeed, or no node knows such a call: it would be the same elsewhere. */
  | { readonly ok: false; readonly kind: 'rpc'; readonly error: RpcError }
  /** `NODE_UNAVAILABLE`, `NODE_TIMEOUT`, or what `Refuses` gave back. */
  | { readonly ok: false; readonly kind: 'transport'; readonly failure: Failure }

/**
 * A list of JSON values, or the same list already written as JSON text (saves writing large constant parts
 * again).
 */
export type RpcParams = readonly unknown[] | string

/**
 * `heavy` calls (simulations) wait in a queue of their own with few batches in flight, so that a `light` call
 * (a price, a head) never stands behind thousands of them.
 */
export type RpcWeight = 'heavy' | 'light'

/**
 * Why a result is of no use, or null: the next endpoint is asked, and the failure is the outcome when none
 * does better.
 */
export type Refuses = (result: unknown, host: string) => Failure | null

/** One exchange with an endpoint as metrics see it. */
export interface RpcRequest {
  readonly host: string
  readonly method: string
  /** Calls of this method in the exchange. */
  readonly calls: number
  readonly seconds: number
  readonly ok: boolean
}

/** What can be asked of a node. Only reads leave. */
export interface RpcReader {
  /**
   * One call. Never rejects.
   *
   * @param params text must be a JSON array made of validated values: it goes out as it is
   * @throws at once, before any byte is written, when the method is not one of `READ_METHODS`
   */
  call(method: string, params: RpcParams): Promise<RpcOutcome>
}

/** JSON-RPC to one chain, whichever of its endpoints answers. */
export interface JsonRpc extends RpcReader {
  /** Goes to an endpoint that is well by its head; to one that is behind only when none is. */
  call(method: string, params: RpcParams, weight?: RpcWeight, refuses?: Refuses): Promise<RpcOutcome>
  /** Each endpoint alone, in order of configuration. */
  readonly endpoints: readonly EndpointReader[]
  /** Every endpoint in order of configuration. */
  status(): readonly EndpointStatus[]
  /** Answers what is open with `NODE_UNAVAILABLE` and closes every connection. */
  close(): Promise<void>
}

/** One endpoint alone: counts and receipts are not believed from one where there are two. */
export interface EndpointReader extends RpcReader {
  readonly host: string
  /**
   * @param options.timeoutMs half of the client's time when not given, so that one that hangs delays the
   * others' answers little
   */
  call(method: string, params: RpcParams, options?: { readonly timeoutMs?: number }): Promise<RpcOutcome>
  state(): EndpointState
  /** Its chain id is another one's. */
  servesOtherChain(): boolean
  /**
   * Asks for the newest block, also where nothing else is asked because its blocks do not fit those of the
   * others.
   */
  askHead(): Promise<RpcOutcome>
  /** The newest block it has shown. */
  head(): Head | null
  /** Its newest block fits those of the others, and it has not fallen silent since. */
  isBelieved(): boolean
  /** To be told of each newest block it shows. */
  saw(head: Head): void
  /**
   * While the endpoints' heads differ, asks it now and then which block its own calls stand on. Resolves to
   * whether other heads than before are believed now.
   */
  verifyHead(): Promise<boolean>
  /**
   * Announces new block headers on a connection of its own until that ends; null where the node cannot speak
   * first (http). Fails when it does not, now.
   */
  readonly subscribeHeads: ((listener: HeadListener) => Promise<Result<() => void>>) | null
}
