import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SendErrorClass } from '../../src/nodes/sendErrors.ts'

/** One real refusal of a signed transaction. */
export interface RealSendError {
  readonly expected: SendErrorClass
  readonly code: number
  /** The client and where it says so. */
  readonly source: string
  readonly message: string
}

/** Refusals as nodes word them, from their sources: `sendErrors.tsv`, one a line. */
export function sendErrorCorpus(): readonly RealSendError[] {
  return readFileSync(join(import.meta.dirname, 'sendErrors.tsv'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [expected, code, source, message] = line.split('\t') as [SendErrorClass, string, string, string]
      return { expected, code: Number(code), source, message }
    })
}
