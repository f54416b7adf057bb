import { readFileSync } from 'node:fs'
import { Interface } from 'ethers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Artifact, compile } from '../../contracts/build.ts'
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc, RpcError } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { LIMITS } from '../../src/config/limits.ts'
import type { Address, FlashSource, Hex, Hop, Signal } from '../../src/domain/signal.ts'
import { failure } from '../../src/errors/failure.ts'
import { createJsonRpc } from '../../src/nodes/jsonRpc.ts'
import { readNodeError } from '../../src/nodes/nodeErrors.ts'
import { createRevertInquiry } from '../../src/nodes/revertInquiry.ts'
import type { JsonRpc } from '../../src/nodes/rpc.ts'
import { createTokenNames } from '../../src/nodes/tokenNames.ts'
import { encodeExecute, type RouteOptions } from '../../src/route/encodeExecute.ts'
import { createDevnetAccount, type DevnetAccount } from '../support/devnetAccount.ts'
import { deployForeign, type ForeignContract } from '../support/foreign/foreignContract.ts'

// What real routers, pools, lenders and tokens say when a trade goes wrong, and what the chain says besides
// where they say nothing, on the frozen world.

const { tokens, uniswapV2, uniswapV3, curve, balancer, aave } = addressBook
const lower = (address: string) => address.toLowerCase() as Hex
const [weth, usdc, dai, susd] = [tokens.weth, tokens.usdc, tokens.dai, tokens.susd].map((t) =>
  lower(t.address),
) as [Hex, Hex, Hex, Hex]
const NOWHERE: Hex = '0x00000000000000000000000000000000000dead1'
const word = (value: number | Hex) =>
  `0x${(typeof value === 'number' ? value.toString(16) : value.slice(2)).padStart(64, '0')}`

type Swap = (tokenIn: Hex, tokenOut: Hex) => Hop
const v2 =
  (router: string = uniswapV2.router): Swap =>
  (tokenIn, tokenOut) => ({ protocol: 0, router: lower(router), tokenIn, tokenOut, extra: '0x' })
const v3 =
  (fee = 3000, router: string = uniswapV3.router): Swap =>
  (tokenIn, tokenOut) => ({ protocol: 1, router: lower(router), tokenIn, tokenOut, extra: word(fee) as Hex })
const crv =
  (i: number, j: number, router: string = curve.susdPool): Swap =>
  (tokenIn, tokenOut) => ({
    protocol: 2,
    router: lower(router),
    tokenIn,
    tokenOut,
    extra: `${word(i)}${word(j).slice(2)}` as Hex,
  })
const coin = (name: 'dai' | 'usdc' | 'usdt' | 'susd') => curve.coins.indexOf(name)

interface Trade {
  readonly source?: FlashSource
  /** Visited in order; the first is the loan token, to which the last swap returns. */
  readonly tokens: readonly [Hex, ...Hex[]]
  readonly amount: bigint
  readonly swaps: readonly Swap[]
  readonly minProfit?: bigint
  readonly options?: RouteOptions
}

let devnet: Devnet
let account: DevnetAccount
/** As the product reads; `asked` are the reads of explanations. */
let rpc: JsonRpc
let asked: string[] = []
let inquire: ReturnType<typeof createRevertInquiry>
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  const endpoint = devnet.chains[0]?.rpc as string
  account = await createDevnetAccount({ rpc: endpoint })
  rpc = createJsonRpc({ endpoints: [endpoint], timeoutMs: 20_000, limits: LIMITS })
  const counted: Pick<JsonRpc, 'call'> = {
    call(method, params, ...rest) {
      asked.push(`${method} ${JSON.stringify(params)}`)
      return rpc.call(method, params, ...rest)
    },
  }
  inquire = createRevertInquiry({
    rpc: counted,
    names: createTokenNames({ rpc: counted, readNodeError }),
    lenders: () => ({ 1: lower(balancer.vault), 2: lower(aave.pool) }),
    limits: { ...LIMITS, explanationMs: 20_000 },
    readNodeError,
    onThrown(error) {
      throw error
    },
  })
}, 120_000)
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const artifact = new URL('../../contracts/artifacts/OmniArbExecutor.json', import.meta.url)
const { deployedBytecode } = JSON.parse(readFileSync(artifact, 'utf8'))
const caller: Hex = '0x00000000000000000000000000000000000a11ce'
const executor: Hex = '0x00000000000000000000000000000000000e4ec0'

