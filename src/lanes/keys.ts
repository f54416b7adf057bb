import { readFileSync, statSync } from 'node:fs'
import { inspect } from 'node:util'
import { computeAddress, decryptKeystoreJson } from 'ethers'
import { signRecoverable } from 'tiny-secp256k1'
import { settingText } from '../config/settingText.ts'
import type { Address } from '../domain/signal.ts'
import { StartError } from '../errors/startError.ts'

/** An ECDSA signature over secp256k1; `s` is in the lower half of the order, as EIP-2 demands. */
export interface EcdsaSignature {
  readonly r: bigint
  readonly s: bigint
  readonly yParity: 0 | 1
}

/**
 * An account that signs. The secret stays in the closure: logs and `JSON.stringify` show the address, and no
 * thread can be sent one.
 */
export interface Key {
  readonly address: Address
  /** Signs a 32-byte digest; the same digest always gives the same signature (RFC 6979). */
  sign(digest: Uint8Array): EcdsaSignature
}

/** What was read; `createKeys` makes keys of it. Plain data, so that the process can read it once for all threads. */
export interface KeySecrets {
  /** 64 hexadecimal digits each, in the order in which they were given. Never to be logged. */
  readonly secrets: readonly string[]
  /** What should be said at start, a sentence each. */
  readonly warnings: readonly string[]
}

/** A secret and where it came from, e.g. `PRIVATE_KEYS, key 2`. */
interface Secret {
  readonly from: string
  readonly text: string
}

/**
 * Reads the keys of LIVE: `PRIVATE_KEY`, `PRIVATE_KEYS` (separated by commas) and `KEYSTORE` (paths of
 * encrypted JSON keystores, separated by commas, one passphrase in the file `KEYSTORE_PASSPHRASE_FILE`), all
 * that are set. A keystore takes about half a second and 256 MB, on purpose: its key derivation (scrypt) is
 * slow.
 *
 * @throws {@link StartError} with every problem found; no sentence holds key material
 */
export async function readKeySecrets(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<KeySecrets> {
  const problems: string[] = []
  const warnings: string[] = []
  const found: Secret[] = []
  const text = (name: string): string | null => {
    const read = settingText(environment[name])
    if (read.ok) return read.value
    problems.push(`${name} ${read.problem}`)
    return null
  }

  const single = text('PRIVATE_KEY')
  if (single !== null) found.push({ from: 'PRIVATE_KEY', text: single })
  for (const [index, key] of listed(text('PRIVATE_KEYS')).entries())
    found.push({ from: `PRIVATE_KEYS, key ${index + 1},`, text: key })

  const keystores = listed(text('KEYSTORE'))
  const passphraseFile = text('KEYSTORE_PASSPHRASE_FILE')
  if (keystores.length > 0 && passphraseFile === null)
    problems.push('KEYSTORE needs KEYSTORE_PASSPHRASE_FILE: the path of a file with the passphrase.')
  if (keystores.length === 0 && passphraseFile !== null)
    warnings.push('KEYSTORE_PASSPHRASE_FILE has no effect: KEYSTORE is not set.')
  if (keystores.length > 0 && passphraseFile !== null) {
    const read = (setting: string, path: string): string | null => {
      const file = readSecretFile({ setting, path })
      if ('problem' in file) problems.push(file.problem)
      else if (file.warning !== null) warnings.push(file.warning)
      return 'problem' in file ? null : file.text
    }
    const passphrase = read('KEYSTORE_PASSPHRASE_FILE', passphraseFile)?.replace(/\r?\n$/, '') ?? null
    for (const path of keystores) {
      const json = read('KEYSTORE', path)
      if (json === null || passphrase === null) continue
      const opened = await openKeystore({ path, json, passphrase })
      if ('problem' in opened) problems.push(opened.problem)
      else found.push(opened)
    }
  }

  const secrets: string[] = []
  const sources = new Map<Address, string>()
  for (const { from, text } of found) {
    const key = createKey(text)
    if (key === null) {
      problems.push(
        `${from} is not a private key: 64 hexadecimal digits, with or without 0x, in the range of the curve.`,
      )
      continue
    }
    const twin = sources.get(key.address)
    if (twin === undefined) secrets.push(text)
    else
      problems.push(`${from} is the key of ${key.address}, which ${twin} gives already; remove one of them.`)
    sources.set(key.address, twin ?? from)
  }

  if (secrets.length === 0 && problems.length === 0)
    problems.push('No wallet configured for LIVE execution: set PRIVATE_KEY, PRIVATE_KEYS or KEYSTORE.')
  if (problems.length > 0) throw new StartError(problems)
  return { secrets, warnings }
}

/** Both in one, for a program with one thread. */
export async function loadKeys(
  environment: Parameters<typeof readKeySecrets>[0],
): Promise<{ readonly keys: readonly Key[]; readonly warnings: readonly string[] }> {
  const { secrets, warnings } = await readKeySecrets(environment)
  return { keys: createKeys(secrets), warnings }
}

/** The keys of what `readKeySecrets` has found. */
export function createKeys(secrets: readonly string[]): readonly Key[] {
  return secrets.map((secret) => {
    const key = createKey(secret)
    if (key === null) throw new Error('A secret that was read before is no key.')
    return key
  })
}

/** The key of a secret in hexadecimal digits; null when it is none. */
function createKey(text: string): Key | null {
  const digits = /^(?:0x)?([0-9a-f]{64})$/i.exec(text)?.[1]
  if (digits === undefined) return null
  let address: Address
  try {
    address = computeAddress(`0x${digits}`).toLowerCase() as Address
  } catch {
    // Zero or not below the order of the curve. The cause is dropped because it may quote the secret.
    return null
  }
  const secret = Buffer.from(digits, 'hex')
  const shown = () => ({ address })
  return Object.freeze({
    address,
    sign(digest: Uint8Array): EcdsaSignature {
      const { signature, recoveryId } = signRecoverable(digest, secret)
      return { r: wordAt(signature, 0), s: wordAt(signature, 32), yParity: recoveryId === 1 ? 1 : 0 }
    },
    toJSON: shown,
    [inspect.custom]: shown,
  })
}

const wordAt = (bytes: Uint8Array, offset: number): bigint =>
  BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset + offset, 32).toString('hex')}`)

async function openKeystore({
  path,
  json,
  passphrase,
}: {
  path: string
  json: string
  passphrase: string
}): Promise<Secret | { readonly problem: string }> {
  try {
    const { privateKey } = await decryptKeystoreJson(json, passphrase)
    return { from: `KEYSTORE, ${path},`, text: privateKey }
  } catch (error) {
    const { argument } = error as { argument?: unknown }
    const why =
      argument === 'password'
        ? 'cannot be opened with the passphrase in KEYSTORE_PASSPHRASE_FILE'
        : argument === 'address'
          ? 'names another address than that of its key'
          : 'is not an encrypted JSON keystore'
    return { problem: `KEYSTORE: ${path} ${why}.` }
  }
}

/** A file that only its owner should be able to read. */
function readSecretFile({
  setting,
  path,
}: {
  setting: string
  path: string
}): { readonly text: string; readonly warning: string | null } | { readonly problem: string } {
  try {
    const text = readFileSync(path, 'utf8')
    const isOpen = process.platform !== 'win32' && (statSync(path).mode & 0o044) !== 0
    const warning = isOpen ? `${setting}: ${path} can be read by others; run chmod 600 ${path}.` : null
    return { text, warning }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { problem: `${setting}: ${path} cannot be read (${code}).` }
  }
}

const listed = (text: string | null): string[] =>
  (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
