import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { errorsDoc } from '../../scripts/errorsDoc.ts'
import { CODES } from './codes.ts'

const root = join(import.meta.dirname, '..', '..')
const documented = readFileSync(join(root, 'docs', 'errors.md'), 'utf8')
const source = globSync('{src,workers}/**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && !file.endsWith('errors/codes.ts'))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n')

test('docs/errors.md is what `node scripts/errorsDoc.ts` writes', () => {
  expect(documented).toBe(errorsDoc())
})

test('every code is documented once, and nothing else is', () => {
  const rows = [...documented.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((row) => row[1] as string)
  expect(rows.toSorted()).toEqual(Object.keys(CODES).toSorted())
})

test.each(Object.keys(CODES))('%s is used', (code) => {
  expect(source).toContain(`'${code}'`)
})

test('no general advice says that nothing is wrong, or names a cause that its sentences need not have', () => {
  const claims = /nothing to fix|the state changed|the token may|the opportunity is not there|flash source/i
  expect(Object.values(CODES).filter(({ fix }) => claims.test(fix))).toEqual([])
})

test.each(Object.entries(CODES))(
  '%s says what it means and what to do in sentences',
  (_code, { meaning, fix, status }) => {
    expect(meaning).toMatch(/^[A-Zv].*\.$/)
    expect(fix).toMatch(/^[A-Z].*\.$/)
    expect([200, 202, 400, 403, 404, 405, 408, 409, 413, 415, 422, 500, 502, 503, 504]).toContain(status)
  },
)
