import type { Address, Hex } from '../domain/signal.ts'

/** `simulate(address,bytes,address,uint8)` of `contracts/SimulationLens.sol`. */
const SELECTOR = 'dd6e9615'
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
}

const word = (value: string) => value.padStart(WORD, '0')

/** Writes lens calls for one target: everything but calldata and token is the same each time and written once. */
export function createLensEncoder({ target, l1FeeModel }: { target: Address; l1FeeModel: number }) {
  const beforeToken = `0x${SELECTOR}${word(target.slice(2))}${word('80')}`
  const afterToken = word(l1FeeModel.toString(16))
  return ({ calldata, token }: { calldata: Hex; token: Address }): string => {
    const bytes = (calldata.length - 2) / 2
    const padding = '0'.repeat((WORD - ((calldata.length - 2) % WORD)) % WORD)
    return `${beforeToken}${word(token.slice(2))}${afterToken}${word(bytes.toString(16))}${calldata.slice(2)}${padding}`
  }
}

/** Reads the lens's answer; null when it is not one (the override was ignored, or the node answered something else). */
export function decodeLensAnswer(result: unknown): LensAnswer | null {
  if (typeof result !== 'string' || result.length < 2 + 9 * WORD || !HEX.test(result)) return null
  const at = (index: number) => BigInt(`0x${result.slice(2 + index * WORD, 2 + (index + 1) * WORD)}`)
  const dataAt = Number(at(7)) * 2 + 2
  const dataLength = Number(`0x${result.slice(dataAt, dataAt + WORD)}`) * 2
  const dataStart = dataAt + WORD
  if (!(dataStart + dataLength <= result.length)) return null
  return {
    ok: at(0) === 1n,
    gasUsed: at(1),
    l1FeeWei: at(2),
    block: Number(at(3)),
    timestamp: Number(at(4)),
    balanceBefore: at(5),
    balanceAfter: at(6),
    data: `0x${result.slice(dataStart, dataStart + dataLength)}`,
  }
}
