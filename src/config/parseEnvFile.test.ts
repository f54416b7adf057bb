import { describe, expect, test } from 'vitest'
import { parseEnvFile } from './parseEnvFile.ts'

const variables = (text: string | Uint8Array) => {
  const file = parseEnvFile(typeof text === 'string' ? Buffer.from(text) : text)
  return file.ok ? file.variables : null
}
const problems = (text: string | Uint8Array) => {
  const file = parseEnvFile(typeof text === 'string' ? Buffer.from(text) : text)
  return file.ok ? [] : file.problems
}

describe('what sets something', () => {
  test('NAME=VALUE, with blanks, export, comments and one pair of quotes', () => {
    const text = [
      '# a comment = none',
      '',
      '  A=1',
      'export B = two words ',
      "C='single#kept' ",
      'D="double"   # a comment',
      'E=`back`',
      'F=',
      'G=""',
      'H=https://host/#fragment',
      'I=value # a comment',
      'J=# nothing',
      "K=it's",
    ].join('\n')
    expect(variables(text)).toEqual({
      A: '1',
      B: 'two words',
      C: 'single#kept',
      D: 'double',
      E: 'back',
      F: '',
      G: '',
      H: 'https://host/#fragment',
      I: 'value',
      J: '',
      K: "it's",
    })
  })

  test('any line ends, a byte order mark, and of two the last', () => {
    expect(variables('\uFEFFA=1\r\nB=2\rC=3\nA=4')).toEqual({ A: '4', B: '2', C: '3' })
  })

  test('a quoted value is taken as it stands, with other quotes in it', () => {
    expect(variables(`A='"/x"'\nB="a\\nb"`)).toEqual({ A: '"/x"', B: 'a\\nb' })
  })
})

describe('what does not stops the start with its line and its fix', () => {
  test.each([
    ['RPC_ETHEREUM: http://node', 'write RPC_ETHEREUM=, the value right after it, and nothing before it.'],
    [
      '$env:RPC_ETHEREUM = "http://node"',
      'write RPC_ETHEREUM=, the value right after it, and nothing before it.',
    ],
    ['RPC_ETHEREUM http://node', 'write RPC_ETHEREUM=, the value right after it, and nothing before it.'],
    ['set RPC_ETHEREUM=http://node', 'write RPC_ETHEREUM=, the value right after it, and nothing before it.'],
    ['- RPC_ETHEREUM=http://node', 'write RPC_ETHEREUM=, the value right after it, and nothing before it.'],
    [
      '"RPC_ETHEREUM": "http://node",',
      'write RPC_ETHEREUM=, the value right after it, and nothing before it.',
    ],
    ['RPC-ETHEREUM=http://node', 'remove it, or put a # before it.'],
    ['=http://node', 'remove it, or put a # before it.'],
    ['export', 'remove it, or put a # before it.'],
    [`0x${'3f'.repeat(32)}`, 'remove it, or put a # before it.'],
    ['// a comment', 'remove it, or put a # before it.'],
  ])('%s', (line, fix) => {
    expect(problems(`A=1\n\n${line}\nB=2`)).toEqual([`line 3 is not NAME=VALUE; ${fix}`])
  })

  test.each([
    ['A="open', 'line 1 has a value that begins with " and does not end with it.'],
    ['A="x"y', 'line 1 has text after the closing quote of its value.'],
    [
      'A="x #1"',
      'line 1 has a # after a blank in its value, which begins a comment even in quotes; no setting may hold one.',
    ],
  ])('%s', (line, problem) => {
    expect(problems(line)).toEqual([problem])
  })

  test('all of them together', () => {
    expect(problems('nonsense\nA=1\nmore of it')).toHaveLength(2)
  })
})

describe('a file in another encoding', () => {
  const text = 'EXECUTION_MODE=LIVE\r\nRPC_ETHEREUM=http://node\r\n'
  const little = Buffer.from(text, 'utf16le')
  test.each([
    ['UTF-16 with a byte order mark', Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['UTF-16 without one', little],
    ['big-endian UTF-16 with one', Buffer.from(`\uFEFF${text}`, 'utf16le').swap16()],
    ['big-endian UTF-16 without one', Buffer.from(little).swap16()],
  ])('%s', (_encoding, bytes) => {
    expect(problems(bytes)).toEqual([expect.stringMatching(/UTF-16.*save it as UTF-8/)])
  })

  test('Latin-1', () => {
    expect(problems(Buffer.from('DATA_DIR=/donn\xe9es', 'latin1'))).toEqual([
      'is not UTF-8; save it as UTF-8.',
    ])
  })
})
