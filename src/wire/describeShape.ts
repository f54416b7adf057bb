import type { Code } from '../errors/codes.ts'
import { type Failure, failure } from '../errors/failure.ts'

/** One mismatch as typia reports it; `path` begins with `$input`. */
interface ShapeError {
  readonly path: string
  readonly value: unknown
}

/**
 * Words the mismatches between a JSON value and a shape as one failure: the first one in full, the others as
 * a count. `expectations` says in words what each field must be; `field[]` stands for every entry of the list
 * `field`.
 */
export function describeShape({
  code,
  subject,
  errors,
  expectations,
}: {
  code: Code
  /** The value as a whole, e.g. `A signal`. */
  subject: string
  errors: readonly ShapeError[]
  expectations: Readonly<Record<string, string>>
}): Failure {
  const first = errors[0]
  if (first === undefined) throw new Error('describeShape was called without errors')
  const field = first.path.replace(/^\$input\.?/, '')
  if (field === '') return failure(code, `${subject} must be a JSON object, found ${preview(first.value)}.`)
  const others = new Set(errors.map((error) => error.path)).size - 1
  const more = others === 0 ? '' : ` (and ${others} more ${others === 1 ? 'problem' : 'problems'})`
  const expected = expectations[field.replace(/\[\d+\]$/, '[]')] ?? 'a value this server knows'
  const sentence =
    first.value === undefined
      ? `${field} is missing: it must be ${expected}${more}.`
      : `${field} must be ${expected}, found ${preview(first.value)}${more}.`
  return failure(code, sentence, { field })
}

/** A JSON value for a sentence, never longer than a few words. */
export function preview(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 48)) : String(value)
  return typeof value === 'string' && value.length > 48 ? `${text.slice(0, -1)}…"` : text
}