const SIGNAL: Signal = {
  signalId: 'x',
  chainId: 1,
  flashSource: 1,
  loanToken: usdc,
  loanAmount: 1n,
  hops: [],
  expectedProfitUsd: 0,
  minProfit: 0n,
  validUntilMs: null,
  maxBlock: null,
  relay: 'public',
  wait: 'none',
}

async function explain({ source = 1, tokens, amount, swaps, minProfit = 0n, options }: Trade) {
  asked = []
  const hops = swaps.map((swap, i) => swap(tokens[i] as Hex, tokens[i + 1] ?? tokens[0]))
  const trade: Signal = {
    ...SIGNAL,
    flashSource: source,
    loanToken: tokens[0],
    loanAmount: amount,
    hops,
    minProfit,
  }
  const state = {
    [word(0)]: word(caller),
    [word(1)]: word(lower(balancer.vault)),
    [word(2)]: word(lower(aave.pool)),
  }
  const call = { from: caller, to: executor, gas: '0x989680', data: encodeExecute(trade, options) }
  try {
    const params = [call, 'latest', { [executor]: { code: deployedBytecode, state } }]
    const rpc = devnet.chains[0]?.rpc as string
    const profit = await callRpc({ rpc, method: 'eth_call', params, timeoutMs: 60_000 })
    return { profit: BigInt(profit as Hex) }
  } catch (cause) {
    if (!(cause instanceof RpcError)) throw cause
    const block = Number(await account.ask<Hex>('eth_blockNumber'))
    return await inquire({ data: cause.data as Hex, signal: trade, block })
  }
}

const thousandUsdc = { tokens: [usdc, weth] as [Hex, Hex], amount: 1_000_000_000n }
const router = `router ${uniswapV2.router}`
const routerV3 = `router ${uniswapV3.router}`
const pool = `pool ${curve.susdPool}`
const USDC = tokens.usdc.address
const WETH = tokens.weth.address
const COINS = curve.coins.map((name, i) => `${i} ${tokens[name].symbol} ${tokens[name].address}`).join(', ')

test('the well-known trade itself earns, so that what follows fails for its own reason', async () => {
  expect(await explain({ ...thousandUsdc, swaps: [v2(), v3()] })).toEqual({ profit: expect.any(BigInt) })
})

test('a losing route says what is missing, with each lender', async () => {
  const swaps = [v2(), v2()]
  const free = await explain({ ...thousandUsdc, swaps })
  const paid = await explain({ ...thousandUsdc, source: 2, swaps })
  if (!('kind' in free && 'kind' in paid)) throw new Error('it did not revert')
  expect(free).toMatchObject({ kind: 'unprofitable', hop: null })
  expect(free.sentence).toMatch(
    /^The route returns 994\.\d+ USDC \(994\d+ base units of 0xA0b8\w+\), and 1000000000 base units are owed\. Missing are 5\.\d+ USDC \(5\d+ base units of 0xA0b8\w+\)\.$/,
  )
  expect(paid.sentence).toContain(
    'and 1000500000 base units are owed: the loan and a premium of 500000 base units.',
  )
  expect((paid.shortfall as bigint) - (free.shortfall as bigint)).toBe(500_000n)
})

test('a profit below the minimum is unprofitable', async () => {
  expect(await explain({ ...thousandUsdc, swaps: [v2(), v3()], minProfit: 10n ** 12n })).toMatchObject({
    kind: 'unprofitable',
    sentence: expect.stringMatching(
      /^The trade earns 26\.\d+ USDC \(\d+ base units of \w+\), less than the min_profit of 1000000 USDC \(1000000000000 base units of \w+\)\.$/,
    ),
  })
})

