import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { processesOnPort } from '../../devnet/test/processesOnPort.ts'
import { openDatabase } from '../../src/journal/openDatabase.ts'
import { startTitan } from '../support/startTitan.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const CHECK = fileURLToPath(new URL('../../src/cli/configCheck.ts', import.meta.url))

it('on a port that is taken ends at once, starts nothing and leaves no folder behind', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const dataDir = mkdtempSync(join(tmpdir(), 'titan-start-'))
  try {
    const child = spawn(process.execPath, [MAIN], {
      cwd: dataDir,
      env: { PATH: '/nowhere', EXECUTION_PORT: String(port), DATA_DIR: dataDir },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let errors = ''
    child.stderr.on('data', (chunk) => {
      errors += chunk
    })
    const [code] = await once(child, 'close')
    expect([code, errors]).toEqual([
      3,
      `❌ EXECUTION_PORT ${port} on 127.0.0.1 is not free: another program holds it. Stop it, or set EXECUTION_PORT to another port.\n`,
    ])
    expect(readdirSync(dataDir)).toEqual([])
    const env = { EXECUTION_PORT: String(port), DATA_DIR: dataDir }
    expect(await run(CHECK, { cwd: dataDir, env })).toEqual({ code: 3, errors: errors.replace('❌ ', '') })
  } finally {
    holder.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})

/** Runs a program in a folder of its own to its end; a server that starts is told to stop. */
async function run(file: string, { cwd, env }: { cwd: string; env: Record<string, string> }) {
  const child = spawn(process.execPath, [file], {
    cwd,
    env: { PATH: '/nowhere', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  child.stdout.on('data', (chunk) => {
    if (String(chunk).includes('Ready to receive trade signals')) child.kill('SIGTERM')
  })
  const [code] = await once(child, 'close')
  return { code, errors }
}

const key = `0x${'3f'.repeat(32)}`
const live = {
  EXECUTION_MODE: 'LIVE',
  RPC_BASE: 'http://127.0.0.1:9',
  EXECUTOR_ADDRESS: `0x${'1'.repeat(40)}`,
}

it.each<
  [
    string,
    { env?: Record<string, string>; file?: string | Uint8Array; prepare?: (folder: string) => unknown },
  ]
>([
  ['a line that sets nothing', { file: 'EXECUTION_MODE=PAPER\nRPC_ETHEREUM: http://127.0.0.1:9\n' }],
  ['UTF-16', { file: Buffer.from('\uFEFFEXECUTION_MODE=LIVE\r\n', 'utf16le') }],
  ['quotes left in a value', { env: { DATA_DIR: '"data"' } }],
  ['quotes left in a key', { env: { ...live, PRIVATE_KEY: `"${key}"` } }],
  ['a key that is none', { env: { ...live, PRIVATE_KEYS: `${key},0x12` } }],
  ['no passphrase file', { env: { ...live, KEYSTORE: 'none.json', KEYSTORE_PASSPHRASE_FILE: 'none.txt' } }],
  [
    'a relay that is none',
    { env: { ...live, PRIVATE_KEY: key, RELAY_BASE: 'flashbot|https://relay.example' } },
  ],
  ['the key of an account for relays', { env: { ...live, PRIVATE_KEY: key, RELAY_AUTH_KEY: key } }],
  ['a data folder that is a file', { prepare: (folder) => writeFileSync(join(folder, 'data'), '') }],
  [
    'a data folder in use',
    {
      env: { RPC_BASE: 'http://127.0.0.1:9' },
      prepare(folder) {
        const path = join(folder, 'data/paper/events.sqlite')
        const db = openDatabase({ path, schema: 'CREATE TABLE t (x)', version: 1 })
        return () => db.close()
      },
    },
  ],
  [
    'a journal of a newer version',
    {
      env: { RPC_BASE: 'http://127.0.0.1:9' },
      prepare(folder) {
        mkdirSync(join(folder, 'data/paper'), { recursive: true })
        const db = new DatabaseSync(join(folder, 'data/paper/events.sqlite'))
        db.exec('PRAGMA user_version=999')
        db.close()
      },
    },
  ],
  ['an anvil that is none', { env: { ANVIL_BIN: '/nowhere/anvil' } }],
])(
  'titan config check ends as the start does, with its sentences: %s',
  async (_fault, { env = {}, file, prepare }) => {
    const cwd = mkdtempSync(join(tmpdir(), 'titan-start-'))
    const undo = prepare?.(cwd)
    if (file !== undefined) writeFileSync(join(cwd, '.env'), file)
    const before = readdirSync(cwd, { recursive: true })
    try {
      const options = { cwd, env: { EXECUTION_PORT: '0', ...env } }
      const checked = await run(CHECK, options)
      const started = await run(MAIN, options)
      expect(checked.code).toBe(3)
      expect(checked.errors).not.toBe('')
      expect(started).toEqual({ code: 3, errors: checked.errors.replace(/^(?=.)/gm, '❌ ') })
      expect(checked.errors).not.toContain('3f3f')
      expect(readdirSync(cwd, { recursive: true })).toEqual(before)
    } finally {
      if (typeof undo === 'function') undo()
      rmSync(cwd, { recursive: true, force: true })
    }
  },
  60_000,
)

it('a clean titan config check leaves nothing behind, and the start succeeds', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'titan-start-'))
  try {
    const options = { cwd, env: { EXECUTION_PORT: '0', DATA_DIR: 'a/b', ...live, PRIVATE_KEY: key } }
    expect(await run(CHECK, options)).toEqual({ code: 0, errors: '' })
    expect(readdirSync(cwd)).toEqual([])
    expect((await run(MAIN, options)).code).toBe(0)
    expect(await run(CHECK, options)).toEqual({ code: 0, errors: '' })
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}, 60_000)

it('a copied .env.example is PAPER on the devnet, whose node is started again when it is killed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'titan-start-'))
  copyFileSync(new URL('../../.env.example', import.meta.url), join(folder, '.env'))
  const titan = await startTitan({ dataDir: folder })
  try {
    expect((await titan.get('/health')).json).toMatchObject({ mode: 'PAPER' })
    const statusOf = async (chainId: number) =>
      (await titan.get('/health?verbose=1')).json.chain_status.find(
        (chain: { chainId: number }) => chain.chainId === chainId,
      )
    await expect.poll(async () => (await statusOf(137)).state, { timeout: 60_000 }).toBe('ready')
    const port = Number(new URL((await statusOf(137)).devnetRpc).port)
    const before = processesOnPort(port)
    for (const pid of before) process.kill(pid, 'SIGKILL')
    await expect.poll(() => titan.output(), { timeout: 30_000 }).toContain('runs again, as a fresh chain')
    expect(processesOnPort(port).filter((pid) => before.includes(pid))).toEqual([])
    await expect
      .poll(
        async () => {
          const { state, endpoints } = await statusOf(137)
          return [state, endpoints[0].healthy]
        },
        { timeout: 30_000 },
      )
      .toEqual(['ready', true])
    await expect
      .poll(async () => (await fetch(`${titan.url}/metrics`)).text(), { timeout: 30_000 })
      .toMatch(/^titan_event_loop_delay_seconds\{thread="chain-137"\} [\d.e-]+$/m)
  } finally {
    await titan.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}, 180_000)
