import { describe, expect, test } from 'vitest'
import { createRedactor } from './redact.ts'

const PATH_KEY = 'aB3xK9_pQ-77zTmN4w'
const QUERY_KEY = 's3cr3t+Key=8812/q'
const URL_WITH_KEYS = `https://user:p%40ssw0rd!x@node.example/v3/${PATH_KEY}?apikey=${encodeURIComponent(QUERY_KEY)}&t=abc`
const redact = createRedactor(URL_WITH_KEYS)

describe('what a node says of its URL', () => {
  const percent = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  test.each([
    ['the key of the path', `invalid project id ${PATH_KEY}`],
    ['in other case', `invalid project id ${PATH_KEY.toUpperCase()}`],
    ['in part, from its start', `unknown key ${PATH_KEY.slice(0, 8)}...`],
    ['in part, from its end', `unknown key ...${PATH_KEY.slice(-7)}`],
    ['in part, with its middle masked', `unknown key ${PATH_KEY.slice(0, 6)}****${PATH_KEY.slice(-6)}`],
    ['the key of the query, decoded', `key ${QUERY_KEY} is over quota`],
    ['the key of the query, encoded', `GET /?apikey=${encodeURIComponent(QUERY_KEY)}`],
    ['encoded twice', `at %2F%3Fapikey%3D${encodeURIComponent(encodeURIComponent(QUERY_KEY))}`],
    ['encoded byte by byte', `at ${percent(QUERY_KEY)}`],
    ['in quotes', `"${PATH_KEY}" is not allowed`],
    ['a short value of the query', 'no such tier: abc'],
    ['the password', 'wrong password p@ssw0rd!x for user'],
    ['the header', `Authorization: Basic ${Buffer.from('user:p@ssw0rd!x').toString('base64')}`],
    [
      'the header without its padding',
      `Basic ${Buffer.from('user:p@ssw0rd!x').toString('base64').replace(/=+$/, '')}`,
    ],
  ])('%s is taken out', (_, text) => {
    const told = redact(text)
    expect(told).toContain('…')
    for (const secret of [PATH_KEY, QUERY_KEY, 'p@ssw0rd!x'])
      for (let at = 0; at + 6 <= secret.length; at++)
        expect(told.toLowerCase()).not.toContain(secret.slice(at, at + 6).toLowerCase())
    expect(told).not.toMatch(/\babc\b|dXNlcjpw/)
  })

  test.each([
    'header not found',
    'daily request count exceeded, see https://node.example/pricing',
    'the method eth_call does not exist/is not available in v3',
    'missing trie node 5c1f (path 0a)',
  ])('%s is told as it is', (text) => {
    expect(redact(text)).toBe(text)
  })
})

test('the names of a service in a path are no secrets, a socket file’s folder is told by nobody', () => {
  expect(createRedactor('https://rpc.example/eth/mainnet/v1')('no eth mainnet v1')).toBe('no eth mainnet v1')
  expect(createRedactor('/home/alice/geth.ipc')('cannot open /home/alice/geth.ipc')).not.toContain('alice')
})