test('a passed deadline is expired', async () => {
  const options = { deadlineSeconds: 5, consumedId: null }
  expect(await explain({ ...thousandUsdc, swaps: [v2(), v3()], options })).toMatchObject({ kind: 'expired' })
})

test.each<[string, Trade, number | null, string]>([
  [
    'a fee tier without a pool',
    { ...thousandUsdc, swaps: [v2(), v3(12_345)] },
    1,
    `Hop 1 (Uniswap V3, ${routerV3}) reverted without a reason: its factory ${uniswapV3.factory} has no pool of WETH ${WETH} and USDC ${USDC} with fee 12345, but with 500 and 3000.`,
  ],
  [
    'two tokens without a pair',
    { tokens: [usdc, susd], amount: 1_000_000_000n, swaps: [v2(), v2()] },
    0,
    `Hop 0 (Uniswap V2, ${router}) reverted without a reason: its factory ${uniswapV2.factory} has no pair of USDC ${USDC} and sUSD ${tokens.susd.address}.`,
  ],
  [
    'a router without code',
    { ...thousandUsdc, swaps: [v2(NOWHERE), v3()] },
    0,
    "): there is no contract at the router's address.",
  ],
  [
    'a token without code',
    { tokens: [usdc, NOWHERE], amount: 1_000_000_000n, swaps: [v2(), v3()] },
    0,
    `Hop 0 (Uniswap V2, ${router}): there is no contract at the address of its token 0x`,
  ],
  [
    'a loan token without code',
    { tokens: [NOWHERE, weth], amount: 1n, swaps: [v2(), v3()] },
    null,
    "There is no contract at the loan token's address 0x",
  ],
  [
    'a V3 router taken for a V2 router',
    { ...thousandUsdc, swaps: [v2(uniswapV3.router), v3()] },
    0,
    'reverted without a reason: by its code this contract is a Uniswap V3 SwapRouter, whose parameters carry a deadline: that is protocol 1, not 0.',
  ],
  [
    'an amount too small to buy anything',
    { tokens: [weth, usdc], amount: 1n, swaps: [v2(), v3()] },
    0,
    `Hop 0 (Uniswap V2, ${router}) reverted with "UniswapV2: INSUFFICIENT_OUTPUT_AMOUNT": so small an amount buys nothing.`,
  ],
  [
    'an index the Curve pool does not have',
    { tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(coin('dai'), 9), v2()] },
    0,
    `Hop 0 (Curve, ${pool}) reverted without a reason: extras[0] says i 0 and j 9, but the coins of this pool are ${COINS}.`,
  ],
  [
    'the index of another token to take',
    { tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(coin('usdt'), coin('usdc')), v2()] },
    0,
    `Hop 0 (Curve, ${pool}) reverted without a reason: extras[0] says i 2 and j 1, but the coins of this pool are ${COINS}.`,
  ],
  [
    'the index of another token to give',
    { tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(coin('dai'), coin('usdt')), v2()] },
    0,
    `Hop 0 (Curve, ${pool}): the swap went through and gave nothing of ${USDC}; extras[0] says i 0 and j 2, but the coins of this pool are ${COINS}.`,
  ],
  [
    'more than the Balancer vault has',
    { ...thousandUsdc, amount: 10n ** 18n, swaps: [v2(), v3()] },
    null,
    `The flash loan of 1000000000000 USDC (1000000000000000000 base units of ${USDC}) from the Balancer V3 vault reverted with panic 0x11: a number went above its largest or below zero; the Balancer V3 vault has only 3000000 USDC (3000000000000 base units of ${USDC}).`,
  ],
  [
    'more than the Balancer vault can count',
    { ...thousandUsdc, amount: 2n ** 256n - 1n, swaps: [v2(), v3()] },
    null,
    'reverted with SafeCastOverflowedUintToInt: the amount is above 2^255 - 1, the most the vault can count.',
  ],
  [
    'more than the Aave pool has',
    { ...thousandUsdc, source: 2, amount: 10n ** 18n, swaps: [v2(), v3()] },
    null,
    'base units of the token, and 1000000000000000000 are needed; the Aave V3 pool has only ',
  ],
  [
    'more than the Aave pool can compute with',
    { ...thousandUsdc, source: 2, amount: 2n ** 256n - 1n, swaps: [v2(), v3()] },
    null,
    'from the Aave V3 pool reverted without a reason: the Aave V3 pool has only ',
  ],
  [
    'a token Aave does not list',
    { source: 2, tokens: [susd, weth], amount: 10n ** 18n, swaps: [v2(), v3()] },
    null,
    'from the Aave V3 pool reverted with "27": the pool does not lend this token (it is not listed, or not active).',
  ],
])('%s', async (_what, trade, hop, sentence) => {
  const explained = await explain(trade)
  expect(explained).toMatchObject({ hop, kind: 'failed', shortfall: null })
  expect(explained).toHaveProperty('sentence', expect.stringContaining(sentence))
})

