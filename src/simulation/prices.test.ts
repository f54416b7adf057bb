import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { probedChain } from '../../test/support/probedChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import type { Address } from '../domain/signal.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import { readNodeError } from '../nodes/nodeErrors.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createPrices, type Prices } from './prices.ts'

const lower = (address: string) => address.toLowerCase() as Address
const WETH = lower(addressBook.tokens.weth.address)
const USDC = lower(addressBook.tokens.usdc.address)
const UNLISTED: Address = '0x00000000000000000000000000000000000e3b77'
const BASE_CURRENCY = '0xe19f4700'
const BASE_CURRENCY_UNIT = '0x8c89b64f'

let devnet: Devnet
let proxy: RpcProxy
let rpc: JsonRpc
let facts: ChainFacts
let nowMs = 1_000
const now = () => nowMs

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
}, 120_000)
afterAll(() => devnet?.stop())
beforeEach(async () => {
  proxy = await startRpcProxy({ target: devnet.chains[0]?.rpc as string })
  const probed = await probedChain({ chainId: 1, endpoint: proxy.url, timeoutMs: 5_000 })
  rpc = probed.rpc
  facts = probed.facts
})
afterEach(async () => {
  await rpc.close()
  await proxy.stop()
})

const asked = (method: string) => proxy.methods.get(method) ?? 0
const word = (value: bigint) => `0x${value.toString(16).padStart(64, '0')}`
const dataOf = (params: readonly unknown[]) => (params[0] as { data?: string } | undefined)?.data ?? ''

const open = (over: Partial<Pick<ChainFacts, 'oracle'>> = {}): Prices =>
  createPrices({ rpc, facts: () => ({ ...facts, ...over }), readNodeError, now })
const ETHER = { kind: 'known', priceE8: 300_000_000_000n, decimals: 18 }
const DOLLAR = { kind: 'known', priceE8: 100_000_000n, decimals: 6 }
const NONE = { kind: 'none', why: expect.any(String) }
const UNREAD = { kind: 'unread', failure: { code: 'NODE_UNAVAILABLE' } }
/** The proxy answers calls with this data itself. */
const answer = (data: string, reply: object) => {
  proxy.interfere = rewriteEach(({ id }, { params }) =>
    dataOf(params).startsWith(data) ? { id, ...reply } : null,
  )
}

test('prices are those of the oracle, with the decimals of the token', async () => {
  const prices = open()
  expect(await prices.usdE8(WETH)).toEqual(ETHER)
  expect(await prices.usdE8(USDC)).toEqual(DOLLAR)
})

test('what the oracle does not price has no price, and neither has anything without an oracle', async () => {
  expect(await open().usdE8(UNLISTED)).toEqual({
    kind: 'none',
    why: `The price oracle of this chain has no price of ${UNLISTED}.`,
  })
  const callsBefore = asked('eth_call')
  expect(await open({ oracle: null }).usdE8(WETH)).toEqual({
    kind: 'none',
    why: 'This chain has no price oracle (of Aave V3).',
  })
  expect(asked('eth_call')).toBe(callsBefore)
})

test.each([
  ['a price of zero', '0xb3596f07', { result: word(0n) }],
  ['a revert of the oracle', '0xb3596f07', { error: { code: 3, message: 'execution reverted', data: '0x' } }],
  ['a token without decimals', '0x313ce567', { error: { code: -32000, message: 'execution reverted' } }],
  ['an empty answer', '0x313ce567', { result: '0x' }],
])('%s is knowledge: there is no price', async (_, data, reply) => {
  answer(data, reply)
  expect(await open().usdE8(WETH)).toEqual(NONE)
})

test.each([
  ['header not found', { error: { code: -32000, message: 'header not found' } }],
  ['a rate limit', { error: { code: -32005, message: 'too many requests' } }],
  ['missing trie node', { error: { code: -32000, message: 'missing trie node 1f (path )' } }],
  ['an internal error', { error: { code: -32603, message: 'Internal error' } }],
  ['no number', { result: `0x${'zz'.repeat(32)}` }],
  ['null', { result: null }],
])('%s is no answer of the chain: the price is unread, and nothing of it is kept', async (_, reply) => {
  for (const data of ['0xb3596f07', '0x313ce567', BASE_CURRENCY, BASE_CURRENCY_UNIT]) {
    const prices = open()
    answer(data, reply)
    expect(await prices.usdE8(WETH)).toMatchObject(UNREAD)
    proxy.interfere = null
    // An endpoint that has asked for fewer requests is left alone for a moment.
    await expect.poll(() => prices.usdE8(WETH), { timeout: 10_000 }).toEqual(ETHER)
  }
})

