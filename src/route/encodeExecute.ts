import type { Hex, Signal } from '../domain/signal.ts'

/** First four bytes of keccak-256 of `execute(uint8,address,uint256,bytes)`. */
export const EXECUTE_SELECTOR = '0xd47b33fb'

/**
 * Optional words that end `routeData`; one that is given brings those before it along, as zero when they are
 * not given.
 */
export interface RouteOptions {
  /** Unix seconds after which the contract refuses; null = no limit. */
  readonly deadlineSeconds: number | null
  /**
   * 32 bytes the contract consumes, so that it never executes the same signal twice; null = it remembers
   * nothing.
   */
  readonly consumedId: Hex | null
  /**
   * What the trade must earn on chain, base units of the loan token; the signal's own `minProfit` holds where
   * it is higher.
   */
  readonly minProfit?: bigint
}

/**
 * Calldata of `OmniArbExecutor.execute` for a signal; a minimum profit goes along when it is above 0.
 *
 * Laid out by hand, word by word, as the contract ABI specification says (head of values and offsets, then
 * the dynamic values in order): an ABI library takes some hundred times as long, and every signal passes
 * here. A property test holds it against one.
 */
export function encodeExecute(
  signal: Signal,
  { deadlineSeconds, consumedId, minProfit = 0n }: RouteOptions = { deadlineSeconds: null, consumedId: null },
): Hex {
  const floor = minProfit > signal.minProfit ? minProfit : signal.minProfit
  const trailing = trailingWords(floor, deadlineSeconds, consumedId)
  const { hops } = signal
  const headBytes = (4 + trailing.length / WORD_CHARS) * 32
  const listBytes = (hops.length + 1) * 32

  const count = word(hops.length)
  let protocols = count
  let routers = count
  let path = count
  let extraOffsets = count
  let extras = ''
  for (const hop of hops) {
    protocols += word(hop.protocol)
    routers += addressWord(hop.router)
    path += addressWord(hop.tokenOut)
    // Offsets count from behind the list's length.
    extraOffsets += word(hops.length * 32 + extras.length / 2)
    extras += bytes(hop.extra)
  }
  const offsets = word(headBytes) + word(headBytes + listBytes) + word(headBytes + 2 * listBytes)
  const routeData =
    offsets + word(headBytes + 3 * listBytes) + trailing + protocols + routers + path + extraOffsets + extras

  const head = word(signal.flashSource) + addressWord(signal.loanToken) + word(signal.loanAmount)
  return `${EXECUTE_SELECTOR}${head}${ROUTE_DATA_OFFSET}${word(routeData.length / 2)}${routeData}`
}

const WORD_CHARS = 64
const ZEROS = '0'.repeat(WORD_CHARS)

const word = (value: number | bigint): string => value.toString(16).padStart(WORD_CHARS, '0')
const addressWord = (address: Hex): string => `000000000000000000000000${address.slice(2)}`
const ROUTE_DATA_OFFSET = word(0x80)

/** Length, then the bytes filled up with zeros to whole words. */
function bytes(value: Hex): string {
  const digits = value.slice(2)
  const rest = digits.length % WORD_CHARS
  return word(digits.length / 2) + digits + (rest === 0 ? '' : ZEROS.slice(rest))
}

function trailingWords(minProfit: bigint, deadlineSeconds: number | null, consumedId: Hex | null): string {
  if (consumedId !== null) return word(minProfit) + word(deadlineSeconds ?? 0) + consumedId.slice(2)
  if (deadlineSeconds !== null) return word(minProfit) + word(deadlineSeconds)
  return minProfit > 0n ? word(minProfit) : ''
}
