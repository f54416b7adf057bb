import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { callRpc } from './callRpc.ts'
import { findFreePort } from './findFreePort.ts'
import { processesOnPort } from './test/processesOnPort.ts'

const cli = fileURLToPath(new URL('cli.ts', import.meta.url))
const patience = { timeout: 30_000, interval: 50 }

interface Run {
  readonly child: ChildProcess
  readonly lines: () => string[]
  readonly words: () => string
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

function run(args: readonly string[], command: readonly string[] = [process.execPath, cli]): Run {
  const [program, ...before] = [...command, ...args] as [string, ...string[]]
  const child = spawn(program, before, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let out = ''
  let error = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    error += text
  })
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string | null)
  return { child, ended, words: () => error, lines: () => out.split('\n').filter((line) => line !== '') }
}

async function answers(rpc: string): Promise<boolean> {
  return callRpc({ rpc, method: 'eth_chainId', params: [], timeoutMs: 5_000 }).then(
    () => true,
    () => false,
  )
}

/** A port with room above it for the few chains of a test. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await findFreePort({ host: '127.0.0.1', port: 0 })
    const next = await findFreePort({ host: '127.0.0.1', port: port + 1 }).catch(() => undefined)
    if (next !== undefined) return port
  }
}

test.each(['SIGINT', 'SIGTERM'] as const)(
  'prints one line per chain, in order, and ends in order on %s',
  async (signal) => {
    const port = await freePort()
    const devnet = run(['--chains', '42161,1', '--port', `${port}`])
    await vi.waitFor(() => expect(devnet.words()).toContain('2 nodes are up'), patience)

    const rpcs = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 1}`] as const
    expect(devnet.lines()).toEqual([
      `{"chainId":42161,"rpc":"${rpcs[0]}"}`,
      `{"chainId":1,"rpc":"${rpcs[1]}"}`,
    ])
    const chainIds = rpcs.map((rpc) => callRpc({ rpc, method: 'eth_chainId', params: [], timeoutMs: 5_000 }))
    expect((await Promise.all(chainIds)).map(Number)).toEqual([42161, 1])

    devnet.child.kill(signal)
    expect(await devnet.ended).toBe(0)
    expect(await Promise.all(rpcs.map(answers))).toEqual([false, false])
  },
)

test('moves prices with --noise', async () => {
  const port = await freePort()
  const devnet = run(['--chains', '10', '--port', `${port}`, '--noise', '--noise-interval-ms', '10'])
  await vi.waitFor(() => expect(devnet.words()).toContain('1 nodes are up, with noise'), patience)
  const rpc = `http://127.0.0.1:${port}`
  const blockNumber = () => callRpc({ rpc, method: 'eth_blockNumber', params: [], timeoutMs: 5_000 })
  await vi.waitFor(async () => expect(Number(await blockNumber())).toBeGreaterThan(20), patience)
  devnet.child.kill('SIGTERM')
  expect(await devnet.ended).toBe(0)
})

test.each([
  { args: ['--chians', '1'], says: /--chians/ },
  { args: ['1'], says: /positional/ },
  { args: ['--chains', '1,x'], says: /--chains takes whole numbers from 1 .* not "x"/ },
  { args: ['--chains', '1,10,1'], says: /--chains names a chain twice/ },
  { args: ['--chains', ''], says: /--chains takes whole numbers/ },
  { args: ['--port', '70000'], says: /--port takes whole numbers from 1 to 65521, not "70000"/ },
  { args: ['--port', '65535', '--chains', '1,10'], says: /from 1 to 65534/ },
  { args: ['--block-time', '0'], says: /--block-time takes/ },
  { args: ['--block-time', '1.5'], says: /--block-time takes/ },
  { args: ['--noise-interval-ms', '-5'], says: /noise-interval-ms/ },
])('refuses $args with a sentence', async ({ args, says }) => {
  const devnet = run(args)
  expect(await devnet.ended).toBe(2)
  expect(devnet.words()).toMatch(says)
  expect(devnet.lines()).toEqual([])
})

test('says which port is taken', async () => {
  const squatter = createServer().listen(0, '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const { port } = squatter.address() as { port: number }
  const devnet = run(['--chains', '1', '--port', `${port}`])
  expect(await devnet.ended).toBe(2)
  expect(devnet.words().trim()).toBe(`Port ${port} on 127.0.0.1 is taken.`)
})

test('goes on when a node dies, and ends when the last one does', async () => {
  const port = await freePort()
  const devnet = run(['--chains', '1,10', '--port', `${port}`])
  await vi.waitFor(() => expect(devnet.words()).toContain('2 nodes are up'), patience)
  for (const pid of processesOnPort(port)) process.kill(pid, 'SIGKILL')
  await vi.waitFor(
    () => expect(devnet.words()).toContain('The node of chain 1 has ended (SIGKILL).'),
    patience,
  )
  expect(await answers(`http://127.0.0.1:${port + 1}`)).toBe(true)
  for (const pid of processesOnPort(port + 1)) process.kill(pid, 'SIGKILL')
  expect(await devnet.ended).toBe(1)
})

test('ends when the process that started it is killed, also with a shell between', async () => {
  const port = await freePort()
  const script = `
    const { spawn } = await import('node:child_process')
    spawn('sh', ['-c', '"$0" "$@"; true', ${JSON.stringify(process.execPath)}, ...${JSON.stringify([cli, '--chains', '1', '--port', `${port}`])}], {
      stdio: 'inherit', env: { ...process.env, npm_lifecycle_event: 'devnet' } })`
  const starter = run([], [process.execPath, '--input-type=module', '--eval', script])
  const rpc = `http://127.0.0.1:${port}`
  await vi.waitFor(async () => expect(await answers(rpc)).toBe(true), patience)
  starter.child.kill('SIGKILL')
  await vi.waitFor(async () => expect(await answers(rpc)).toBe(false), patience)
  await starter.ended // its output is closed only when the devnet itself has ended
})
