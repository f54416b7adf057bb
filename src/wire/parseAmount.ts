import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { preview } from './describeShape.ts'

const UINT256_MAX = 2n ** 256n - 1n
/** Digits of 2^256 - 1; longer text is refused unread, as reading is quadratic in its length. */
const DIGITS_MAX = 78
const DECIMAL = /^\d+$/
/** Also how small numbers print, e.g. `1e-7`. */
const FRACTION = /^-?\d*\.\d+$|^-?\d+\.$|^-?[\d.]+e-\d+$/
const ADVICE = 'send whole base units as a decimal string, e.g. "1000000000" for 1,000 USDC'

/**
 * Base units of a token from a decimal string, or from a JSON integer small enough to have kept its digits.
 * Errors: INVALID_AMOUNT, with a sentence for each way of being wrong.
 */
export function parseAmount({
  field,
  value,
  zeroAllowed,
}: {
  field: string
  value: string | number
  zeroAllowed: boolean
}): Result<bigint> {
  const refuse = (why: string) => fail(failure('INVALID_AMOUNT', `${field} ${why}.`, { field }))
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) {
    return refuse(`${value} is beyond 2^53 - 1, where JSON numbers lose digits: send it as a decimal string`)
  }
  const text = String(value)
  if (text === '') return refuse(`is empty: ${ADVICE}`)
  if (!DECIMAL.test(text)) {
    if (FRACTION.test(text)) return refuse(`${preview(value)} is a fraction: ${ADVICE}`)
    if (/^-\d+$/.test(text)) return refuse(`${preview(value)} is negative`)
    return refuse(`${preview(value)} is not a decimal number: ${ADVICE}`)
  }
  if (text.length > DIGITS_MAX) return refuse('has more than 78 digits, the length of 2^256 - 1')
  const amount = BigInt(text)
  if (amount > UINT256_MAX) return refuse('is above 2^256 - 1, the largest amount a token can have')
  if (amount === 0n && !zeroAllowed) return refuse('is 0: there is nothing to borrow')
  return succeed(amount)
}
