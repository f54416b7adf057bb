import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'

const PROGRAM = fileURLToPath(new URL('../../bin/titan.js', import.meta.url))

let devnet: Devnet
let titan: Titan
let dataDir: string
async function start() {
  const [ethereum, polygon] = devnet.chains
  const env = { RPC_ETHEREUM: ethereum?.rpc ?? '', RPC_POLYGON: polygon?.rpc ?? '' }
  titan = await startTitan({ dataDir, env })
}
beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'titan-control-'))
  devnet = await startDevnet({ chainIds: [1, 137] })
  await start()
})
afterAll(async () => {
  await titan?.stop()
  await devnet?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** Runs `titan` as an operator on the server's machine does. */
const run = (...args: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(
      process.execPath,
      [PROGRAM, ...args],
      { env: { PATH: process.env.PATH, EXECUTION_PORT: String(titan.port) } },
      (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
const execute = (chainId: number, signalId: string, over: object = {}) =>
  titan.post('/execute', { ...sampleRequest, chainId, signal_id: signalId, ...over })
const metric = async (name: string) => {
  const text = await (await fetch(`${titan.url}/metrics`)).text()
  return text.split('\n').filter((line) => line.startsWith(name))
}

test('a chain that is paused takes nothing new, over a restart, until it is resumed', async () => {
  const first = await execute(137, 'before-1')
  expect(first.json.success).toBe(true)

  expect(await run('pause', '--chain', 'polygon', '--reason', 'a fire drill')).toEqual({
    code: 0,
    stdout: 'Polygon takes no new signals; what is in flight goes on.\n',
    stderr: '',
  })
  const refused = await execute(137, 'paused-1')
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5'])
  expect(refused.json).toMatchObject({
    success: false,
    code: 'PAUSED',
    retryable: true,
    error: 'Polygon is paused by its operator: a fire drill.',
  })
  // What is known has its answer, what changes nothing is served, and another chain trades.
  expect((await execute(137, 'before-1')).json).toEqual(first.json)
  expect((await titan.post('/simulate', { ...sampleRequest, chainId: 137 })).json.success).toBe(true)
  expect((await execute(1, 'elsewhere-1')).json.success).toBe(true)

  const stillPaused = async () => {
    const health = (await titan.get('/health?verbose')).json
    expect(health.status).toBe('healthy')
    const polygon = health.chain_status.find(({ chainId }: { chainId: number }) => chainId === 137)
    expect(polygon).toMatchObject({ state: 'ready', paused: { reason: 'a fire drill' } })
    const ready = await titan.get('/readyz?verbose')
    expect([ready.status, ready.json.chains_ready, ready.json.chains]).toEqual([200, 1, 2])
    expect(ready.json.checks[1]).toMatchObject({ chainId: 137, paused: { reason: 'a fire drill' } })
    expect(await metric('titan_chain_paused{')).toEqual([
      'titan_chain_paused{chain="1"} 0',
      'titan_chain_paused{chain="137"} 1',
    ])
    expect((await execute(137, 'paused-2')).json.code).toBe('PAUSED')
    return polygon.paused
  }
  const paused = await stillPaused()
  expect(paused.by).toMatch(/\((127\.0\.0\.1|0000:.*0001)\)$/)
  await titan.end('SIGKILL')
  await start()
  expect(await stillPaused()).toEqual(paused)

  const all = await run('pause', '--all', '--json')
  expect(all.code).toBe(0)
  expect(JSON.parse(all.stdout)).toMatchObject({
    success: true,
    commands: [
      { chainId: 1, action: 'pause', outcome: 'applied' },
      { chainId: 137, sentence: 'Polygon takes no new signals already; what is in flight goes on.' },
    ],
  })
  const nobody = await titan.get('/readyz')
  expect([nobody.status, nobody.json.status]).toEqual([503, 'paused'])

  expect((await run('resume', '--all')).code).toBe(0)
  // What was refused was not done, and may be sent again.
  expect((await execute(137, 'paused-1')).json.success).toBe(true)
  const { json: log } = await titan.get('/control/log?chain=137')
  expect(log.unread).toEqual([])
  expect(log.commands.map(({ action, outcome }: Record<string, string>) => [action, outcome])).toEqual([
    ['resume', 'applied'],
    ['pause', 'applied'],
    ['pause', 'applied'],
  ])
}, 60_000)

test('lanes are listed, and commands that cannot be carried out say why', async () => {
  const lanes = await run('lanes', '--chain', '137')
  expect([lanes.code, lanes.stdout]).toEqual([0, 'Polygon (137): ready\n'])
  expect(JSON.parse((await run('lanes', '--json')).stdout)).toMatchObject([
    { chainId: 1, state: 'ready', paused: null, lanes: [] },
    { chainId: 137, state: 'ready', paused: null, lanes: [] },
  ])
  // PAPER has no transactions.
  await execute(137, 'paper-1', { amount: '999000000' })
  expect(await run('cancel', 'paper-1')).toEqual({
    code: 1,
    stdout: '',
    stderr: 'There are no lanes and transactions on Polygon in this mode. (CONTROL_UNSUPPORTED)\n',
  })
  expect(await run('cancel', 'never-seen')).toMatchObject({
    code: 1,
    stderr: 'No trade with signal_id never-seen is known. (TRADE_NOT_FOUND)\n',
  })
  for (const wrong of [
    ['pause'],
    ['pause', '--chain', 'nowhere'],
    ['pause', '--chain', '1', '--all'],
    ['cancel'],
    ['cancel', 'a', 'b'],
    ['lanes', '--nothing'],
  ])
    expect(await run(...wrong)).toMatchObject({ code: 2, stdout: '' })
  expect((await run('pause', '--help')).stdout).toMatch(/^Usage: titan pause/)
  expect(await run('lanes', '--server', 'http://127.0.0.1:1')).toMatchObject({
    code: 5,
    stderr: expect.stringContaining('No execution server answers at http://127.0.0.1:1'),
  })
}, 60_000)
