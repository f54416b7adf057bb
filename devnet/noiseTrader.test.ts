import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import {
  type Abi,
  type Address,
  encodeAbiParameters,
  encodeDeployData,
  encodeFunctionData,
  type Hex,
  parseAbiParameters,
} from 'viem'
import { expect, onTestFinished, test, vi } from 'vitest'
import { addressBook } from './addressBook.ts'
import { callRpc } from './callRpc.ts'
import { noisePools, readPool } from './moveToPrice.ts'
import { type NoiseRound, startNoiseTrader } from './noiseTrader.ts'
import { startDevnet } from './startDevnet.ts'

const { tokens, uniswapV2, curve, aave, balancer, accounts } = addressBook
const { weth, dai, usdc } = tokens

function call(rpc: string, method: string, ...params: unknown[]): Promise<unknown> {
  return callRpc({ rpc, method, params, timeoutMs: 30_000 })
}

async function startChain(port?: number) {
  const devnet = await startDevnet({ chainIds: [1], ...(port === undefined ? {} : { port }) })
  onTestFinished(() => devnet.stop())
  return { rpc: devnet.chains[0]?.rpc ?? '', stop: devnet.stop }
}

async function runRounds(options: {
  rpc: string
  seed: number
  rounds: number
  afterRound?: (round: NoiseRound) => Promise<void>
}): Promise<NoiseRound[]> {
  const done: NoiseRound[] = []
  await new Promise<void>((resolve, reject) => {
    const trader = startNoiseTrader({
      rpc: options.rpc,
      seed: options.seed,
      intervalMs: 0,
      onRound: async (round) => {
        done.push(round)
        await options.afterRound?.(round)
        if (round.round === options.rounds) void trader.stop().then(resolve)
      },
      onError: reject,
    })
  })
  return done
}

/** What WETH costs in each pool, in dollars. */
async function prices(rpc: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const { name, address, stable, fee } of noisePools) {
    const { address: stableAddress, decimals } = tokens[stable]
    const wethIsToken0 = weth.address.toLowerCase() < stableAddress.toLowerCase()
    const method = fee === undefined ? 'getReserves' : 'slot0'
    const data = readPool.encodeFunctionData(method)
    const answer = (await call(rpc, 'eth_call', { to: address, data }, 'latest')) as Hex
    const [first, second] = readPool.decodeFunctionResult(method, answer)
    const ratio = fee === undefined ? Number(second) / Number(first) : (Number(first) / 2 ** 96) ** 2
    found[name] = (wethIsToken0 ? ratio : 1 / ratio) * 10 ** (18 - decimals)
  }
  return found
}

type Hop = readonly [protocol: number, router: Address, tokenOut: Address, extra: Hex]

/** Every way from a stablecoin through WETH and back over two different pools, and over three with DAI to USDC last. */
function routes(): { name: string; hops: Hop[]; token: Address; amount: bigint }[] {
  const v3 = (fee: number) => encodeAbiParameters(parseAbiParameters('uint24'), [fee])
  const coins = encodeAbiParameters(parseAbiParameters('int128, int128'), [0n, 1n])
  const into = (name: string, router: Address, fee: number | undefined) => (tokenOut: Address) => ({
    name,
    hop: (fee === undefined ? [0, router, tokenOut, '0x'] : [1, router, tokenOut, v3(fee)]) as Hop,
  })
  const usdcPools = noisePools.filter((p) => p.stable === 'usdc').map((p) => into(p.name, p.router, p.fee))
  const daiPools = noisePools.filter((p) => p.stable === 'dai').map((p) => into(p.name, p.router, p.fee))
  const lasts = [
    { name: 'uniswapV2 dai/usdc', hop: [0, uniswapV2.router, usdc.address, '0x'] as Hop },
    { name: 'curve dai/usdc', hop: [2, curve.susdPool, usdc.address, coins] as Hop },
  ]
  const paths = usdcPools.flatMap((first) => [
    ...usdcPools
      .filter((second) => second !== first)
      .map((second) => [first(weth.address), second(usdc.address)]),
    ...daiPools.flatMap((second) => lasts.map((last) => [first(weth.address), second(dai.address), last])),
  ])
  return paths.map((path) => ({
    name: path.map(({ name }) => name).join(' > '),
    hops: path.map(({ hop }) => hop),
    token: usdc.address,
    amount: 1_000n * 10n ** 6n,
  }))
}

