import type { Address, Hex } from '../domain/signal.ts'
import { EXECUTE_SELECTOR } from './encodeExecute.ts'

/** What a call of `execute` borrows, and the id it consumes. */
export interface ReadExecute {
  readonly loanToken: Address
  readonly loanAmount: bigint
  /** 32 bytes; null when it consumes none. */
  readonly consumedId: Hex | null
}

const WORD = 64
/** Words before `routeData`: lender, token, amount, offset, length. */
const HEAD_WORDS = 5
/**
 * The first offset in `routeData` tells where its optional words end: four offsets, then minimum profit,
 * deadline, id.
 */
const WORDS_WITH_ID = 7

/** Reads calldata as `encodeExecute` writes it; null when it is another call, or cut off. */
export function readExecute(input: Hex): ReadExecute | null {
  const words = input.slice(EXECUTE_SELECTOR.length)
  const wordAt = (index: number) => words.slice(index * WORD, (index + 1) * WORD)
  if (!input.startsWith(EXECUTE_SELECTOR) || !/^[0-9a-f]*$/.test(words)) return null
  if (words.length < (HEAD_WORDS + WORDS_WITH_ID) * WORD) return null
  const hasId = Number(`0x${wordAt(HEAD_WORDS)}`) / 32 >= WORDS_WITH_ID
  const id = wordAt(HEAD_WORDS + WORDS_WITH_ID - 1)
  return {
    loanToken: `0x${wordAt(1).slice(24)}`,
    loanAmount: BigInt(`0x${wordAt(2)}`),
    consumedId: hasId && /[1-9a-f]/.test(id) ? `0x${id}` : null,
  }
}
