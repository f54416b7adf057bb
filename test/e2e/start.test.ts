import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { processesOnPort } from '../../devnet/test/processesOnPort.ts'
import { startTitan } from '../support/startTitan.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

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
  } finally {
    holder.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})

it('a devnet node that is killed is started again, and its chain is ready again', async () => {
  const titan = await startTitan()
  try {
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
  }
}, 180_000)