test('routes over two and over three pools come to pay and cease to, again and again; no pool drains', async () => {
  const { rpc } = await startChain()
  const artifact = new URL('../contracts/artifacts/OmniArbExecutor.json', import.meta.url)
  const executor = JSON.parse(readFileSync(artifact, 'utf8')) as { abi: Abi; bytecode: Hex }
  const from = accounts.deployer
  const send = async (transaction: { to?: Address; data: Hex }) => {
    const hash = await call(rpc, 'eth_sendTransaction', { from, gas: '0x7a1200', ...transaction })
    for (;;) {
      const receipt = (await call(rpc, 'eth_getTransactionReceipt', hash)) as {
        contractAddress: Address
      } | null
      if (receipt) return receipt
    }
  }
  const { contractAddress: to } = await send({ data: encodeDeployData({ ...executor, args: [from] }) })
  const encode = (functionName: string, args: unknown[]) =>
    encodeFunctionData({ abi: executor.abi, functionName, args })
  await send({ to, data: encode('configure', [balancer.vault, aave.pool]) })
  const candidates = routes().map(({ name, hops, token, amount }) => {
    const columns = [0, 1, 2, 3].map((column) => hops.map((hop) => hop[column]))
    const route = encodeAbiParameters(
      parseAbiParameters('uint8[], address[], address[], bytes[]'),
      columns as never,
    )
    return { name, length: hops.length, data: encode('execute', [1, token, amount, route]) }
  })
  const roundsThatPay = { 2: 0, 3: 0 }
  let opened = 0
  let closed = 0
  let before = new Set<string>()

  await runRounds({
    rpc,
    seed: 7,
    rounds: 40,
    afterRound: async ({ pool, priceUsd }) => {
      // The round did what it says, to a thousandth ...
      const now = await prices(rpc)
      expect((now[pool] as number) / (Number(priceUsd) / 1e8)).toBeCloseTo(1, 3)
      // ... and no pool has left the band.
      for (const price of Object.values(now)) expect(Math.abs(price / 3_000 - 1)).toBeLessThan(0.036)

      const pays = new Set<string>()
      for (const { name, length, data } of candidates) {
        const paid = await call(rpc, 'eth_call', { from, to, data }, 'latest').catch(() => undefined)
        if (paid !== undefined) pays.add(`${length} ${name}`)
      }
      for (const length of [2, 3] as const) {
        if ([...pays].some((name) => name.startsWith(`${length} `))) roundsThatPay[length]++
      }
      opened += [...pays].filter((name) => !before.has(name)).length
      closed += [...before].filter((name) => !pays.has(name)).length
      before = pays
    },
  })
  expect(roundsThatPay[2]).toBeGreaterThan(30)
  expect(roundsThatPay[3]).toBeGreaterThan(30)
  expect(opened).toBeGreaterThan(40)
  expect(closed).toBeGreaterThan(40)
})

test('the same seed moves the same pools to the same prices, another seed does not', async () => {
  const [one, two, three] = await Promise.all([startChain(), startChain(), startChain()])
  const seeds = [
    { ...one, seed: 11 },
    { ...two, seed: 11 },
    { ...three, seed: 12 },
  ]
  const [first, again, other] = await Promise.all(
    seeds.map(async ({ rpc, seed }) => {
      const rounds = await runRounds({ rpc, seed, rounds: 12 })
      return { rounds: rounds.map(({ pool, priceUsd }) => ({ pool, priceUsd })), prices: await prices(rpc) }
    }),
  )
  expect(again).toEqual(first)
  expect(other?.rounds).not.toEqual(first?.rounds)
})

test('brings back a pool that others have moved far, and tops up its own tokens', async () => {
  const { rpc } = await startChain()
  // Someone sells 400 WETH into one pool: its price falls by more than half.
  const pool = 'uniswapV2 weth/usdc'
  const seller = accounts.deployer
  const swap = encodeFunctionData({
    abi: [
      {
        type: 'function',
        name: 'swapExactETHForTokens',
        stateMutability: 'payable',
        inputs: [{ type: 'uint256' }, { type: 'address[]' }, { type: 'address' }, { type: 'uint256' }],
        outputs: [{ type: 'uint256[]' }],
      },
    ],
    args: [0n, [weth.address, usdc.address], seller, 99_999_999_999n],
  })
  const value = `0x${(400n * 10n ** 18n).toString(16)}`
  await call(rpc, 'eth_sendTransaction', {
    from: seller,
    to: uniswapV2.router,
    data: swap,
    value,
    gas: '0xf4240',
  })
  await vi.waitFor(async () => expect((await prices(rpc))[pool]).toBeLessThan(1_500))

  await runRounds({ rpc, seed: 3, rounds: 100 })
  expect((await prices(rpc))[pool]).toBeGreaterThan(2_900)
})

test('goes on after the node was away, and after it started anew', async () => {
  const first = await startChain()
  const port = Number(new URL(first.rpc).port)
  const rounds: NoiseRound[] = []
  const errors: unknown[] = []
  const trader = startNoiseTrader({
    rpc: first.rpc,
    intervalMs: 20,
    onRound: (round) => void rounds.push(round),
    onError: (cause) => void errors.push(cause),
  })
  onTestFinished(() => trader.stop())
  const patience = { timeout: 30_000, interval: 20 }
  await vi.waitFor(() => expect(rounds.length).toBeGreaterThan(2), patience)
  await first.stop()
  await vi.waitFor(() => expect(errors.length).toBeGreaterThan(2), patience)
  const before = rounds.length
  const second = await startChain(port)
  expect(second.rpc).toBe(first.rpc)
  await vi.waitFor(() => expect(rounds.length).toBeGreaterThan(before + 2), patience)
})

test('stops when asked, when its signal says so, and when nobody answers', async () => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close().closeAllConnections())
  const { port } = silent.address() as { port: number }
  const { rpc } = await startChain()

  const trader = startNoiseTrader({ rpc, intervalMs: 3_600_000 })
  await trader.stop()
  await trader.stop()
  const controller = new AbortController()
  const signalled = startNoiseTrader({ rpc, intervalMs: 3_600_000, signal: controller.signal })
  controller.abort()
  await signalled.stop()
  await startNoiseTrader({ rpc: `http://127.0.0.1:${port}` }).stop()
})

test('does not trade on a node that is no devnet', async () => {
  const answers = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      methods.push(JSON.parse(body).method)
      response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: '0x' }))
    })
  }).listen(0, '127.0.0.1')
  const methods: string[] = []
  await once(answers, 'listening')
  onTestFinished(() => void answers.close().closeAllConnections())
  const { port } = answers.address() as { port: number }
  const cause = await new Promise((resolve) => {
    const trader = startNoiseTrader({
      rpc: `http://127.0.0.1:${port}`,
      intervalMs: 3_600_000,
      onError: (error) => void trader.stop().then(() => resolve(error)),
    })
  })
  expect(String(cause)).toMatch(/devnets only/)
  expect(methods).toEqual(['eth_getCode'])
})