test('an unread price says which token and what the node said', async () => {
  answer('0xb3596f07', { error: { code: -32000, message: 'header not found' } })
  const sentence = `The price of ${USDC} could not be read. The RPC endpoint ${new URL(proxy.url).host} answered with an error: header not found (-32000).`
  expect(await open().usdE8(USDC)).toMatchObject({ failure: { sentence, facts: { token: USDC } } })
})

test('an oracle with another unit is scaled, one that does not count in dollars prices nothing', async () => {
  answer(BASE_CURRENCY_UNIT, { result: word(10n ** 10n) })
  expect(await open().usdE8(WETH)).toEqual({ kind: 'known', priceE8: 3_000_000_000n, decimals: 18 })
  answer(BASE_CURRENCY, { result: word(BigInt(WETH)) })
  expect(await open().usdE8(WETH)).toEqual(NONE)
})

test('a wrong answer about the unit is not kept for ever', async () => {
  const prices = open()
  answer(BASE_CURRENCY, { error: { code: 3, message: 'execution reverted' } })
  expect(await prices.usdE8(WETH)).toEqual(NONE)
  proxy.interfere = null
  nowMs += 61_000
  const later = () => {
    nowMs += 3_000
    return prices.usdE8(WETH)
  }
  await expect.poll(later, { timeout: 10_000 }).toEqual(ETHER)
})

test('many who ask cause one reading; later only the price is read again', async () => {
  const prices = open()
  const before = asked('eth_call')
  await Promise.all(Array.from({ length: 50 }, () => prices.usdE8(WETH)))
  expect(asked('eth_call') - before).toBe(4)
  nowMs += 3_000
  await prices.usdE8(WETH)
  await expect.poll(() => asked('eth_call') - before).toBe(5)
})

test('facts of a later probe leave what was read; an oracle that has moved does not', async () => {
  let found = { ...facts }
  const prices = createPrices({ rpc, facts: () => found, readNodeError, now })
  await prices.usdE8(WETH)
  const before = asked('eth_call')
  found = { ...facts, head: facts.head + 7 }
  expect(await prices.usdE8(WETH)).toEqual(ETHER)
  expect(asked('eth_call')).toBe(before)
  found = { ...facts, oracle: UNLISTED }
  expect(await prices.usdE8(WETH)).toEqual(NONE)
})

test('the coin that gas is paid in is remembered however many tokens clients name', async () => {
  const prices = open()
  await prices.usdE8(WETH)
  const tokens = Array.from(
    { length: 1_001 },
    (_, n): Address => `0x${(n + 1).toString(16).padStart(40, '0')}`,
  )
  await Promise.all(tokens.map((token) => prices.usdE8(token)))
  const before = asked('eth_call')
  expect(await prices.usdE8(WETH)).toEqual(ETHER)
  expect(asked('eth_call')).toBe(before)
})

test('a node that stops answering leaves a price for a while, then it is unread; nothing throws', async () => {
  const prices = open()
  await prices.usdE8(WETH)
  proxy.interfere = () => ({ kind: 'drop' })
  nowMs += 59_000
  expect(await prices.usdE8(WETH)).toEqual(ETHER)
  nowMs += 1_000
  expect(await prices.usdE8(WETH)).toMatchObject(UNREAD)
  expect(await prices.usdE8(USDC)).toMatchObject(UNREAD)
  // The books take the newest that was read; where none was, there is none.
  expect(await prices.newestUsdE8(WETH)).toEqual(ETHER)
  expect(await prices.newestUsdE8(USDC)).toMatchObject(UNREAD)
  proxy.interfere = null
  expect(await prices.usdE8(USDC)).toEqual(DOLLAR)
})