/**
 * Sends a transaction of the devnet's deployer, who also administers its lenders, and requires its success.
 */
async function send(to: string, signature: string, ...args: unknown[]) {
  const { rpc } = devnet.chains[0] as { rpc: string }
  const data = new Interface([`function ${signature}`]).encodeFunctionData(signature, args)
  const transaction = { from: addressBook.accounts.deployer, to, data, gas: '0x7a1200' }
  const hash = await callRpc({ rpc, method: 'eth_sendTransaction', params: [transaction], timeoutMs: 60_000 })
  const receipt = () =>
    callRpc({ rpc, method: 'eth_getTransactionReceipt', params: [hash], timeoutMs: 60_000 })
  await expect.poll(receipt, { timeout: 60_000 }).toMatchObject({ status: '0x1' })
}

test.each<[string, () => Promise<void>, Trade, string]>([
  [
    'a pair that holds nothing',
    () => send(uniswapV2.factory, 'createPair(address,address)', usdc, susd),
    { tokens: [usdc, susd], amount: 1_000_000_000n, swaps: [v2(), v2()] },
    `Hop 0 (Uniswap V2, ${router}) reverted with "UniswapV2Library: INSUFFICIENT_LIQUIDITY": the pair holds too little of its tokens.`,
  ],
  [
    'a V3 pool that was never given a price',
    () => send(uniswapV3.factory, 'createPool(address,address,uint24)', usdc, susd, 500),
    { tokens: [usdc, susd], amount: 1_000_000_000n, swaps: [v3(500), v3(500)] },
    `Hop 0 (Uniswap V3, ${routerV3}) reverted with "LOK": the pool is in the middle of another swap, or was never given a price.`,
  ],
  [
    'a token whose flash loans Aave has disabled',
    () => send(aave.poolConfigurator, 'setReserveFlashLoaning(address,bool)', dai, false),
    { source: 2, tokens: [dai, weth], amount: 10n ** 18n, swaps: [v2(), v3()] },
    'from the Aave V3 pool reverted with "91": flash loans of this token are disabled in the pool.',
  ],
  [
    'a token that Aave has paused',
    () => send(aave.poolConfigurator, 'setReservePause(address,bool)', weth, true),
    { source: 2, tokens: [weth, usdc], amount: 10n ** 18n, swaps: [v2(), v3()] },
    'from the Aave V3 pool reverted with "29": the token is paused in the pool.',
  ],
])('%s', async (_what, prepare, trade, sentence) => {
  await prepare()
  expect(await explain(trade)).toHaveProperty('sentence', expect.stringContaining(sentence))
})

