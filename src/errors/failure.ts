import type { Code } from './codes.ts'

/**
 * Facts a failure carries for programs: JSON values only, so that it crosses threads and the wire unchanged.
 */
export type Facts = Readonly<Record<string, string | number | boolean | null | readonly string[]>>

/** An expected bad outcome, as a value: a stable code, one sentence for a person, facts for a program. */
export interface Failure {
  readonly code: Code
  readonly sentence: string
  /** What to do about this very case, when more can be said than the code's general fix. */
  readonly hint: string | null
  readonly facts: Facts
}

/** Makes a `Failure`; `sentence` ends with a full stop. */
export function failure(
  code: Code,
  sentence: string,
  facts: Facts = {},
  hint: string | null = null,
): Failure {
  return { code, sentence, hint, facts }
}

/** A value, or the reason there is none. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure }

export const succeed = <T>(value: T): Result<T> => ({ ok: true, value })
export const fail = (reason: Failure): { readonly ok: false; readonly failure: Failure } => ({
  ok: false,
  failure: reason,
})
