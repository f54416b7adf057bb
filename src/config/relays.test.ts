import { expect, test } from 'vitest'
import { parseRelayKey, parseRelays } from './relays.ts'

test('reads kinds, URLs and Authorization values', () => {
  const text =
    'flashbots|https://relay.example/path?x=1, bundle|https://builder.example , bloxroute|https://api.example|QmFzZTY0, rpc|http://127.0.0.1:8545'
  expect(parseRelays(text, 1)).toEqual({
    ok: true,
    value: [
      { kind: 'flashbots', url: 'https://relay.example/path?x=1', authorization: null },
      { kind: 'bundle', url: 'https://builder.example', authorization: null },
      { kind: 'bloxroute', url: 'https://api.example', authorization: 'QmFzZTY0' },
      { kind: 'rpc', url: 'http://127.0.0.1:8545', authorization: null },
    ],
  })
})

test.each([
  ['', 'is empty'],
  ['flashbots|https://a.example,', '(entry 2 of 2) is empty'],
  ['https://a.example/SECRET', 'must be written kind|url'],
  ['Flashbots|https://a.example/SECRET', 'must be written kind|url'],
  ['plain', 'must have a URL'],
  ['plain|wss://a.example/SECRET', 'must have a URL'],
  ['plain|a.example/SECRET', 'must have a URL'],
  ['plain|https://a.example|SECRET|SECRET', 'must be written kind|url'],
  ['plain|https://a.example|SECRET\u00e9', 'characters that no header takes'],
  ['bloxroute|https://a.example/SECRET', 'must end in the Authorization value'],
  ['rpc|https://a.example/SECRET, rpc|https://a.example/SECRET', 'names the same relay twice'],
])('refuses %j without repeating its secrets', (text, problem) => {
  const outcome = parseRelays(text, 1)
  expect(outcome).toMatchObject({ ok: false, problem: expect.stringContaining(problem) })
  expect(JSON.stringify(outcome)).not.toContain('SECRET')
})

test('refuses bloXroute where it has no private method', () => {
  const text = 'plain|https://a.example, bloxroute|https://api.example|SECRET'
  expect(parseRelays(text, 8453)).toMatchObject({ ok: true })
  const outcome = parseRelays(text, 137)
  expect(outcome).toEqual({
    ok: false,
    problem:
      '(entry 2 of 2) is bloXroute, which has no known private method for chain 137; remove that relay.',
  })
})

test.each([
  ['0xSECRET', 'must be 32 bytes in hexadecimal.'],
  ['5ec3e7'.repeat(10), 'must be 32 bytes in hexadecimal.'],
  [`0x${'0'.repeat(64)}`, 'is not a valid key.'],
  ['fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'is not a valid key.'],
])('refuses %j as the key relays know us by', (text, problem) => {
  expect(parseRelayKey(text)).toEqual({ ok: false, problem })
})

test.each([`0x${'3f'.repeat(32)}`, 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140'])(
  'takes %j as the key relays know us by',
  (text) => {
    expect(parseRelayKey(text)).toEqual({ ok: true, value: text })
  },
)
