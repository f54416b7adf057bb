import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'titan-demo-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/**
 * Runs the demo to its end; `until` is called with what it has printed so far, and Ctrl-C follows when it is
 * true.
 */
async function runDemo({ args, until }: { args: readonly string[]; until: (printed: string) => boolean }) {
  const entry = fileURLToPath(new URL('./demo.ts', import.meta.url))
  const child = spawn(process.execPath, [entry, ...args], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  let interrupted = false
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      if (interrupted || !until(printed)) return
      interrupted = true
      child.kill('SIGINT')
    })
  const [code] = await once(child, 'close')
  return { code, printed }
}

test('prints trades, and on Ctrl-C a summary; leaves nothing behind', { timeout: 180_000 }, async () => {
  const trade = /(Ethereum|Base|Arbitrum) .* → .* loan .* profit .* net +\$\d+\.\d\d .*total/
  const { code, printed } = await runDemo({ args: [], until: (text) => trade.test(text) })

  expect(printed).toMatch(/[1-9]\d* trades filled on paper.*; \d+ refused; +\$\d+\.\d\d net of gas/)
  expect(code).toBe(0)
  expect(await readdir(folder)).toEqual([])
  const url = /answers at (http:\S+)/.exec(printed)?.[1]
  await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed')
})

test('ends by itself after --seconds', { timeout: 180_000 }, async () => {
  const { code, printed } = await runDemo({ args: ['--seconds', '1'], until: () => false })
  expect(printed).toContain('net of gas')
  expect(code).toBe(0)
  expect(await readdir(folder)).toEqual([])
})

test('says what is wrong with its arguments', { timeout: 60_000 }, async () => {
  const { code, printed } = await runDemo({ args: ['--seconds', 'many'], until: () => false })
  expect(printed.trim()).toBe('--seconds takes a number above 0.')
  expect(code).toBe(1)
})
