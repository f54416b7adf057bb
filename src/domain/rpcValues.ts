import type { Hex } from './signal.ts'

/** A JSON-RPC quantity; null when it is none, or above 2^256 - 1. */
export const readQuantity = (value: unknown): bigint | null =>
  typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value) ? BigInt(value) : null

/** A JSON-RPC quantity that fits a number, e.g. a block's; null when it does not. */
export function readCount(value: unknown): number | null {
  const quantity = readQuantity(value)
  return quantity !== null && quantity <= Number.MAX_SAFE_INTEGER ? Number(quantity) : null
}

/** 32 bytes in lower case; null when it is no hash. */
export const readHash = (value: unknown): Hex | null =>
  typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value) ? (value.toLowerCase() as Hex) : null

export const quantityOf = (value: number): string => `0x${value.toString(16)}`
