import { isUtf8 } from 'node:buffer'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'

/**
 * JSON from bytes. Of repeated keys the last counts, as in JavaScript and Python; bytes that are not UTF-8
 * are refused rather than replaced. Error: INVALID_JSON.
 */
export function parseBody(body: Buffer): Result<unknown> {
  if (body.length === 0) return fail(failure('INVALID_JSON', 'The body is empty.'))
  if (!isUtf8(body)) return fail(failure('INVALID_JSON', 'The body is not valid UTF-8.'))
  try {
    return succeed(JSON.parse(body.toString()))
  } catch (error) {
    return fail(
      failure('INVALID_JSON', `The body is not valid JSON: ${trim(String((error as Error).message))}.`),
    )
  }
}

/** V8 quotes the text around the error, which may hold line breaks or most of a small body. */
function trim(message: string): string {
  return message.replace(/\s+/g, ' ').slice(0, 160)
}
