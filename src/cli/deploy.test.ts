import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import {
  Contract,
  formatEther,
  getAddress,
  Interface,
  JsonRpcProvider,
  parseEther,
  Wallet,
  ZeroAddress,
} from 'ethers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import artifact from '../../contracts/artifacts/OmniArbExecutor.json' with { type: 'json' }
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { openDatabase } from '../journal/openDatabase.ts'

const CHAINS = [1, 137, 56] as const
const DEPLOYER = '0x4e59b44847b379578588920ca78fbf26c0b4956c'
const TREASURY = '0x000000000000000000000000000000000000bEEF'
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
const balanceOf = async (chainId: number, { address }: Wallet) =>
  BigInt(String(await ask(chainId, 'eth_getBalance', address, 'latest')))
const sentBy = async (chainId: number, { address }: Wallet) =>
  Number(await ask(chainId, 'eth_getTransactionCount', address, 'latest'))

/** `answer`: at a terminal, with this typed into it; what it shows is all on `stdout` then. */
function deploy(
  args: readonly string[],
  { keyCount = 1, env = {}, answer = null }: { keyCount?: number; env?: object; answer?: string | null } = {},
) {
  const command = [process.execPath, PROGRAM, ...args]
  const [program = '', ...words] = answer === null ? command : ['python3', '-c', TERMINAL, ...command]
  const child = spawn(program, words, {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      PRIVATE_KEYS: keys
        .slice(0, keyCount)
        .map(({ privateKey }) => privateKey)
        .join(','),
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.end(answer ?? '')
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
/** In front of a chain's node, with each call heard before it is passed on; `url` ends in a key. */
async function listenIn(chainId: number, hear: (method: string) => unknown) {
  const server = createServer(async (request, response) => {
    const body = await text(request)
    for (const { method } of [JSON.parse(body)].flat() as { method: string }[]) {
      const error = await hear(method)
      if (error) return response.end(JSON.stringify({ jsonrpc: '2.0', id: JSON.parse(body).id, error }))
    }
    const headers = { 'content-type': 'application/json' }
    response.end(await (await fetch(rpcOf(chainId), { method: 'POST', headers, body })).text())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const [host, key] = [`127.0.0.1:${port}`, 'k3y0fTheOperator']
  return { host, key, url: `http://${host}/v2/${key}`, close: () => server.close() }
}
/** Calls the executor, as an account that need not have a key. */
async function callAs(chainId: number, from: string, to: string, name: string, ...values: unknown[]) {
  const data = new Interface(artifact.abi).encodeFunctionData(name, values)
  await sendAs(chainId, { from, to, data })
}
async function sendAs(chainId: number, call: { from: string; to: string; data: string }) {
  await ask(chainId, 'anvil_setBalance', call.from, '0xde0b6b3a7640000')
  await ask(chainId, 'anvil_impersonateAccount', call.from)
  const hash = await ask(chainId, 'eth_sendTransaction', call)
  await expect
    .poll(() => ask(chainId, 'eth_getTransactionReceipt', hash), { timeout: 30_000 })
    .toMatchObject({ status: '0x1' })
}
/** Runs a program at a terminal of its own, with what it is sent typed in. */
const TERMINAL = 'import pty, sys, os; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))'
const asked = (chainId: number, ...more: string[]) => [
  '--chain',
  String(chainId),
  '--rpc',
  rpcOf(chainId),
  '--json',
  ...more,
]
const on = (chainId: number, ...more: string[]) => asked(chainId, '--yes', ...more)
async function deployed(...args: Parameters<typeof deploy>) {
  const { code, stdout, stderr } = await deploy(...args)
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as {
    address: string
    chainId: number
    transactions: { action: string; hash: string }[]
    lanes: string[]
    owner: string
    calls: { to: string; data: string; meaning: string }[]
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
    treasury: await read('treasury'),
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
        treasury: ZeroAddress,
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
    const before = parseEther('1')
    const first = await deployed(on(137))
    // As after a stop between the two.
    await ask(137, 'anvil_setStorageAt', first.address, '0x1', `0x${'0'.repeat(64)}`)
    await ask(137, 'anvil_setStorageAt', first.address, '0x2', `0x${'0'.repeat(64)}`)
    const env = { EXECUTION_MODE: 'LIVE', RPC_POLYGON: rpcOf(137), EXECUTOR_ADDRESS: first.address }
    const again = await deploy(['--chain', 'polygon', '--yes'], { env })
    expect(again).toMatchObject({ code: 0, stdout: `${first.address}\n` })
    expect((await stateOf(137, first.address, [])).pool).toBe(addressBook.aave.pool)
    expect(await balanceOf(137, owner())).toBeLessThan(before)
  })

  test('leaves lenders that the owner has set, whatever was answered for the cost, until told to reset them', async () => {
    await fund(137)
    const { address } = await deployed(on(137))
    const data = new Interface(artifact.abi).encodeFunctionData('configure', [ZeroAddress, DEPLOYER])
    await ask(137, 'anvil_impersonateAccount', owner().address)
    await ask(137, 'eth_sendTransaction', { from: owner().address, to: address, data })
    const kept = await deploy(on(137), { keyCount: 2 })
    expect(kept.code).toBe(0)
    expect(kept.stderr).toContain(
      `The executor's lenders are Balancer V3 none, Aave V3 ${getAddress(DEPLOYER)}; those of Polygon are Balancer V3 ${addressBook.balancer.vault}, Aave V3 ${addressBook.aave.pool}. They are left as they are; --reset-lenders sets them.`,
    )
    expect(actions(JSON.parse(kept.stdout))).toEqual(['authorise'])
    expect((await stateOf(137, address, [])).pool).toBe(getAddress(DEPLOYER))

    const no = await deploy(asked(137), { answer: 'n\n' })
    expect(no).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Set them to those of the chain? [y/N]'),
    })
    expect((await stateOf(137, address, [])).pool).toBe(getAddress(DEPLOYER))

    expect(actions(await deployed(on(137, '--reset-lenders')))).toEqual(['configure'])
    expect((await stateOf(137, address, [])).pool).toBe(addressBook.aave.pool)
  })

  test('says what it costs, asks, and spends no more than it said', async () => {
    await fund(1)
    const no = await deploy(asked(1), { answer: 'n\n' })
    expect(no.code).toBe(1)
    expect(no.stdout).toMatch(
      /Gas \d+: about 0\.\d+ ETH \(\d+\.\d\d USD\), at most 0\.\d+ ETH \(\d+\.\d\d USD\)\.\s+Send these 2 transactions\? \[y\/N\] /,
    )
    expect(no.stdout).toContain('Nothing was sent')
    expect(await sentBy(1, owner())).toBe(0)

    const yes = await deploy(asked(1, '--treasury', TREASURY), { keyCount: 3, answer: 'y\n' })
    expect(yes.code).toBe(0)
    expect(await sentBy(1, owner())).toBe(4)
    const [, gas = '', about = '', most = ''] =
      /Gas (\d+): about ([\d.]+) ETH.*at most ([\d.]+) ETH/.exec(yes.stdout) ?? []
    const spent = parseEther('1') - (await balanceOf(1, owner()))
    expect(spent).toBeGreaterThan(0n)
    expect(spent).toBeLessThanOrEqual(parseEther(most))
    // Gas of what could not be estimated yet is an upper bound.
    const price = parseEther(about) / BigInt(gas)
    expect(spent).toBeLessThanOrEqual(BigInt(gas) * price)
  })

  test('names the treasury, and only when it is another', async () => {
    await fund(1)
    const first = await deployed(on(1, '--treasury', TREASURY.toLowerCase()))
    expect(actions(first)).toEqual(['deploy', 'configure', 'treasury'])
    expect((await stateOf(1, first.address, [])).treasury).toBe(TREASURY)
    expect(actions(await deployed(on(1, '--treasury', TREASURY)))).toEqual([])
    expect(actions(await deployed(on(1)))).toEqual([])
  })

  test('sweeps what it is told to the treasury, as a lane too, and only what is there', async () => {
    await fund(1)
    const treasury = Wallet.createRandom().address
    const { address } = await deployed(on(1))
    const dai = addressBook.tokens.dai.address
    const token = new Interface([
      'function transfer(address, uint256)',
      'function balanceOf(address) view returns (uint256)',
    ])
    const give = () =>
      ask(1, 'eth_sendTransaction', {
        from: addressBook.accounts.deployer,
        to: dai,
        data: token.encodeFunctionData('transfer', [address, 777n]),
      })
    async function held(account: string): Promise<[bigint, bigint]> {
      const call = { to: dai, data: token.encodeFunctionData('balanceOf', [account]) }
      const both = [ask(1, 'eth_call', call, 'latest'), ask(1, 'eth_getBalance', account, 'latest')] as const
      const [tokens, coins] = await Promise.all(both)
      return [BigInt(String(tokens)), BigInt(String(coins))]
    }
    await give()
    await ask(1, 'anvil_setBalance', address, '0x21')
    const sweep = ['--sweep', dai, '--sweep', addressBook.tokens.weth.address, '--sweep', 'native']
    expect(await deploy(on(1, ...sweep))).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('name one with --treasury'),
    })

    const first = await deploy(on(1, '--treasury', treasury, ...sweep))
    expect(first).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`base units: 777 of ${dai}, 33 of ETH`),
    })
    expect(actions(JSON.parse(first.stdout))).toEqual(['treasury', 'sweep'])
    expect(await held(treasury)).toEqual([777n, 33n])
    expect(actions(await deployed(on(1, ...sweep)))).toEqual([])

    // A lane of another owner's executor sends it too; another account leaves it to the owner.
    const [, lane, foreign] = keys as [Wallet, Wallet, Wallet]
    await deployed(on(1), { keyCount: 2 })
    await give()
    await ask(1, 'anvil_setBalance', lane.address, '0xde0b6b3a7640000')
    const asked = on(1, '--owner', owner().address, ...sweep)
    const as = ({ privateKey }: Wallet) => ({
      env: { EXECUTOR_ADDRESS: address, PRIVATE_KEYS: privateKey },
    })
    const byLane = await deployed(asked, as(lane))
    expect([actions(byLane), byLane.calls]).toEqual([['sweep'], []])
    expect(await held(treasury)).toEqual([1_554n, 33n])
    await give()
    const told = await deployed(asked, as(foreign))
    expect([actions(told), told.calls.map(({ meaning }) => meaning.split(' ')[0])]).toEqual([
      [],
      ['let', 'send'],
    ])
  })

  test('for an owner that is elsewhere it deploys the code and tells the calls that only the owner can make', async () => {
    await fund(1)
    const cold = new Wallet(Wallet.createRandom().privateKey)
    const args = on(1, '--owner', cold.address, '--treasury', TREASURY)
    const first = await deployed(args, { keyCount: 2 })
    expect(actions(first)).toEqual(['deploy'])
    expect(first).toMatchObject({ owner: cold.address, lanes: [] })
    expect(first.calls.map(({ to, meaning }) => [to, meaning])).toEqual([
      [first.address, expect.stringContaining('set its lenders')],
      [first.address, `let these accounts trade: ${addresses(2).join(', ')}`],
      [first.address, `name the treasury that profits are swept to: ${TREASURY}`],
    ])
    const told = await deploy(args, { keyCount: 2 })
    for (const { data } of first.calls) expect(told.stderr).toContain(data)
    expect(await stateOf(1, first.address, addresses(1))).toMatchObject({
      owner: cold.address,
      vault: ZeroAddress,
      lanes: [false],
    })

    // The owner does as it was told, and nothing is missing any more.
    await ask(1, 'anvil_setBalance', cold.address, '0xde0b6b3a7640000')
    const provider = new JsonRpcProvider(rpcOf(1))
    for (const [nonce, { to, data }] of first.calls.entries())
      await (await cold.connect(provider).sendTransaction({ to, data, nonce })).wait()
    provider.destroy()
    expect(await stateOf(1, first.address, addresses(2))).toEqual({
      owner: cold.address,
      vault: addressBook.balancer.vault,
      pool: addressBook.aave.pool,
      treasury: TREASURY,
      lanes: [true, true],
    })
    const done = { ...first, transactions: [], calls: [], lanes: addresses(2) }
    expect(await deployed(args, { keyCount: 2 })).toEqual(done)
    // By its address it is found without --owner only where the owner is named.
    const env = { EXECUTOR_ADDRESS: first.address }
    const unnamed = await deploy(on(1), { env })
    expect(unnamed).toMatchObject({ code: 3, stderr: expect.stringContaining('name its owner with --owner') })
    expect(await deployed(args, { keyCount: 2, env })).toMatchObject({ address: first.address, calls: [] })
  })

  test('leaves a sweep to the owner who has yet to name its treasury', async () => {
    await fund(1)
    const [, lane] = keys as [Wallet, Wallet]
    const cold = Wallet.createRandom().address
    const [first, second] = [Wallet.createRandom().address, Wallet.createRandom().address]
    const { address } = await deployed(on(1, '--owner', cold))
    await callAs(1, cold, address, 'setLane', owner().address, true)
    await ask(1, 'anvil_setBalance', address, '0x21')
    const sweep = (treasury: string) => on(1, '--owner', cold, '--treasury', treasury, '--sweep', 'native')

    const unnamed = await deployed(sweep(first))
    expect(actions(unnamed)).toEqual([])
    expect(unnamed).toMatchObject({ lanes: addresses(1) })
    await callAs(1, cold, address, 'setTreasury', first)
    const renamed = await deployed(sweep(second))
    for (const { transactions, calls } of [unnamed, renamed]) {
      expect(transactions).toEqual([])
      expect(calls.map(({ meaning }) => meaning.split(' ')[0])).toEqual(['set', 'name', 'send'])
    }
    expect(await balanceOf(1, { address } as Wallet)).toBe(33n)
    for (const { to, data } of renamed.calls) await sendAs(1, { from: cold, to, data })
    expect(await balanceOf(1, { address: first } as Wallet)).toBe(0n)
    expect(await balanceOf(1, { address: second } as Wallet)).toBe(33n)

    // The owner's calls are told also when one of ours fails: a contract that takes no coins is the treasury.
    await callAs(1, cold, address, 'setTreasury', addressBook.tokens.dai.address)
    await ask(1, 'anvil_setBalance', address, '0x21')
    const failed = await deploy(on(1, '--owner', cold, '--sweep', 'native'), { keyCount: 2 })
    expect(failed).toMatchObject({ code: 1, stdout: '' })
    expect(failed.stderr).toContain(
      `The executor would refuse this with WithdrawFailed(${addressBook.tokens.dai.address}): the recipient takes no coins.`,
    )
    expect(failed.stderr).toContain(`The owner ${cold} has to send, in this order:`)
    expect(failed.stderr).toContain(`let these accounts trade: ${lane.address}`)
  })

  test('asks a deployed executor who owns it now, wherever its address comes from', async () => {
    await fund(1)
    const [first, second] = keys as [Wallet, Wallet]
    const { address } = await deployed(on(1), { keyCount: 2 })
    await callAs(1, first.address, address, 'transferOwnership', second.address)
    await callAs(1, second.address, address, 'acceptOwnership')
    const sent = await sentBy(1, first)

    for (const more of [[], ['--treasury', TREASURY]])
      expect(await deploy(on(1, ...more), { keyCount: 3 })).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining(
          `The executor of ${first.address} on Ethereum, ${address}, belongs to ${second.address} now. Its address comes from its first owner, so there is no second one for ${first.address}: set EXECUTOR_ADDRESS_ETHEREUM=${address}`,
        ),
      })
    const named = await deploy(on(1, '--owner', second.address), { keyCount: 3 })
    expect(named.stderr).toContain(
      `${second.address} was given the executor of its first owner ${first.address}, from whom its address comes.`,
    )
    const told = JSON.parse(named.stdout)
    expect(told).toMatchObject({ address, owner: second.address, transactions: [], lanes: [second.address] })
    // What the first owner could as such, it can no longer.
    const meaning = `let these accounts trade: ${first.address}, ${keys[2]?.address}`
    expect(told.calls).toMatchObject([{ meaning }])
    const env = { EXECUTOR_ADDRESS: address }
    expect(await deployed(on(1, '--owner', second.address), { keyCount: 3, env })).toEqual(told)
    expect(await sentBy(1, first)).toBe(sent)
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

  test('to ask or tell anything else of an endpoint of another chain beside the right one', async () => {
    await fund(1)
    const heard: string[] = []
    const other = await listenIn(137, (method) => void heard.push(method))
    try {
      for (const urls of [`${other.url},${rpcOf(1)}`, `${rpcOf(1)},${other.url}`]) {
        const outcome = await deploy(['--chain', '1', '--yes', '--json'], {
          keyCount: 2,
          env: { RPC_ETHEREUM: urls },
        })
        expect(outcome).toMatchObject({
          code: 0,
          stderr: expect.stringContaining(
            `The endpoint ${other.host} serves chain 137, not chain 1: it is left out.\n`,
          ),
        })
      }
      expect(new Set(heard)).toEqual(new Set(['eth_chainId']))
      expect(await sentBy(1, owner())).toBe(3)
    } finally {
      other.close()
    }
  })

  test('to spend more than it said, with a higher --max-cost too', async () => {
    await fund(1)
    // The market rises between the first transaction and the second.
    let risen = false
    const node = await listenIn(1, async (method) => {
      if (method !== 'eth_getTransactionReceipt' || risen) return
      risen = true
      await ask(1, 'anvil_setNextBlockBaseFeePerGas', '0x174876e800')
      await ask(1, 'evm_mine')
    })
    try {
      const { code, stderr } = await deploy([
        ...['--chain', '1', '--rpc', node.url],
        ...['--yes', '--max-cost', '0.9'],
      ])
      expect(risen).toBe(true)
      const [, most = ''] = /at most ([\d.]+) ETH/.exec(stderr) ?? []
      const spent = parseEther('1') - (await balanceOf(1, owner()))
      expect(stderr).toContain(
        `and ${formatEther(parseEther(most) - spent)} ETH are left of what may be spent`,
      )
      expect(code).toBe(1)
      expect(await sentBy(1, owner())).toBe(1)
    } finally {
      node.close()
      await ask(1, 'anvil_setNextBlockBaseFeePerGas', '0x3b9aca00')
      await ask(1, 'evm_mine')
    }
  })

  test('to tell the key of an endpoint that quotes it', async () => {
    await fund(1)
    const quotes: string[] = ['eth_sendRawTransaction', 'eth_estimateGas']
    for (const refused of quotes) {
      const node = await listenIn(1, (method) =>
        method === refused
          ? { code: -32000, message: `insufficient funds, says ${node.url} to project ${node.key}` }
          : null,
      )
      const { code, stderr } = await deploy(['--chain', '1', '--rpc', node.url, '--yes'])
      node.close()
      expect(code).toBe(1)
      expect(stderr).toContain('insufficient funds, says ')
      expect(stderr).not.toContain(node.key)
    }
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

  test('without an answer, or for more than it may cost', async () => {
    await fund(1)
    const silent = await deploy(asked(1))
    expect(silent).toMatchObject({ code: 1, stdout: '' })
    expect(silent.stderr).toMatch(
      /about 0\.\d+ ETH .*\nThere is nobody to ask; --yes sends without asking\. Nothing was sent/,
    )
    const dear = await deploy(on(1, '--max-cost', '0.000001'))
    expect(dear).toMatchObject({ code: 1, stdout: '' })
    expect(dear.stderr).toContain('That may be more than --max-cost 0.000001; nothing was sent.')
    const limited = await deploy(on(1), { env: { MAX_FEE_GWEI_ETHEREUM: '0.0001' } })
    expect(limited).toMatchObject({ code: 1, stdout: '' })
    expect(limited.stderr).toMatch(/Ethereum asks [\d.]+ gwei per gas, and MAX_FEE_GWEI allows 0\.0001\./)
    expect(await sentBy(1, owner())).toBe(0)
    const enough = await deployed(on(1, '--max-cost', '0.9'))
    expect(actions(enough)).toEqual(['deploy', 'configure'])
  })

  test('to use a nonce of a lane while a LIVE server works with the same data', async () => {
    await fund(1)
    const dataDir = mkdtempSync(join(folder, 'data-'))
    const env = { DATA_DIR: dataDir }
    const open = () =>
      openDatabase({
        path: join(dataDir, 'live', 'chain-1.sqlite'),
        schema: 'CREATE TABLE IF NOT EXISTS t (x)',
        version: 1,
      })
    const server = open()
    const refused = await deploy(on(1), { env })
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toContain(
      `A LIVE server works with ${dataDir} on Ethereum, and ${owner().address} is one of its lanes`,
    )
    expect(await sentBy(1, owner())).toBe(0)
    // The owner can put the code there as well.
    const cold = new Wallet(Wallet.createRandom().privateKey)
    const handed = await deployed(on(1, '--owner', cold.address), { env })
    expect(handed.transactions).toEqual([])
    expect(handed.calls.map(({ to }) => to)).toEqual([getAddress(DEPLOYER), handed.address, handed.address])
    expect(await sentBy(1, owner())).toBe(0)

    server.close()
    const { address } = await deployed(on(1), { env })
    const again = open()
    expect(await deployed(on(1), { env })).toMatchObject({ address, transactions: [] })
    again.close()
  })

  test('an executor that belongs to someone else, and one that is something else', async () => {
    await fund(1)
    const { address } = await deployed(on(1))
    keys.reverse()
    await fund(1)
    const foreign = await deploy(on(1), { env: { EXECUTOR_ADDRESS: address } })
    expect(foreign.code).toBe(3)
    expect(foreign.stderr).toContain(`belongs to ${keys[2]?.address}, not to ${owner().address}`)
    const other = await deploy(on(1), { env: { EXECUTOR_ADDRESS: addressBook.aave.pool } })
    expect(other.code).toBe(3)
    expect(other.stderr).toContain('is not this version of the executor')
    expect(await sentBy(1, owner())).toBe(0)
  })

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['no chain', ['--json'], {}, 2, /^Usage: titan deploy/],
    ['an unknown chain', ['--chain', '7'], {}, 2, /There is no chain "7"; known are 1 Ethereum, /],
    ['a token that is none', ['--chain', '1', '--sweep', 'DAI'], {}, 2, /^--sweep must be an address/],
    ['an unknown option', ['--chain', '1', '--dry'], {}, 2, /--dry/],
    [
      'an owner that is no address',
      ['--chain', '1', '--owner', '0x12'],
      {},
      2,
      /^--owner must be an address/,
    ],
    [
      'a cost that is no amount',
      ['--chain', '1', '--max-cost', 'low'],
      {},
      2,
      /^--max-cost must be a positive/,
    ],
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
