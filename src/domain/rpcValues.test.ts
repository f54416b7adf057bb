import { describe, expect, it } from 'vitest'
import { readHash } from './rpcValues.ts'

describe('readHash', () => {
  it('takes 32 bytes and nothing else', () => {
    expect(readHash(`0x${'AB'.repeat(32)}`)).toBe(`0x${'ab'.repeat(32)}`)
    for (const value of [`0x${'ab'.repeat(31)}`, `${'ab'.repeat(32)}`, 1, null, undefined, {}])
      expect(readHash(value)).toBeNull()
  })
})
