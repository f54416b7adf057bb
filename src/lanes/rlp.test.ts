import { encodeRlp as ethersRlp, hexlify } from 'ethers'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeRlp, type RlpItem, rlpQuantity } from './rlp.ts'

const text = (value: string) => new TextEncoder().encode(value)
const hex = (item: RlpItem) => hexlify(encodeRlp(item))

test('encodes the examples of the specification', () => {
  expect(hex(text('dog'))).toBe('0x83646f67')
  expect(hex([text('cat'), text('dog')])).toBe('0xc88363617483646f67')
  expect([hex(text('')), hex([]), hex(Uint8Array.of(0)), hex(Uint8Array.of(0x0f))]).toEqual([
    '0x80',
    '0xc0',
    '0x00',
    '0x0f',
  ])
  expect(hex([[], [[]], [[], [[]]]])).toBe('0xc7c0c1c0c3c0c1c0')
})

test('changes form where a length needs a byte more', () => {
  const prefixOf = (length: number) => hex(new Uint8Array(length).fill(0xab)).slice(0, -2 * length)
  expect([1, 55, 56, 255, 256, 65_536].map(prefixOf)).toEqual([
    '0x81',
    '0xb7',
    '0xb838',
    '0xb8ff',
    '0xb90100',
    '0xba010000',
  ])
})

test('quantities have no leading zeros, and zero is empty', () => {
  const shown = [0, 1, 127, 128, 255, 256, 2n ** 256n - 1n].map((value) => hex(rlpQuantity(value)))
  expect(shown).toEqual(['0x80', '0x01', '0x7f', '0x8180', '0x81ff', '0x820100', `0xa0${'ff'.repeat(32)}`])
  expect(() => rlpQuantity(-1n)).toThrow('no negative')
})

test('encodes any nesting as ethers does', () => {
  const { tree } = fc.letrec<{ tree: RlpItem }>((tie) => ({
    tree: fc.oneof(
      { depthSize: 'small' },
      fc.uint8Array({ maxLength: 300 }),
      fc.array(tie('tree'), { maxLength: 4 }),
    ),
  }))
  type Hexes = string | Hexes[]
  const hexes = (item: RlpItem): Hexes => (item instanceof Uint8Array ? hexlify(item) : item.map(hexes))
  fc.assert(fc.property(tree, (item) => hex(item) === ethersRlp(hexes(item))))
})
