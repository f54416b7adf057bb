import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addressBook } from './addressBook.ts'
import { callRpc } from './callRpc.ts'
import { devnetMarker } from './devnetMarker.ts'
import { findFreePort } from './findFreePort.ts'
import type { AnvilRestart } from './lastingAnvil.ts'
import { locateAnvil } from './locateAnvil.ts'
import { startAnvil } from './startAnvil.ts'
import { type Devnet, type DevnetChain, type DevnetOptions, startDevnet } from './startDevnet.ts'
import { processesOnPort } from './test/processesOnPort.ts'

const allChainIds = [1, 10, 56, 137, 204, 250, 324, 5000, 8453, 42161, 42220, 43114, 59144, 81457, 534352]

async function start(options: DevnetOptions): Promise<Devnet> {
  const devnet = await startDevnet(options)
  onTestFinished(() => devnet.stop())
  return devnet
}

function call(rpc: string, method: string, ...params: unknown[]): Promise<unknown> {
  return callRpc({ rpc, method, params, timeoutMs: 30_000 })
}

test('serves the same world on all fifteen chains at once, each under its own id', async () => {
  const { chains } = await start({ chainIds: allChainIds })

  expect(chains.map((chain) => chain.chainId)).toEqual(allChainIds)
  expect(new Set(chains.map((chain) => chain.rpc)).size).toBe(15)
  for (const { chainId, rpc } of chains) {
    expect(Number(await call(rpc, 'eth_chainId'))).toBe(chainId)
    expect(await call(rpc, 'eth_getCode', devnetMarker.address, 'latest')).toBe(devnetMarker.code)
    const vaultCode = await call(rpc, 'eth_getCode', addressBook.balancer.vault, 'latest')
    expect(String(vaultCode).length).toBeGreaterThan(40_000)
  }
  const block = (await call(chains[0]?.rpc ?? '', 'eth_getBlockByNumber', 'latest', false)) as {
    timestamp: string
  }
  expect(Math.abs(Number(block.timestamp) - Date.now() / 1000)).toBeLessThan(120)
})

test('takes successive ports from the given one on', async () => {
  const port = await portsInARow(3)
  const { chains } = await start({ chainIds: [137, 1, 42161], port })
  expect(chains.map((chain) => chain.rpc)).toEqual(
    [0, 1, 2].map((offset) => `http://127.0.0.1:${port + offset}`),
  )
})

test('says which port is taken and leaves nothing running', async () => {
  const port = await portsInARow(2)
  const squatter = createServer().listen(port + 1, '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())

  await expect(startDevnet({ chainIds: [1, 10], port })).rejects.toThrow(
    `Port ${port + 1} on 127.0.0.1 is taken.`,
  )
  // A node's guard hears of its end a moment later.
  await expect.poll(() => processesOnPort(port), { timeout: 10_000 }).toEqual([])
})

test('does not take another node at its port for its own, though it answers as the same chain', async () => {
  const [other] = (await start({ chainIds: [56] })).chains
  const port = Number(new URL(other?.rpc ?? '').port)
  const node = { binary: locateAnvil(), chainId: 56, host: '127.0.0.1', args: [], startTimeoutMs: 60_000 }
  await expect(startAnvil({ ...node, port })).rejects.toThrow(/in use/i)
})

test('names what to do when there is no anvil', async () => {
  vi.stubEnv('ANVIL_BIN', '/nowhere/anvil')
  onTestFinished(() => void vi.unstubAllEnvs())
  const none = 'ANVIL_BIN: /nowhere/anvil is not a program that can be run.'
  await expect(startDevnet({ chainIds: [1] })).rejects.toThrow(none)
  // As `docker --env-file` hands it on: the one rule of all settings.
  vi.stubEnv('ANVIL_BIN', '"/usr/bin/anvil"')
  await expect(startDevnet({ chainIds: [1] })).rejects.toThrow(/^ANVIL_BIN has quotes left in its value/)
})

test('mines at the given interval', async () => {
  const { chains } = await start({ chainIds: [1], blockTimeSeconds: 1 })
  const rpc = chains[0]?.rpc ?? ''
  await vi.waitFor(async () => expect(Number(await call(rpc, 'eth_blockNumber'))).toBeGreaterThan(1), {
    timeout: 30_000,
    interval: 100,
  })
})

test('answers calls pinned to a block of the recent past', async () => {
  const { chains } = await start({ chainIds: [1] })
  const rpc = chains[0]?.rpc ?? ''
  const account = '0x00000000000000000000000000000000000abcde'
  const balanceAt = async (block: number) =>
    Number(await call(rpc, 'eth_getBalance', account, `0x${block.toString(16)}`))
  await call(rpc, 'anvil_mine', '0x5')
  const transfer = { from: addressBook.accounts.deployer, to: account, value: '0x7b' }
  await call(rpc, 'eth_sendTransaction', transfer)
  await vi.waitFor(async () => expect(Number(await call(rpc, 'eth_blockNumber'))).toBe(6), {
    timeout: 30_000,
  })
  await call(rpc, 'anvil_mine', '0x28')
  expect([await balanceAt(5), await balanceAt(6), await balanceAt(46)]).toEqual([0, 123, 123])
})

test('reports a node that ends by itself and goes on with the others', async () => {
  const exits: unknown[] = []
  const devnet = await start({ chainIds: [56, 204], onExit: (exit) => exits.push(exit) })
  const [first, second] = devnet.chains
  process.kill(first?.pid ?? 0, 'SIGKILL')

  await vi.waitFor(() => expect(exits).toEqual([{ chainId: 56, code: null, signal: 'SIGKILL' }]), {
    timeout: 30_000,
  })
  expect(Number(await call(second?.rpc ?? '', 'eth_chainId'))).toBe(204)
  await devnet.stop()
  expect(exits).toHaveLength(1)
})

test('starts a node that was killed again, on its port, as a fresh chain', async () => {
  const restarts: AnvilRestart[] = []
  const devnet = await start({
    chainIds: [56, 204],
    restartsMax: 2,
    onRestart: (restart) => restarts.push(restart),
  })
  const { rpc, pid } = devnet.chains[0] as DevnetChain
  await call(rpc, 'anvil_mine', '0x7')
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => expect(restarts).toHaveLength(1), { timeout: 30_000 })

  expect(restarts[0]).toEqual({ ok: true, chainId: 56, pid: expect.any(Number) })
  expect(Number(await call(rpc, 'eth_chainId'))).toBe(56)
  expect(Number(await call(rpc, 'eth_blockNumber'))).toBe(0)
  expect(await call(rpc, 'eth_getCode', devnetMarker.address, 'latest')).toBe(devnetMarker.code)

  for (const times of [2, 3]) {
    const last = restarts.at(-1)
    if (last?.ok) process.kill(last.pid, 'SIGKILL')
    await vi.waitFor(() => expect(restarts).toHaveLength(times), { timeout: 30_000 })
  }
  expect(restarts.map(({ ok }) => ok)).toEqual([true, true, false])
  expect(restarts[2]).toMatchObject({ reason: 'it ended 3 times' })
  expect(Number(await call(devnet.chains[1]?.rpc ?? '', 'eth_chainId'))).toBe(204)
  await devnet.stop()
  await vi.waitFor(() => expect(processesOnPort(Number(new URL(rpc).port))).toEqual([]), { timeout: 30_000 })
})

