import { id } from 'ethers'
import type { Hex } from '../domain/signal.ts'

/**
 * Revert data by its form: Solidity's two built-in errors, an error with a selector of its own, or neither.
 */
export type RevertData =
  | { readonly kind: 'empty' }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'panic'; readonly code: bigint }
  /** `words` are the whole 32-byte words behind the selector. */
  | { readonly kind: 'custom'; readonly selector: Hex; readonly words: readonly bigint[] }
  | { readonly kind: 'other' }

/** The four bytes that stand for an error of this signature, e.g. `Panic(uint256)`. */
export const errorSelector = (signature: string): Hex => id(signature).slice(0, 10) as Hex

/** `Panic` of `Panic(uint256)`. */
export const errorName = (signature: string): string => signature.slice(0, signature.indexOf('('))

const TEXT = errorSelector('Error(string)')
const PANIC = errorSelector('Panic(uint256)')
const WORD_CHARS = 64
const FIRST_WORD = 10

/** Tells the form of revert data; never throws, whatever a contract put there. */
export function readRevertData(data: Hex): RevertData {
  if (data.length <= 2) return { kind: 'empty' }
  if (data.length < FIRST_WORD) return { kind: 'other' }
  const selector = data.slice(0, FIRST_WORD).toLowerCase() as Hex
  const words: bigint[] = []
  for (let at = FIRST_WORD; at + WORD_CHARS <= data.length; at += WORD_CHARS) {
    words.push(BigInt(`0x${data.slice(at, at + WORD_CHARS)}`))
  }
  if (selector === PANIC && words[0] !== undefined) return { kind: 'panic', code: words[0] }
  if (selector !== TEXT) return { kind: 'custom', selector, words }
  const bytes = readBytes({ data, argument: 0 })
  return bytes === null
    ? { kind: 'other' }
    : { kind: 'text', text: Buffer.from(bytes.slice(2), 'hex').toString('utf8') }
}

/**
 * The `bytes` or `string` that is the error's argument at this position; null when it reaches beyond the
 * data.
 */
export function readBytes({ data, argument }: { data: Hex; argument: number }): Hex | null {
  const offset = wordAt(data, FIRST_WORD + argument * WORD_CHARS)
  if (offset === null) return null
  const lengthAt = FIRST_WORD + offset * 2
  const length = wordAt(data, lengthAt)
  if (length === null) return null
  const bytes = data.slice(lengthAt + WORD_CHARS, lengthAt + WORD_CHARS + length * 2)
  return bytes.length === length * 2 ? `0x${bytes}` : null
}

/** A word as a number; null when it is not there or larger than any data. */
function wordAt(data: Hex, at: number): number | null {
  const digits = data.slice(at, at + WORD_CHARS)
  if (digits.length < WORD_CHARS) return null
  const value = Number(`0x${digits}`)
  return value <= data.length ? value : null
}
