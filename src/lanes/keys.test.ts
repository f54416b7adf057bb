import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { format, inspect } from 'node:util'
import { computeAddress, encryptKeystoreJsonSync } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { StartError } from '../errors/startError.ts'
import { loadKeys } from './keys.ts'

const digits = ['1', '2', '3', '4'].map((digit) => `${digit}e`.repeat(32))
const [first, second, third, fourth] = digits as [string, string, string, string]
const addressOf = (secret: string) => computeAddress(`0x${secret}`).toLowerCase()

let folder: string
const path = (name: string) => join(folder, name)

function writeSecret(name: string, text: string, mode = 0o600): string {
  writeFileSync(path(name), text)
  chmodSync(path(name), mode)
  return path(name)
}

/** Weak on purpose: tests shall not wait for a strong key derivation. */
function keystore(secret: string): string {
  const account = { address: computeAddress(`0x${secret}`), privateKey: `0x${secret}` }
  return encryptKeystoreJsonSync(account, 'correct horse', { scrypt: { N: 2, r: 1, p: 1 } })
}

async function problemsOf(environment: Record<string, string>): Promise<readonly string[]> {
  try {
    await loadKeys(environment)
  } catch (error) {
    if (error instanceof StartError) return error.problems
    throw error
  }
  return []
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-keys-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('keys in plain text', () => {
  test('come in the order given, with or without 0x, in any case', async () => {
    const { keys, warnings } = await loadKeys({
      PRIVATE_KEY: `0x${first}`,
      PRIVATE_KEYS: ` ${second.toUpperCase()}, 0x${third} ,`,
    })
    expect(keys.map(({ address }) => address)).toEqual([first, second, third].map(addressOf))
    expect(warnings).toEqual([])
  })

  test('a comment after the key and placeholders are no part of it', async () => {
    const { keys } = await loadKeys({ PRIVATE_KEY: `${first}  # ours`, PRIVATE_KEYS: '0x...,0x...' })
    expect(keys).toHaveLength(1)
  })

  test.each([
    ['too short', first.slice(1)],
    ['too long', `${first}0`],
    ['not hexadecimal', `${first.slice(1)}g`],
    ['zero', '0'.repeat(64)],
    ['the order of the curve', 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'],
  ])('one that is %s is refused and not repeated', async (_case, text) => {
    const problems = await problemsOf({ PRIVATE_KEYS: `${second},${text}` })
    expect(problems).toEqual([expect.stringMatching(/^PRIVATE_KEYS, key 2, is not a private key/)])
    expect(problems.join()).not.toContain(text.slice(0, 12))
  })

  test.each(['PRIVATE_KEY', 'PRIVATE_KEYS', 'KEYSTORE', 'KEYSTORE_PASSPHRASE_FILE'])(
    '%s with quotes left in it is told so, and not repeated',
    async (name) => {
      const problems = await problemsOf({ [name]: `"0x${first}"` })
      expect(problems).toEqual([expect.stringContaining(`${name} has quotes left in its value; remove them`)])
      expect(problems.join()).not.toContain(first.slice(0, 12))
    },
  )

  test('a key given twice is named by its address', async () => {
    const problems = await problemsOf({ PRIVATE_KEY: first, PRIVATE_KEYS: `${second},0x${first}` })
    expect(problems).toEqual([
      `PRIVATE_KEYS, key 2, is the key of ${addressOf(first)}, which PRIVATE_KEY gives already; remove one of them.`,
    ])
  })

  test('every problem is reported at once', async () => {
    expect(
      await problemsOf({ PRIVATE_KEY: 'abc', PRIVATE_KEYS: 'def', KEYSTORE: path('none') }),
    ).toHaveLength(3)
  })

  test.each([{}, { PRIVATE_KEY: '' }, { PRIVATE_KEY: 'your_private_key_here' }])(
    'none at all is a problem: %o',
    async (environment) => {
      expect(await problemsOf(environment)).toEqual([
        'No wallet configured for LIVE execution: set PRIVATE_KEY, PRIVATE_KEYS or KEYSTORE.',
      ])
    },
  )
})

describe('keystores', () => {
  test('open with the passphrase in the file, a line end after it ignored', async () => {
    const { keys, warnings } = await loadKeys({
      PRIVATE_KEY: first,
      KEYSTORE: `${writeSecret('third.json', keystore(third))}, ${writeSecret('fourth.json', keystore(fourth))}`,
      KEYSTORE_PASSPHRASE_FILE: writeSecret('passphrase', 'correct horse\n'),
    })
    expect(keys.map(({ address }) => address)).toEqual([first, third, fourth].map(addressOf))
    expect(warnings).toEqual([])
  })

  test('that others can read, and such a passphrase file, are warned of', async () => {
    const store = writeSecret('open.json', keystore(third), 0o644)
    const passphrase = writeSecret('open-passphrase', 'correct horse', 0o640)
    const { warnings } = await loadKeys({ KEYSTORE: store, KEYSTORE_PASSPHRASE_FILE: passphrase })
    expect(warnings).toEqual([
      `KEYSTORE_PASSPHRASE_FILE: ${passphrase} can be read by others; run chmod 600 ${passphrase}.`,
      `KEYSTORE: ${store} can be read by others; run chmod 600 ${store}.`,
    ])
  })

  test('each with what is wrong with it', async () => {
    const passphrase = writeSecret('passphrase', 'correct horse')
    const wrong = writeSecret('wrong-passphrase', 'incorrect horse')
    const store = writeSecret('third.json', keystore(third))
    const foreign = writeSecret(
      'foreign.json',
      JSON.stringify({ ...JSON.parse(keystore(third)), address: addressOf(first) }),
    )
    const text = writeSecret('text.json', `0x${third}`)
    expect(await problemsOf({ KEYSTORE: store, KEYSTORE_PASSPHRASE_FILE: wrong })).toEqual([
      `KEYSTORE: ${store} cannot be opened with the passphrase in KEYSTORE_PASSPHRASE_FILE.`,
    ])
    expect(
      await problemsOf({
        KEYSTORE: [foreign, text, path('absent.json')].join(),
        KEYSTORE_PASSPHRASE_FILE: passphrase,
      }),
    ).toEqual([
      `KEYSTORE: ${foreign} names another address than that of its key.`,
      `KEYSTORE: ${text} is not an encrypted JSON keystore.`,
      `KEYSTORE: ${path('absent.json')} cannot be read (ENOENT).`,
    ])
  })

  test('need a passphrase file, which has no effect without them', async () => {
    expect(await problemsOf({ KEYSTORE: path('third.json') })).toEqual([
      'KEYSTORE needs KEYSTORE_PASSPHRASE_FILE: the path of a file with the passphrase.',
    ])
    const { warnings } = await loadKeys({ PRIVATE_KEY: first, KEYSTORE_PASSPHRASE_FILE: path('passphrase') })
    expect(warnings).toEqual(['KEYSTORE_PASSPHRASE_FILE has no effect: KEYSTORE is not set.'])
  })
})

describe('a key keeps its secret', () => {
  test('however it is looked at', async () => {
    const { keys } = await loadKeys({ PRIVATE_KEY: first })
    const [key] = keys
    const shown = [
      inspect({ keys }, { showHidden: true, depth: 9, getters: true, showProxy: true }),
      format('%o %O %j', key, key, key),
      JSON.stringify({ keys }),
      String(key),
      Reflect.ownKeys(key as object).map((name) => String(Reflect.get(key as object, name))),
    ].join()
    expect(shown).toContain(addressOf(first))
    expect(shown).not.toContain(first.slice(0, 12))
    expect(shown).not.toContain(BigInt(`0x${first}`).toString())
  })

  test('and cannot be sent to another thread or changed', async () => {
    const { keys } = await loadKeys({ PRIVATE_KEY: first })
    expect(() => structuredClone(keys[0])).toThrow('could not be cloned')
    expect(Object.isFrozen(keys[0])).toBe(true)
  })
})
