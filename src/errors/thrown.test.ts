import { expect, test } from 'vitest'
import { thrownText } from './thrown.ts'

test('an error is told by its message, anything else by its text', () => {
  expect(thrownText(new Error('The disk is gone.'))).toBe('The disk is gone')
  expect(thrownText(new TypeError())).toBe('TypeError')
  expect(thrownText('just a text')).toBe('just a text')
  expect(thrownText(undefined)).toBe('undefined')
})

test('of a URL only scheme and host are told', () => {
  expect(thrownText(new Error('cannot parse "https://u:pw@node.example:8443/v2/s3cret?key=abc" here'))).toBe(
    'cannot parse "https://node.example:8443" here',
  )
  expect(thrownText(new Error('wss://node.example?token=abc: refused'))).toBe('wss://node.example refused')
})

test('a text is one line, and bounded', () => {
  expect(thrownText(new Error('first\n  second'))).toBe('first second')
  expect(thrownText(new Error('x'.repeat(1_000)))).toHaveLength(303)
})