/** A trade whose first hop goes through this router. */
const through = (protocol: 0 | 1 | 2, at: Address, path: [Hex, Hex] = [usdc, weth]): Trade => ({
  tokens: path,
  amount: 1_000_000_000n,
  swaps: [{ 0: v2(at), 1: v3(3000, at), 2: crv(0, 1, at) }[protocol], v2()],
})
const foreign = (name: ForeignContract) => () => deployForeign(account, name)
async function double(name: string, ...args: unknown[]): Promise<Address> {
  doubles ??= compile({ files: ['test/CurveDoubles.sol'] })
  const { abi, bytecode } = doubles.get(name) as Artifact
  const data = bytecode + new Interface(abi).encodeDeploy(args).slice(2)
  return (await account.send({ data: data as Hex })).contractAddress as Address
}
let doubles: ReturnType<typeof compile> | undefined
const there = (address: string) => async () => lower(address)
/** A minimal proxy (EIP-1167) in front of it. */
const proxied = (address: string) => async () => {
  const at: Address = '0x00000000000000000000000000000000000bea45'
  await account.ask(
    'anvil_setCode',
    at,
    `0x363d3d373d3d3d363d73${lower(address).slice(2)}5af43d82803e903d91602b57fd5bf3`,
  )
  return at
}

test.each<[string, () => Promise<Address>, 0 | 1 | 2, string, string]>([
  [
    'a SwapRouter02 as protocol 1',
    foreign('swapRouter02'),
    1,
    'a SwapRouter02, whose parameters carry no deadline',
    '',
  ],
  [
    'a SwapRouter02 as protocol 0',
    foreign('swapRouter02'),
    0,
    'a SwapRouter02, whose parameters carry no deadline',
    '',
  ],
  ['an Algebra router', foreign('algebraRouter'), 1, 'an Algebra router, whose pools have no fee tiers', ''],
  [
    'an Algebra Integral router',
    foreign('algebraIntegralRouter'),
    1,
    'an Algebra Integral router, which takes a deployer instead of a fee',
    '',
  ],
  [
    'a Slipstream router',
    foreign('slipstreamRouter'),
    1,
    'a Slipstream router, which takes a tick spacing instead of a fee',
    '',
  ],
  [
    'an Aerodrome router',
    foreign('aerodromeRouter'),
    0,
    'a Velodrome or Aerodrome router, which takes routes instead of a path',
    '',
  ],
  [
    'a double of a Curve pool of uint256 coins',
    () => double('CurveUintDouble', dai, usdc, weth),
    2,
    'a Curve pool of uint256 coins',
    '',
  ],
  [
    'a double of a Curve pool of five arguments',
    () => double('CurveFiveDouble'),
    2,
    'a Curve pool whose exchange takes five arguments',
    '',
  ],
  ['a pair', there(uniswapV2.pairs['weth/usdc'] as string), 0, 'a pair of the Uniswap V2 family', ''],
  ['a V3 pool', there(uniswapV3.pools[1]?.address as string), 1, 'a pool of the Uniswap V3 family', ''],
  ['a quoter', there(uniswapV3.quoter), 1, 'a Uniswap V3 quoter', ''],
  ['a factory', there(uniswapV2.factory), 0, 'a Uniswap V2 factory', ''],
  ['a token', there(tokens.dai.address), 0, 'a token', ''],
  ['a V2 router as protocol 1', there(uniswapV2.router), 1, 'a Uniswap V2 router', 'Send protocols[0] = 0.'],
  ['a V2 router as protocol 2', there(uniswapV2.router), 2, 'a Uniswap V2 router', 'Send protocols[0] = 0.'],
  [
    'a V3 router as protocol 0',
    there(uniswapV3.router),
    0,
    'a Uniswap V3 SwapRouter, whose parameters carry a deadline',
    "Send protocols[0] = 1 and the pool's fee in extras[0].",
  ],
  [
    'a Curve pool as protocol 0',
    there(curve.susdPool),
    0,
    'a Curve pool of int128 coins',
    "Send protocols[0] = 2 and the coins' indices in extras[0].",
  ],
  [
    'a V2 router behind a proxy, as protocol 1',
    proxied(uniswapV2.router),
    1,
    'a Uniswap V2 router',
    'Send protocols[0] = 0.',
  ],
])('%s is named for what it is', async (_what, find, protocol, kind, hint) => {
  const explained = await explain(through(protocol, await find()))
  const usable = hint === '' ? '; no protocol of this server calls that.' : ': that is protocol '
  expect(explained).toMatchObject({
    hop: 0,
    sentence: expect.stringContaining(
      `reverted without a reason: by its code this contract is ${kind}${usable}`,
    ),
    hint: hint === '' ? expect.stringContaining('Give in routers[0] a Uniswap V2 router (protocol 0)') : hint,
    facts: { router_kind: [kind] },
  })
})

