import { getAddress } from 'ethers/address'
import type { Address } from '../domain/signal.ts'
import { type Parsed, parsed, unparsable } from './parsed.ts'

/** A whole number in decimal digits from `min` to `max`. */
export function parseInteger({ min, max }: { min: number; max: number }): (text: string) => Parsed<number> {
  return (text) => {
    const value = Number(text)
    return /^\d{1,15}$/.test(text) && value >= min && value <= max
      ? parsed(value)
      : unparsable(`must be a whole number from ${min} to ${max}${instead(text)}.`)
  }
}

/** A positive decimal number of something that has `decimals` places, as an integer of its smallest unit. */
export function parseUnits({ decimals }: { decimals: number }): (text: string) => Parsed<bigint> {
  return (text) => {
    const [, whole = '', fraction = ''] = /^(\d{1,15})(?:\.(\d{1,18}))?$/.exec(text) ?? []
    const amount = fraction.length <= decimals ? BigInt(whole + fraction.padEnd(decimals, '0')) : 0n
    return whole !== '' && amount > 0n
      ? parsed(amount)
      : unparsable(`must be a positive number with at most ${decimals} decimals${instead(text)}.`)
  }
}

/** One of a few words, spelled exactly; a wrong case is pointed out. */
export function parseChoice<T extends string>(choices: readonly T[]): (text: string) => Parsed<T> {
  return (text) => {
    const exact = choices.find((choice) => choice === text)
    if (exact !== undefined) return parsed(exact)
    const meant = choices.find((choice) => choice.toLowerCase() === text.toLowerCase())
    return unparsable(
      `must be ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}${instead(text)}` +
        (meant === undefined ? '.' : `; write it as ${meant}.`),
    )
  }
}

/** An address in any case; a wrong EIP-55 checksum and the zero address are refused. */
export function parseAddress(text: string): Parsed<Address> {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text))
    return unparsable('must be an address: 0x and 40 hexadecimal digits.')
  if (/^0x0{40}$/.test(text)) return unparsable('must not be the zero address.')
  try {
    return parsed(getAddress(text).toLowerCase() as Address)
  } catch {
    return unparsable(
      'has a wrong mixed-case checksum (EIP-55); copy the address again or write it in lower case.',
    )
  }
}

/**
 * A file or folder. A leading `~` and variables are refused: no shell reads the .env file, so they would
 * become folders of that name.
 */
export function parsePath(text: string): Parsed<string> {
  return /^~|\$[{A-Za-z_]/.test(text)
    ? unparsable('must be a whole path: ~ and $NAME mean nothing in .env.')
    : parsed(text)
}

/** Repeats what was written, unless it is long enough to be a key pasted into the wrong line. */
const instead = (text: string): string => (text.length <= 16 ? `, not "${text}"` : '')