test('stop ends every process, and can be called twice', async () => {
  const devnet = await startDevnet({ chainIds: [8453, 5000] })
  const ports = devnet.chains.map(({ rpc }) => Number(new URL(rpc).port))
  for (const port of ports) expect(processesOnPort(port).length).toBeGreaterThanOrEqual(2)

  await devnet.stop()
  await devnet.stop()
  await vi.waitFor(() => expect(ports.flatMap(processesOnPort)).toEqual([]), { timeout: 30_000 })
})

const forever = 'setInterval(() => {}, 1000)'
const endings: readonly { ending: string; code: string; kill?: NodeJS.Signals }[] = [
  { ending: 'SIGKILL', code: forever, kill: 'SIGKILL' },
  { ending: 'SIGINT', code: forever, kill: 'SIGINT' },
  { ending: 'SIGTERM', code: forever, kill: 'SIGTERM' },
  {
    ending: 'an uncaught exception',
    code: "process.stdin.once('data', () => { throw new Error('on purpose') })",
  },
  { ending: 'process.exit', code: "process.stdin.once('data', () => process.exit(0))" },
]

test.each(endings)('the nodes end with their parent: $ending', async ({ code, kill }) => {
  const script = `
    import { startDevnet } from ${JSON.stringify(new URL('startDevnet.ts', import.meta.url).href)}
    const { chains } = await startDevnet({ chainIds: [1, 10] })
    console.log(JSON.stringify(chains))
    ${code}`
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  onTestFinished(() => void parent.kill('SIGKILL'))
  const chains = JSON.parse(await firstLine(parent)) as Devnet['chains']
  const ports = chains.map(({ rpc }) => Number(new URL(rpc).port))
  for (const port of ports) expect(processesOnPort(port).length).toBeGreaterThanOrEqual(2)

  if (kill) parent.kill(kill)
  else parent.stdin?.write('now\n')
  await once(parent, 'exit')
  await vi.waitFor(() => expect(ports.flatMap(processesOnPort)).toEqual([]), {
    timeout: 30_000,
    interval: 50,
  })
})

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line
  throw new Error('The process ended without a line.')
}

/** The first of `count` successive ports that are free now. */
async function portsInARow(count: number): Promise<number> {
  const host = '127.0.0.1'
  for (;;) {
    const port = await findFreePort({ host, port: 0 })
    const others = Array.from({ length: count - 1 }, (_, index) =>
      findFreePort({ host, port: port + 1 + index }),
    )
    if ((await Promise.allSettled(others)).every(({ status }) => status === 'fulfilled')) return port
  }
}