test('a contract of no known kind is called that, and one that takes any call and gives nothing is named', async () => {
  const unknown = await explain(through(0, lower(addressBook.multicall3)))
  expect(unknown).toHaveProperty(
    'sentence',
    expect.stringContaining(
      'the code of this contract does not have swapExactTokensForTokens of a Uniswap V2 router, which protocol 0 calls, and it is no other kind of contract that is known here.',
    ),
  )
  // WETH takes every call for a deposit.
  expect(await explain(through(0, weth))).toHaveProperty(
    'sentence',
    expect.stringMatching(/gave nothing of 0xC02a\w+; by its code this contract is a token; no protocol/),
  )
})

describe('the pools of a V3 factory', () => {
  test('empty extras are said to mean 3000, and the fees with a pool are named, 2500 too', async () => {
    await send(uniswapV3.factory, 'enableFeeAmount(uint24,int24)', 2500, 50)
    await send(uniswapV3.factory, 'createPool(address,address,uint24)', dai, susd, 2500)
    const swap: Swap = (tokenIn, tokenOut) => ({ ...v3(3000)(tokenIn, tokenOut), isDefaultExtra: true })
    const trade = { tokens: [dai, susd] as [Hex, Hex], amount: 10n ** 18n, swaps: [swap, v2()] }
    expect(await explain(trade)).toMatchObject({
      sentence: `Hop 0 (Uniswap V3, ${routerV3}) reverted without a reason: its factory ${uniswapV3.factory} has no pool of DAI ${tokens.dai.address} and sUSD ${tokens.susd.address} with fee 3000, which empty extras mean, but with 2500.`,
      hint: 'Send the fee of a pool that is there in extras[0], e.g. "0x0009c4" for 2500.',
      facts: { fee: 3000, fees_with_pool: ['2500'] },
    })
  })

  test('where there is none at all, the fees that were asked for are named', async () => {
    const trade = {
      tokens: [usdc, lower(tokens.usdt.address)] as [Hex, Hex],
      amount: 10n ** 6n,
      swaps: [v3(), v2()],
    }
    expect(await explain(trade)).toHaveProperty(
      'sentence',
      expect.stringContaining(
        'with fee 3000, nor with 50, 100, 200, 250, 300, 400, 500, 2500, 5000 or 10000.',
      ),
    )
  })
})

test('the right indices of a Curve pool are told, and a token that is no coin of it', async () => {
  expect(await explain({ tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(0, 9), v2()] })).toMatchObject({
    hint: `Send i 0 and j 1 in extras[0]: "${word(0)}${word(1).slice(2)}".`,
    facts: { i: 0, j: 1 },
  })
  const foreignCoin = await explain({ tokens: [weth, usdc], amount: 10n ** 15n, swaps: [crv(0, 1), v2()] })
  expect(foreignCoin).toHaveProperty(
    'sentence',
    expect.stringContaining(`: WETH ${WETH} is no coin of this pool, whose coins are ${COINS}.`),
  )
})

