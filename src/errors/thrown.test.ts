import { expect, test } from 'vitest'
import { thrownFacts, thrownText } from './thrown.ts'

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

test('for the log, where it came from is told beside its words, and nothing more of what it holds', () => {
  const thrown = Object.assign(
    new TypeError('cannot use https://u:pw@node.example/v2/s3cret\n    at s3cret'),
    {
      input: 'https://u:pw@node.example/v2/s3cret',
    },
  )
  const facts = thrownFacts(thrown)
  expect(facts.reason).toBe('cannot use https://node.example at s3cret')
  expect(facts.at[0]).toMatch(/^at .*thrown\.test\.ts:\d+:\d+\)?$/)
  expect(JSON.stringify(facts.at)).not.toContain('s3cret')
  expect(JSON.stringify(facts)).not.toContain('pw@')
  expect(thrownFacts('a text')).toEqual({ reason: 'a text', at: [] })
})
