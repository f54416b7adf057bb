import { readFileSync } from 'node:fs'
import { Interface } from 'ethers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { callRpc, RpcError } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import type { FlashSource, Hex, Hop, Signal } from '../../src/domain/signal.ts'
import { explainRevert } from '../../src/nodes/revertReasons.ts'
import { encodeExecute, type RouteOptions } from '../../src/route/encodeExecute.ts'

// What real routers, pools, lenders and tokens say when a trade goes wrong, on the frozen world.

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
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
}, 120_000)
afterAll(() => devnet?.stop())

const artifact = new URL('../../contracts/artifacts/OmniArbExecutor.json', import.meta.url)
const { deployedBytecode } = JSON.parse(readFileSync(artifact, 'utf8'))
const caller: Hex = '0x00000000000000000000000000000000000a11ce'
const executor: Hex = '0x00000000000000000000000000000000000e4ec0'

async function explain({ source = 1, tokens, amount, swaps, minProfit = 0n, options }: Trade) {
  const hops = swaps.map((swap, i) => swap(tokens[i] as Hex, tokens[i + 1] ?? tokens[0]))
  const trade: Signal = {
    signalId: 'x',
    chainId: 1,
    flashSource: source,
    loanToken: tokens[0],
    loanAmount: amount,
    hops,
    expectedProfitUsd: 0,
    minProfit,
    validUntilMs: null,
    maxBlock: null,
    relay: 'public',
    wait: 'none',
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
    return explainRevert({ data: cause.data as Hex, signal: trade })
  }
}

const thousandUsdc = { tokens: [usdc, weth] as [Hex, Hex], amount: 1_000_000_000n }
const router = `router ${uniswapV2.router}`
const routerV3 = `router ${uniswapV3.router}`
const pool = `pool ${curve.susdPool}`
const USDC = tokens.usdc.address
const WETH = tokens.weth.address

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
    /^The route returns \d+ base units of 0xA0b8\w+ and 1000000000 are owed: \d+ are missing\.$/,
  )
  expect(paid.sentence).toContain('and 1000500000 are owed (the loan and a premium of 500000)')
  expect((paid.shortfall as bigint) - (free.shortfall as bigint)).toBe(500_000n)
})

test('a profit below the minimum is unprofitable', async () => {
  expect(await explain({ ...thousandUsdc, swaps: [v2(), v3()], minProfit: 10n ** 12n })).toMatchObject({
    kind: 'unprofitable',
    sentence: expect.stringMatching(
      /^The trade earns \d+ base units of \w+, less than the min_profit of 1000000000000\.$/,
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
    `Hop 1 (Uniswap V3, ${routerV3}) reverted without a reason, as a Uniswap V3 router does when there is no pool of ${WETH} and ${USDC} with fee 12345.`,
  ],
  [
    'two tokens without a pair',
    { tokens: [usdc, susd], amount: 1_000_000_000n, swaps: [v2(), v2()] },
    0,
    `Hop 0 (Uniswap V2, ${router}) reverted without a reason, as a Uniswap V2 router does when its factory has no pair of ${USDC}`,
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
    'reverted without a reason, as a Uniswap V2 router does',
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
    `Hop 0 (Curve, ${pool}) reverted without a reason, as a Curve pool does when its coins i and j are not ${tokens.dai.address} and ${USDC}.`,
  ],
  [
    'the index of another token to take',
    { tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(coin('usdt'), coin('usdc')), v2()] },
    0,
    `Hop 0 (Curve, ${pool}) reverted without a reason`,
  ],
  [
    'the index of another token to give',
    { tokens: [dai, usdc], amount: 10n ** 18n, swaps: [crv(coin('dai'), coin('usdt')), v2()] },
    0,
    `Hop 0 (Curve, ${pool}): the swap went through and gave nothing of ${USDC}.`,
  ],
  [
    'more than the Balancer vault has',
    { ...thousandUsdc, amount: 10n ** 18n, swaps: [v2(), v3()] },
    null,
    `The flash loan of 1000000000000000000 base units of ${USDC} from the Balancer V3 vault reverted with panic 0x11: a number went above its largest or below zero, as in the Balancer V3 vault when a loan is larger than what it has of the token.`,
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
    'base units of the token, and 1000000000000000000 are needed.',
  ],
  [
    'more than the Aave pool can compute with',
    { ...thousandUsdc, source: 2, amount: 2n ** 256n - 1n, swaps: [v2(), v3()] },
    null,
    'from the Aave V3 pool reverted without a reason, as it does when the gas runs out or the amount is too large',
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
