import type { Address, Hex } from '../domain/signal.ts'

/** `simulate(address,bytes,address,uint8,address[])` of `contracts/SimulationLens.sol`. */
const SELECTOR = '538917d7'
/** `simulateBehind(address,bytes,address,uint8,address[],bytes[])` of `contracts/BehindLens.sol`. */
const BEHIND_SELECTOR = 'fb682169'
const WORD = 64
const HEX = /^0x[0-9a-f]*$/i

/** What the lens measured; amounts in base units of the token asked about. */
export interface LensAnswer {
  readonly ok: boolean
  /** Gas of the call alone, before refunds. */
  readonly gasUsed: bigint
  readonly l1FeeWei: bigint
  readonly block: number
  readonly timestamp: number
  readonly balanceBefore: bigint
  readonly balanceAfter: bigint
  /** Return data, or revert data when not `ok`. */
  readonly data: Hex
  /** How much of each token that should only pass through stayed, in the order asked. */
  readonly left: readonly bigint[]
  /** What the sender's account holds of the native coin before the call, wei. */
  readonly fundsWei: bigint
}

/** What the lens measured of a candidate alone and behind pending trades. */
export interface BehindAnswer {
  readonly alone: LensAnswer
  /** Null when it fails alone. */
  readonly behind: LensAnswer | null
  /**
   * How many of the pending trades, from the first on, leave it worse than alone; 0 when all of them do not.
   */
  readonly takenBy: number
}

const word = (value: string) => value.padStart(WORD, '0')
const count = (value: number) => word(value.toString(16))
const addressWord = (address: Address) => word(address.slice(2))

/** Length, then the bytes filled up to whole words. */
function lengthAndBytes(value: Hex): string {
  const padding = '0'.repeat((WORD - ((value.length - 2) % WORD)) % WORD)
  return `${count((value.length - 2) / 2)}${value.slice(2)}${padding}`
}

export interface LensQuestion {
  readonly calldata: Hex
  /** Whose balance is measured. */
  readonly token: Address
  /** Tokens that should only pass through. */
  readonly passing: readonly Address[]
  /** Calldata of pending trades; with any it is a call of the `BehindLens`. */
  readonly pending?: readonly Hex[]
}

/** Writes lens calls for one target: what is the same each time is written once. */
export function createLensEncoder({ target, l1FeeModel }: { target: Address; l1FeeModel: number }) {
  const head = (selector: string, dataAt: string) => `0x${selector}${word(target.slice(2))}${word(dataAt)}`
  const aloneHead = head(SELECTOR, 'a0')
  const behindHead = head(BEHIND_SELECTOR, 'c0')
  const model = count(l1FeeModel)
  return ({ calldata, token, passing, pending = [] }: LensQuestion): string => {
    const fixed = `${addressWord(token)}${model}`
    const data = lengthAndBytes(calldata)
    const tokens = count(passing.length) + passing.map(addressWord).join('')
    if (pending.length === 0) return `${aloneHead}${fixed}${count(0xa0 + data.length / 2)}${data}${tokens}`
    let offsets = ''
    let calls = ''
    for (const call of pending) {
      // Offsets count from behind the list's length.
      offsets += count(pending.length * 32 + calls.length / 2)
      calls += lengthAndBytes(call)
    }
    const tokensAt = 0xc0 + data.length / 2
    const listAt = tokensAt + tokens.length / 2
    const lists = `${tokens}${count(pending.length)}${offsets}${calls}`
    return `${behindHead}${fixed}${count(tokensAt)}${count(listAt)}${data}${lists}`
  }
}

/**
 * Reads the lens's answer; null when it is not one (the override was ignored, or the node answered something
 * else).
 */
export function decodeLensAnswer(result: unknown): LensAnswer | null {
  if (typeof result !== 'string' || result.length < 2 + 12 * WORD || !HEX.test(result)) return null
  const at = (index: number) => wordAt(result, index)
  const data = bytesAt(result, 7)
  const left = wordsAt(result, 8)
  if (data === null || left === null) return null
  return {
    ok: at(0) === 1n,
    gasUsed: at(1),
    l1FeeWei: at(2),
    block: Number(at(3)),
    timestamp: Number(at(4)),
    balanceBefore: at(5),
    balanceAfter: at(6),
    data,
    left,
    fundsWei: at(9),
  }
}

/** Reads the answer about a candidate behind pending trades; null when it is not one. */
export function decodeBehindAnswer(result: unknown): BehindAnswer | null {
  if (typeof result !== 'string' || result.length < 2 + 5 * WORD || !HEX.test(result)) return null
  const alone = decodeLensAnswer(bytesAt(result, 0))
  const behind = decodeLensAnswer(bytesAt(result, 1))
  if (alone === null || (behind === null) === alone.ok) return null
  return { alone, behind, takenBy: Number(wordAt(result, 2)) }
}

const wordAt = (data: string, index: number) =>
  BigInt(`0x${data.slice(2 + index * WORD, 2 + (index + 1) * WORD)}`)

/** The list of words whose offset stands in the word at `index`; null when it ends outside. */
function wordsAt(data: string, index: number): bigint[] | null {
  const lengthAt = Number(wordAt(data, index)) * 2 + 2
  const start = lengthAt + WORD
  const length = Number(`0x${data.slice(lengthAt, start)}`)
  if (!(start + length * WORD <= data.length)) return null
  return Array.from({ length }, (_, each) => wordAt(`0x${data.slice(start)}`, each))
}

/** The bytes whose offset stands in the word at `index`; null when they end outside. */
function bytesAt(data: string, index: number): Hex | null {
  const lengthAt = Number(wordAt(data, index)) * 2 + 2
  const start = lengthAt + WORD
  const end = start + Number(`0x${data.slice(lengthAt, start)}`) * 2
  return end <= data.length ? `0x${data.slice(start, end)}` : null
}
