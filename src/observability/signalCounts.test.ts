import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSignalCounts } from './signalCounts.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-counts-'))
  path = join(folder, 'signals.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

const errors: unknown[] = []
const open = () => openSignalCounts({ path, onError: (error) => errors.push(error) })

test('counts go on after a restart, by chain and in sum', async () => {
  const first = open()
  first.count('refused', null)
  first.count('refused', 137)
  first.count('repeated', 137)
  first.count('repeated', 137)
  await first.close()
  const second = open()
  second.count('refused', 1)
  expect(second.of(137)).toEqual({ refused: 1, repeated: 2 })
  expect(second.of(10)).toEqual({ refused: 0, repeated: 0 })
  expect(second.sum()).toEqual({ refused: 3, repeated: 2 })
  await second.close()
  expect(open().sum()).toEqual({ refused: 3, repeated: 2 })
  expect(errors).toEqual([])
})

test('are on disk soon, without a stop', async () => {
  const counts = open()
  counts.count('refused', 10)
  await expect
    .poll(() => readFileSync(path, 'utf8'), { timeout: 10_000 })
    .toBe('{"10":{"refused":1,"repeated":0}}')
  await counts.close()
})

test.each(['', '{"1":', '{"1":{"refused":"7"}}', '[null]'])(
  'a file that holds no counts (%j) is said, and counting begins anew',
  async (text) => {
    errors.length = 0
    writeFileSync(path, text)
    const counts = open()
    expect(errors).toHaveLength(1)
    counts.count('refused', 1)
    await counts.close()
    expect(open().sum()).toEqual({ refused: 1, repeated: 0 })
    expect(errors).toHaveLength(1)
  },
)

test('a disk that refuses is said once, and counting goes on', async () => {
  errors.length = 0
  mkdirSync(`${path}.part`)
  const counts = open()
  counts.count('refused', 1)
  await expect.poll(() => errors.length, { timeout: 10_000 }).toBe(1)
  counts.count('refused', 1)
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect([errors.length, counts.sum().refused]).toEqual([1, 2])
  rmSync(`${path}.part`, { recursive: true })
  await counts.close()
  expect(open().sum().refused).toBe(2)
})