test('one unit more of WETH, which reverts without data, than the Aave pool has', async () => {
  const data = new Interface(['function getReserveData(address)']).encodeFunctionData('getReserveData', [
    weth,
  ])
  const reserve = await account.ask<Hex>('eth_call', { to: aave.pool, data }, 'latest')
  const balanceOf = `0x70a08231${reserve.slice(2 + 8 * 64, 2 + 9 * 64)}`
  const has = BigInt(await account.ask<Hex>('eth_call', { to: weth, data: balanceOf }, 'latest'))
  await send(aave.poolConfigurator, 'setReservePause(address,bool)', weth, false)
  const trade = { source: 2 as const, tokens: [weth, usdc] as [Hex, Hex], swaps: [v2(), v3()] }
  const explained = await explain({ ...trade, amount: has + 1n })
  expect(explained).toMatchObject({
    sentence: expect.stringMatching(
      new RegExp(
        `reverted without a reason: the Aave V3 pool has only [\\d.]+ WETH \\(${has} base units of ${WETH}\\)\\.$`,
      ),
    ),
    hint: 'Borrow less, or from another flash source.',
    facts: { lender_has: String(has), loan: String(has + 1n) },
  })
})

test('what is asked is bounded, of one block, and asked once a block', async () => {
  const reads = () => asked.filter((read) => !/0x95d89b41|0x313ce567/.test(read))
  const block = await account.ask<Hex>('eth_blockNumber')
  await explain({ ...thousandUsdc, swaps: [v2(), v3(12_346)] })
  expect(reads().length).toBeGreaterThan(0)
  expect(reads().length).toBeLessThanOrEqual(16)
  for (const read of reads()) expect(read).toContain(block)
  await explain({ ...thousandUsdc, swaps: [v2(), v3(12_346)] })
  expect(reads()).toEqual([])
  await account.ask('anvil_mine', '0x1')
  await explain({ ...thousandUsdc, swaps: [v2(), v3(12_346)] })
  // The code of a router does not change with blocks.
  expect(reads().some((read) => read.startsWith('eth_getCode'))).toBe(false)
  expect(reads().length).toBeGreaterThan(0)
  // A loss says itself what it is.
  await explain({ ...thousandUsdc, swaps: [v2(), v2()] })
  expect(asked).toEqual([])
})

test.each<[string, Pick<JsonRpc, 'call'>['call']]>([
  [
    'does not answer',
    async () => ({ ok: false, kind: 'transport', failure: failure('NODE_TIMEOUT', 'Late.') }),
  ],
  [
    'lacks the block',
    async () => ({ ok: false, kind: 'rpc', error: { code: -32_000, message: 'header not found' } }),
  ],
  ['never answers', () => new Promise(() => {})],
  ['answers nonsense', async () => ({ ok: true, result: { no: 'hex' } })],
])('a node that %s explains nothing, and nothing is guessed', async (_what, call) => {
  const lost: unknown[] = []
  const inquireThere = createRevertInquiry({
    rpc: { call },
    names: createTokenNames({ rpc: { call }, readNodeError }),
    lenders: () => ({ 1: lower(balancer.vault), 2: lower(aave.pool) }),
    limits: { explanationMs: 50, explanationsInFlightMax: 8 },
    readNodeError,
    onThrown: (error) => lost.push(error),
  })
  const hops = [v3(12_347)(usdc, weth), v2()(weth, usdc)]
  const trade: Signal = { ...SIGNAL, loanToken: usdc, loanAmount: 1_000n, hops }
  const data = new Interface(['error HopFailed(uint256,bytes)']).encodeErrorResult('HopFailed', [
    0,
    '0x',
  ]) as Hex
  expect(await inquireThere({ data, signal: trade, block: 7 })).toMatchObject({
    sentence: `Hop 0 (Uniswap V3, ${routerV3}) reverted without a reason.`,
    hint: null,
  })
  expect(await inquireThere({ data: '0x', signal: trade, block: 7 })).toMatchObject({
    sentence: `The flash loan of 1000 base units of ${USDC} from the Balancer V3 vault reverted without a reason.`,
    hint: null,
  })
  expect(lost).toEqual([])
})
