import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DIGESTS } from './chooseBinary.ts'
import { fittedCopy } from './fittedCopy.ts'

const file = 'uws_linux_arm64_137.node'
const digests = DIGESTS[file] ?? { source: '', fitted: '' }
const source = join(dirname(createRequire(import.meta.url).resolve('uWebSockets.js')), file)
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

let home: string
let folder: string
let privateFolder: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'titan-uws-'))
  folder = join(home, 'modules', '.cache', 'titan')
  privateFolder = join(home, 'private')
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

test('makes the copy once and then uses it', () => {
  const copy = fittedCopy({ source, digests, folder, privateFolder })
  expect(dirname(copy)).toBe(folder)
  expect(sha256(copy)).toBe(digests.fitted)
  const made = statSync(copy)
  expect(fittedCopy({ source, digests, folder, privateFolder })).toBe(copy)
  expect(statSync(copy).ino).toBe(made.ino)
  expect(readdirSync(folder)).toHaveLength(1)
})

test('replaces a copy that was damaged, without writing into the damaged file', () => {
  const copy = fittedCopy({ source, digests, folder, privateFolder })
  const damaged = readFileSync(copy).subarray(0, 1_000_001)
  writeFileSync(copy, damaged)
  const { ino } = statSync(copy)
  expect(fittedCopy({ source, digests, folder, privateFolder })).toBe(copy)
  expect(sha256(copy)).toBe(digests.fitted)
  expect(statSync(copy).ino).not.toBe(ino)
})

test('refuses a source that is not the pinned one and leaves nothing behind', () => {
  const altered = join(home, file)
  const bytes = readFileSync(source)
  bytes[5_000_001] = (bytes[5_000_001] ?? 0) ^ 1
  writeFileSync(altered, bytes)
  expect(() => fittedCopy({ source: altered, digests, folder, privateFolder })).toThrow(
    `${altered} is not the expected one: SHA-256 ${sha256(altered)} instead of ${digests.source}.`,
  )
  expect(() => readdirSync(folder)).toThrow('ENOENT')
})

test('refuses a copy that did not come out as pinned', () => {
  const wrong = { ...digests, fitted: 'ab'.repeat(32) }
  expect(() => fittedCopy({ source, digests: wrong, folder, privateFolder })).toThrow(
    `The fitted copy of ${source} is not the expected one: SHA-256 ${digests.fitted} instead of ${wrong.fitted}.`,
  )
})

test('falls back to a private folder, and finds its copy again', () => {
  writeFileSync(join(home, 'modules'), 'a file where the folder would be')
  const copy = fittedCopy({ source, digests, folder, privateFolder })
  expect(dirname(copy)).toBe(privateFolder)
  expect(statSync(privateFolder).mode & 0o777).toBe(0o700)
  const { ino } = statSync(copy)
  expect(fittedCopy({ source, digests, folder, privateFolder })).toBe(copy)
  expect(statSync(copy).ino).toBe(ino)
})

test('does not trust a fallback folder that others may write to', () => {
  writeFileSync(join(home, 'modules'), 'a file where the folder would be')
  mkdirSync(privateFolder)
  chmodSync(privateFolder, 0o777)
  expect(() => fittedCopy({ source, digests, folder, privateFolder })).toThrow(
    /can be written neither to .* \(ENOTDIR\) nor to .* somebody else/,
  )
})

test('several processes at once all get a whole copy', async () => {
  const module = new URL('./fittedCopy.ts', import.meta.url).href
  const script = `const { fittedCopy } = await import(${JSON.stringify(module)})
    process.stdout.write(fittedCopy(${JSON.stringify({ source, digests, folder, privateFolder })}))`
  const runs = await Promise.all(
    Array.from({ length: 6 }, () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]),
    ),
  )
  expect(new Set(runs.map(({ stdout }) => stdout))).toEqual(
    new Set([fittedCopy({ source, digests, folder, privateFolder })]),
  )
  expect(readdirSync(folder)).toHaveLength(1)
}, 60_000)
