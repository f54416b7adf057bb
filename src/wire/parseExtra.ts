import { LIMITS } from '../config/limits.ts'
import type { Hex, ProtocolId } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { preview } from './describeShape.ts'

const BYTES = /^0x(?:[0-9a-f]{2})*$/
/** Fee tier of a Uniswap V3 hop without extras: 0.3 %, the protocol's first and most common one. */
const DEFAULT_FEE_WORD = succeed<Hex>(`0x${(3_000).toString(16).padStart(64, '0')}`)
const NO_EXTRA = succeed<Hex>('0x')
const INT128_MAX = 2n ** 127n - 1n

/**
 * One hop's venue data, from what a client may send to what the executor contract takes: nothing for Uniswap
 * V2 (whatever was sent), the fee as one word for Uniswap V3 (from nothing, 3 or 32 bytes), two coin indices
 * for Curve. Errors: INVALID_SIGNAL when it is not hexadecimal bytes, INVALID_ROUTE when it is not what the
 * venue takes.
 */
export function parseExtra({
  hop,
  protocol,
  text,
}: {
  hop: number
  protocol: ProtocolId
  text: string
}): Result<Hex> {
  const field = `extras[${hop}]`
  const bytes = (text.length - 2) / 2
  if (bytes > LIMITS.extraBytesMax) {
    return misfit(
      field,
      `${field} has ${Math.floor(bytes)} bytes; at most ${LIMITS.extraBytesMax} are taken.`,
    )
  }
  const extra = text.toLowerCase() as Hex
  if (extra !== '0x' && !BYTES.test(extra)) {
    const sentence = `${field} must be "0x" and hexadecimal bytes ("0x" for none), found ${preview(text)}.`
    return fail(failure('INVALID_SIGNAL', sentence, { field }))
  }
  switch (protocol) {
    case 0:
      return NO_EXTRA
    case 1:
      return parseFee(field, extra, bytes)
    case 2:
      return parseCoins(field, extra, bytes)
    default:
      return protocol satisfies never
  }
}

function parseFee(field: string, extra: Hex, bytes: number): Result<Hex> {
  if (bytes === 0) return DEFAULT_FEE_WORD
  if (bytes === 3) return succeed<Hex>(`0x${extra.slice(2).padStart(64, '0')}`)
  if (bytes === 32 && /^0x0{58}/.test(extra)) return succeed(extra)
  const found = bytes === 32 ? `a number above ${0xff_ff_ff}` : `${bytes} bytes`
  return misfit(
    field,
    `${field} must hold the fee tier of the Uniswap V3 pool as 3 or 32 bytes ("0x" means 3000, i.e. 0.3 %), found ${found}.`,
  )
}

function parseCoins(field: string, extra: Hex, bytes: number): Result<Hex> {
  if (bytes !== 64) {
    return misfit(
      field,
      `${field} must hold the Curve pool's coin indices i and j as two 32-byte words, found ${bytes} bytes.`,
    )
  }
  const coins = [BigInt(extra.slice(0, 66)), BigInt(`0x${extra.slice(66)}`)]
  if (coins.some((coin) => coin > INT128_MAX)) {
    return misfit(
      field,
      `${field} must hold two coin indices of a Curve pool, found a number no coin can have.`,
    )
  }
  if (coins[0] === coins[1]) {
    return misfit(field, `${field} swaps coin ${coins[0]} of the Curve pool for itself: i and j must differ.`)
  }
  return succeed(extra)
}

const misfit = (field: string, sentence: string) => fail(failure('INVALID_ROUTE', sentence, { field }))
