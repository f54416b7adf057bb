import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { DIGESTS } from './chooseBinary.ts'
import { fitGlibc } from './fitGlibc.ts'

const packageFolder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'))
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

test.each(Object.entries(DIGESTS))('%s becomes the copy of the pinned digest', (file, { source, fitted }) => {
  const binary = readFileSync(join(packageFolder, file))
  expect(sha256(binary)).toBe(source)
  const copy = fitGlibc(binary)
  expect(sha256(copy)).toBe(fitted)
  expect(sha256(binary), 'the input stays as it was').toBe(source)
  const changed = copy.reduce((count, byte, index) => count + (byte === binary[index] ? 0 : 1), 0)
  expect(changed).toBe(file.includes('x64') ? 8 : 4)
})

test.each([
  ['too short', Buffer.from('\x7fELF')],
  ['no ELF', Buffer.alloc(4096, 7)],
  ['an ELF file without sections', Buffer.concat([Buffer.from('7f454c460201', 'hex'), Buffer.alloc(122)])],
])('%s is refused', (_case, bytes) => {
  expect(() => fitGlibc(bytes)).toThrow(/^The file /)
})
