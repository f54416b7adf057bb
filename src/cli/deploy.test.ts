import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Contract, getAddress, Interface, JsonRpcProvider, Wallet } from 'ethers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'

const CHAINS = [1, 137, 56] as const
const DEPLOYER = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const PROGRAM = fileURLToPath(new URL('deploy.ts', import.meta.url))

let devnet: Devnet
let folder: string
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: CHAINS })
  // Away from the repository, so that no .env of a developer takes part.
  folder = mkdtempSync(join(tmpdir(), 'titan-deploy-'))
})
afterAll(async () => {
  await devnet?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** New for each test: what is deployed belongs to the first one. */
let keys: Wallet[]
beforeEach(() => {
  keys = Array.from({ length: 3 }, () => new Wallet(Wallet.createRandom().privateKey))
})
const owner = () => keys[0] as Wallet
const addresses = (count: number) => keys.slice(0, count).map(({ address }) => address)

const rpcOf = (chainId: number) =>
  devnet.chains.find((chain) => chain.chainId === chainId)?.rpc ?? 'no such chain'
const ask = (chainId: number, method: string, ...params: unknown[]) =>
  callRpc({ rpc: rpcOf(chainId), method, params, timeoutMs: 30_000 })
const fund = (chainId: number) => ask(chainId, 'anvil_setBalance', owner().address, '0xde0b6b3a7640000')
const codeAt = (chainId: number, address: string) => ask(chainId, 'eth_getCode', address, 'latest')
const sentBy = async (chainId: number, { address }: Wallet) =>
  Number(await ask(chainId, 'eth_getTransactionCount', address, 'latest'))

function deploy(args: readonly string[], { keyCount = 1, env = {} } = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      PRIVATE_KEYS: keys
        .slice(0, keyCount)
        .map(({ privateKey }) => privateKey)
        .join(','),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  )
}
const on = (chainId: number, ...more: string[]) => [
  '--chain',
  String(chainId),
  '--rpc',
  rpcOf(chainId),
  '--json',
  ...more,
]
async function deployed(...args: Parameters<typeof deploy>) {
  const { code, stdout, stderr } = await deploy(...args)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as {
    address: string
    chainId: number
    transactions: { action: string; hash: string }[]
    lanes: string[]
  }
}
async function stateOf(chainId: number, address: string, lanes: readonly string[]) {
  const provider = new JsonRpcProvider(rpcOf(chainId))
  const contract = new Contract(address, artifact.abi, provider)
  const read = (name: string, ...values: unknown[]) => contract.getFunction(name)(...values)
  const state = {
    owner: await read('owner'),
    vault: await read('balancerVault'),
    pool: await read('aavePool'),
    lanes: await Promise.all(lanes.map((lane) => read('isLane', lane))),
  }
  provider.destroy()
  return state
}
const actions = ({ transactions }: { transactions: { action: string }[] }) =>
  transactions.map(({ action }) => action)

describe('titan deploy', () => {
  test('makes the executor ready on three chains at one address, and sends nothing the second time', async () => {
    const found = []
    for (const chainId of CHAINS) {
      await fund(chainId)
      const first = await deployed(on(chainId), { keyCount: 2 })
      expect(actions(first)).toEqual(['deploy', 'configure', 'authorise'])
      expect(first).toMatchObject({ chainId, lanes: addresses(2) })
      expect(await stateOf(chainId, first.address, addresses(3).slice(1))).toEqual({
        owner: owner().address,
        vault: addressBook.balancer.vault,
        pool: addressBook.aave.pool,
        lanes: [true, false],
      })
      expect(await sentBy(chainId, owner())).toBe(3)
      const second = await deployed(on(chainId), { keyCount: 2 })
      expect(second).toEqual({ ...first, transactions: [] })
      expect(await sentBy(chainId, owner())).toBe(3)
      found.push(first.address)
    }
    expect(new Set(found).size).toBe(1)
  })

  test('authorises a key that is new, and only that', async () => {
    await fund(1)
    const first = await deployed(on(1), { keyCount: 2 })
    const second = await deployed(on(1), { keyCount: 3 })
    expect(actions(second)).toEqual(['authorise'])
    expect(second.address).toBe(first.address)
    expect((await stateOf(1, first.address, addresses(3).slice(1))).lanes).toEqual([true, true])
  })

  test('goes on where another one stopped, takes the endpoint of the environment, and needs no mode', async () => {
    await fund(137)
    const { address } = await deployed(on(137))
    const data = new Interface(artifact.abi).encodeFunctionData('configure', [
      addressBook.balancer.vault,
      DEPLOYER,
    ])
    await ask(137, 'anvil_impersonateAccount', owner().address)
    await ask(137, 'eth_sendTransaction', { from: owner().address, to: address, data })
    expect((await stateOf(137, address, [])).pool).toBe(getAddress(DEPLOYER))
    const env = { EXECUTION_MODE: 'LIVE', RPC_POLYGON: rpcOf(137), EXECUTOR_ADDRESS: address }
    const again = await deploy(['--chain', 'polygon'], { env })
    expect(again).toMatchObject({ code: 0, stdout: `${address}\n` })
    expect((await stateOf(137, address, [])).pool).toBe(addressBook.aave.pool)
  })

  test('without the deterministic deployer makes an address of its own, says so, and finds it again', async () => {
    const deployer = await codeAt(56, DEPLOYER)
    await ask(56, 'anvil_setCode', DEPLOYER, '0x')
    try {
      await fund(56)
      const { code, stdout, stderr } = await deploy(on(56))
      expect({ code, stderr }).toMatchObject({
        code: 0,
        stderr: expect.stringContaining('has no deterministic deployer'),
      })
      const first = JSON.parse(stdout)
      expect(await codeAt(56, first.address)).toBe(artifact.deployedBytecode)
      expect(await deployed(on(56))).toEqual({ ...first, transactions: [] })
    } finally {
      await ask(56, 'anvil_setCode', DEPLOYER, deployer)
    }
  })
})

describe('titan deploy refuses', () => {
  test('an endpoint of another chain', async () => {
    await fund(1)
    expect(await deploy(['--chain', '137', '--rpc', rpcOf(1), '--json'])).toEqual({
      code: 3,
      stdout: '',
      stderr: 'The node of Polygon (137) serves chain 1, not chain 137.\n',
    })
    expect(await sentBy(1, owner())).toBe(0)
  })

  test('an account that cannot pay', async () => {
    const { code, stderr } = await deploy(on(1))
    expect(code).toBe(1)
    expect(stderr).toMatch(new RegExp(`${owner().address} has 0\\.0 ETH; .* may cost up to 0\\.\\d+ ETH\\.`))
  })

  test('to send behind a transaction that is in no block yet', async () => {
    await fund(56)
    await ask(56, 'evm_setAutomine', false)
    try {
      const provider = new JsonRpcProvider(rpcOf(56))
      await owner().connect(provider).sendTransaction({ to: owner().address, value: 3n })
      provider.destroy()
      const { code, stderr } = await deploy(on(56))
      expect(code).toBe(1)
      expect(stderr).toContain(`${owner().address} has transactions that are in no block yet (1)`)
    } finally {
      await ask(56, 'evm_setAutomine', true)
      await ask(56, 'evm_mine')
    }
  })

  test('an executor that belongs to someone else, and one that is something else', async () => {
    await fund(1)
    const { address } = await deployed(on(1))
    keys.reverse()
    await fund(1)
    const foreign = await deploy(on(1), { env: { EXECUTOR_ADDRESS: address } })
    expect(foreign.code).toBe(3)
    expect(foreign.stderr).toContain(
      `belongs to ${keys[2]?.address}, not to the first key, ${owner().address}`,
    )
    const other = await deploy(on(1), { env: { EXECUTOR_ADDRESS: addressBook.aave.pool } })
    expect(other.code).toBe(3)
    expect(other.stderr).toContain('is not this version of the executor')
    expect(await sentBy(1, owner())).toBe(0)
  })

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['no chain', ['--json'], {}, 2, /^Usage: titan deploy/],
    ['an unknown chain', ['--chain', '7'], {}, 2, /There is no chain "7"; known are 1 Ethereum, /],
    ['an unknown option', ['--chain', '1', '--dry'], {}, 2, /--dry/],
    ['no endpoint', ['--chain', '1'], {}, 3, /RPC_ETHEREUM is not set/],
    ['an endpoint that is none', ['--chain', '1', '--rpc', 'node'], {}, 3, /RPC_ETHEREUM must be a URL/],
    ['a dead endpoint', ['--chain', '1', '--rpc', 'http://127.0.0.1:1'], {}, 5, /could not be reached/],
    [
      'no key',
      ['--chain', '1', '--rpc', 'http://127.0.0.1:1'],
      { PRIVATE_KEYS: '' },
      3,
      /No wallet configured/,
    ],
  ])('%s', async (_name, args, env, code, sentence) => {
    const outcome = await deploy(args, { env })
    expect(outcome).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(sentence) })
    expect(outcome.stderr).not.toContain(owner().privateKey.slice(2))
  })

  test('nothing when help is asked for', async () => {
    expect(await deploy(['--help'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage:/) })
  })
})
