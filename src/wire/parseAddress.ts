import type { Address } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import { checksumAddress } from './checksumAddress.ts'
import { preview } from './describeShape.ts'

const SHAPE = /^0x[0-9a-fA-F]{40}$/
const ONE_CASE = /^0x(?:[0-9a-f]{40}|[0-9A-F]{40})$/
const ZERO = '0x0000000000000000000000000000000000000000'

/** Spellings that passed, so that a repeated one costs a lookup instead of a hash. */
const VERIFIED_MAX = 20_000
const verified = new Map<string, Result<Address> & { ok: true }>()

/**
 * An address as a client spells it: lower or upper case, or mixed case with a right EIP-55 checksum.
 * Errors: INVALID_ADDRESS; `field` names it in the sentence, e.g. `routers[0]`.
 */
export function parseAddress({ field, text }: { field: string; text: string }): Result<Address> {
  const seen = verified.get(text)
  if (seen !== undefined) return seen
  if (!SHAPE.test(text)) {
    const found = preview(text)
    return refuse(field, `${field} must be an address, "0x" and 40 hexadecimal digits, found ${found}.`)
  }
  const address = text.toLowerCase() as Address
  if (address === ZERO) return refuse(field, `${field} is the zero address: no contract can be there.`)
  if (!ONE_CASE.test(text) && checksumAddress(address) !== text) {
    return refuse(
      field,
      `${field} ${text} has a wrong checksum: if the digits are right, it is spelled ${checksumAddress(address)}.`,
    )
  }
  const parsed = succeed(address)
  if (verified.size >= VERIFIED_MAX) verified.clear()
  verified.set(text, parsed as Result<Address> & { ok: true })
  return parsed
}

const refuse = (field: string, sentence: string) => fail(failure('INVALID_ADDRESS', sentence, { field }))
