import typia from 'typia'
import type { PositiveInteger, SafeInteger } from './safeInteger.ts'

/**
 * What a client asks to be told of over WebSocket; channel names are checked by `decodeMessage`, which knows
 * them.
 */
export interface SubscribeShape {
  type: 'subscribe'
  /** Echoed in the reply. */
  id?: string | number | null
  channels?: string[] | null
  filter?: {
    /** Chain ids whose events are wanted. */
    chain?: PositiveInteger[] | null
  } | null
  /** First event wanted; what lies between it and now is sent first. */
  from_seq?: SafeInteger | null
}

/** `execute` and `simulate` carry a signal besides, which is checked by `decodeSignal`. */
export interface RequestShape {
  type: 'execute' | 'simulate' | 'ping'
  id?: string | number | null
  signal?: unknown
}

export const validateSubscribeShape = typia.createValidate<SubscribeShape>()
export const validateRequestShape = typia.createValidate<RequestShape>()
