/** A JSON-RPC quantity; null when it is none, or above 2^256 - 1. */
export const parseQuantity = (value: unknown): bigint | null =>
  typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value) ? BigInt(value) : null
