/** What RLP encodes: byte strings and lists of them, nested. */
export type RlpItem = Uint8Array | readonly RlpItem[]

/**
 * Recursive Length Prefix (Ethereum yellow paper, appendix B): the form in which transactions are hashed and
 * sent.
 */
export function encodeRlp(item: RlpItem): Uint8Array {
  if (item instanceof Uint8Array) {
    const [first] = item
    return item.length === 1 && first !== undefined && first < 0x80 ? item : prefixed(0x80, item)
  }
  return prefixed(0xc0, Buffer.concat(item.map(encodeRlp)))
}

/** An unsigned number as RLP wants it: big-endian without leading zeros, so that zero is the empty string. */
export function rlpQuantity(value: bigint | number): Uint8Array {
  if (value < 0) throw new RangeError('RLP has no negative numbers.')
  const digits = value.toString(16)
  return digits === '0'
    ? new Uint8Array()
    : Buffer.from(digits.padStart(digits.length + (digits.length % 2), '0'), 'hex')
}

function prefixed(offset: number, payload: Uint8Array): Uint8Array {
  if (payload.length < 56) return Buffer.concat([Uint8Array.of(offset + payload.length), payload])
  const length = rlpQuantity(payload.length)
  return Buffer.concat([Uint8Array.of(offset + 55 + length.length), length, payload])
}
