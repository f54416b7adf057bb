import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { probedChain } from '../../test/support/probedChain.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import type { Address } from '../domain/signal.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createPrices } from './prices.ts'

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

test('prices are those of the oracle, with the decimals of the token', async () => {
  const prices = createPrices({ rpc, facts })
  expect(await prices.usdE8(WETH)).toEqual({ priceE8: 300_000_000_000n, decimals: 18 })
  expect(await prices.usdE8(USDC)).toEqual({ priceE8: 100_000_000n, decimals: 6 })
})

test('what the oracle does not price has no price, and neither has anything without an oracle', async () => {
  expect(await createPrices({ rpc, facts }).usdE8(UNLISTED)).toBeNull()
  const callsBefore = asked('eth_call')
  expect(await createPrices({ rpc, facts: { oracle: null } }).usdE8(WETH)).toBeNull()
  expect(asked('eth_call')).toBe(callsBefore)
})

test('an answer that is no number is no price', async () => {
  proxy.interfere = rewriteEach(({ id }) => ({ id, result: `0x${'zz'.repeat(32)}` }))
  expect(await createPrices({ rpc, facts }).usdE8(WETH)).toBeNull()
})

test('a price of zero is none', async () => {
  const prices = createPrices({ rpc, facts })
  proxy.interfere = rewriteEach(({ id }, { params }) =>
    dataOf(params).startsWith('0xb3596f07') ? { id, result: word(0n) } : null,
  )
  expect(await prices.usdE8(WETH)).toBeNull()
})

test('an oracle with another unit is scaled, one that does not count in dollars prices nothing', async () => {
  proxy.interfere = rewriteEach(({ id }, { params }) =>
    dataOf(params) === BASE_CURRENCY_UNIT ? { id, result: word(10n ** 10n) } : null,
  )
  expect(await createPrices({ rpc, facts }).usdE8(WETH)).toEqual({ priceE8: 3_000_000_000n, decimals: 18 })
  proxy.interfere = rewriteEach(({ id }, { params }) =>
    dataOf(params) === BASE_CURRENCY ? { id, result: word(BigInt(WETH)) } : null,
  )
  expect(await createPrices({ rpc, facts }).usdE8(WETH)).toBeNull()
})

test('many who ask cause one reading; later only the price is read again', async () => {
  const prices = createPrices({ rpc, facts, now })
  const before = asked('eth_call')
  await Promise.all(Array.from({ length: 50 }, () => prices.usdE8(WETH)))
  expect(asked('eth_call') - before).toBe(4)
  nowMs += 3_000
  await prices.usdE8(WETH)
  await expect.poll(() => asked('eth_call') - before).toBe(5)
})

test('a node that stops answering leaves a price for a while, then none, and never throws', async () => {
  const prices = createPrices({ rpc, facts, now })
  await prices.usdE8(WETH)
  proxy.interfere = () => ({ kind: 'drop' })
  nowMs += 59_000
  expect(await prices.usdE8(WETH)).toEqual({ priceE8: 300_000_000_000n, decimals: 18 })
  nowMs += 1_000
  expect(await prices.usdE8(WETH)).toBeNull()
  expect(await prices.usdE8(USDC)).toBeNull()
  proxy.interfere = null
  expect(await prices.usdE8(USDC)).toEqual({ priceE8: 100_000_000n, decimals: 6 })
})
