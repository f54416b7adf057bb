import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { createDevnetAccount, type DevnetAccount } from '../../test/support/devnetAccount.ts'
import { type Fault, type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { offerFee } from '../budget/offerFee.ts'
import type { ChainProfile } from '../config/chainConfig.ts'
import { LIMITS } from '../config/limits.ts'
import { effectivePriceWei, type FeeQuote, type MarketFee } from '../domain/fees.ts'
import type { Result } from '../errors/failure.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createFeeOracle } from './feeOracle.ts'

const MIN_TIP = 31_000_007n

let devnet: Devnet
let proxy: RpcProxy
let rpc: JsonRpc
let account: DevnetAccount
let nowMs = 0
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [10] })
  const node = devnet.chains[0]?.rpc as string
  proxy = await startRpcProxy({ target: node })
  rpc = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 20_000, limits: LIMITS })
  account = await createDevnetAccount({ rpc: node })
  for (let sent = 0; sent < 3; sent++) await account.send({ to: account.address, data: '0x' })
}, 120_000)
beforeEach(() => {
  proxy.interfere = null
})
afterAll(async () => {
  await rpc?.close()
  await proxy?.stop()
  await devnet?.stop()
})

const oracle = (chain: Partial<ChainProfile> = {}) =>
  createFeeOracle({
    rpc,
    chain: { feeModel: 'eip1559', minTipWei: MIN_TIP, blockTimeMs: 2_000, ...chain },
    now: () => nowMs,
  })
const asked = (method = 'eth_feeHistory') => proxy.methods.get(method) ?? 0
const failAll = (): Fault => ({ kind: 'answer', status: 503, body: '' })
const codeOf = (result: Result<MarketFee>) => (result.ok ? 'OK' : result.failure.code)

async function marketOf(fees: ReturnType<typeof oracle>): Promise<MarketFee> {
  const current = await fees.current()
  if (!current.ok) throw new Error(current.failure.sentence)
  return current.value
}

describe('a reading', () => {
  test('of a real node prices a transaction into the next block', async () => {
    const market = await marketOf(oracle())
    const block = (await account.ask('eth_getBlockByNumber', 'pending', false)) as { baseFeePerGas: string }
    expect(market.baseFeeWei).toBe(BigInt(block.baseFeePerGas))
    expect(effectivePriceWei(market)).toBeGreaterThanOrEqual(market.baseFeeWei + MIN_TIP)
  })

  test('asks eth_feeHistory, or the gas price where the fee model goes by that', async () => {
    const price = BigInt(await account.ask<string>('eth_gasPrice'))
    const before = asked()
    expect((await marketOf(oracle({ feeModel: 'no-tip' }))).quote).toEqual({
      type: 2,
      maxFeePerGas: 2n * price,
      maxPriorityFeePerGas: 0n,
    })
    expect((await marketOf(oracle({ feeModel: 'legacy' }))).quote).toMatchObject({ type: 0 })
    expect(asked()).toBe(before)
  })

  test('goes by the gas price where the node does not know eth_feeHistory', async () => {
    const error = { code: -32601, message: 'the method eth_feeHistory does not exist' }
    proxy.interfere = rewriteEach(({ id }, { method }) =>
      method === 'eth_feeHistory' ? { jsonrpc: '2.0', id, error } : null,
    )
    expect((await marketOf(oracle())).quote).toMatchObject({ type: 0 })
  })
})

describe('how often the node is asked', () => {
  test('once for all who ask at a head, and not while nobody asks', async () => {
    const fees = oracle()
    const before = asked()
    for (let head = 0; head < 4; head++) fees.onHead()
    expect(asked()).toBe(before)
    const all = await Promise.all(Array.from({ length: 50 }, () => fees.current()))
    for (let count = 0; count < 10; count++) await fees.current()
    expect(new Set(all.map(codeOf))).toEqual(new Set(['OK']))
    expect(asked() - before).toBe(1)
  })

  test('once more after a head, and meanwhile the reading before serves', async () => {
    const fees = oracle()
    const first = await marketOf(fees)
    const held = Promise.withResolvers<void>()
    proxy.interfere = () => ({ kind: 'hold', until: held.promise })
    const before = asked()
    nowMs += 250
    fees.onHead()
    expect(await marketOf(fees)).toBe(first)
    fees.onHead()
    expect(await marketOf(fees)).toBe(first)
    // Three blocks behind it serves no more.
    fees.onHead()
    const waiting = fees.current()
    held.resolve()
    expect(codeOf(await waiting)).toBe('OK')
    expect(asked() - before).toBe(1)
  })

  test('not within a quarter of a second, however many blocks a node makes on demand', async () => {
    const fees = oracle()
    const first = await marketOf(fees)
    const before = asked()
    nowMs += 249
    for (let head = 0; head < 40; head++) fees.onHead()
    expect(await marketOf(fees)).toBe(first)
    expect(asked()).toBe(before)
    nowMs += 1
    await fees.current()
    expect(asked() - before).toBe(1)
  })

  test('again without heads, once the reading is three blocks old', async () => {
    const fees = oracle()
    await fees.current()
    const before = asked()
    nowMs += 5_999
    await fees.current()
    expect(asked() - before).toBe(0)
    nowMs += 1
    await fees.current()
    expect(asked() - before).toBe(1)
  })
})

describe('a node that fails', () => {
  test('is a failure as a value, and asked again at the next head or a second later', async () => {
    const fees = oracle()
    proxy.interfere = failAll
    const before = asked()
    expect(codeOf(await fees.current())).toBe('NODE_UNAVAILABLE')
    const perReading = asked() - before
    expect(codeOf(await fees.current())).toBe('NODE_UNAVAILABLE')
    expect(asked() - before).toBe(perReading)
    proxy.interfere = null
    expect(codeOf(await fees.current())).toBe('NODE_UNAVAILABLE')
    fees.onHead()
    expect(codeOf(await fees.current())).toBe('OK')

    const other = oracle()
    proxy.interfere = failAll
    await other.current()
    proxy.interfere = null
    nowMs += 1_000
    expect(codeOf(await other.current())).toBe('OK')
  })

  test('does not take away a reading that is young enough', async () => {
    const fees = oracle()
    const first = await marketOf(fees)
    proxy.interfere = failAll
    nowMs += 250
    fees.onHead()
    expect(await marketOf(fees)).toBe(first)
    fees.onHead()
    expect(await marketOf(fees)).toBe(first)
    fees.onHead()
    expect(codeOf(await fees.current())).toBe('NODE_UNAVAILABLE')
  })

  test.each([
    ['nonsense', { baseFeePerGas: 'a lot' }],
    ['nothing', null],
  ])('an answer of %s with a gas price of nothing is NODE_UNAVAILABLE', async (_case, result) => {
    proxy.interfere = rewriteEach((reply, { method }) => ({
      ...reply,
      result: method === 'eth_feeHistory' ? result : '0x0',
    }))
    const current = await oracle().current()
    expect(current).toMatchObject({
      failure: { code: 'NODE_UNAVAILABLE', sentence: expect.stringContaining('what gas costs') },
    })
  })
})

test('a real mempool takes one bump after another, from a tip of nothing on', async () => {
  const node = devnet.chains[0]?.rpc as string
  const ask = (method: string, ...params: unknown[]) =>
    callRpc({ rpc: node, method, params, timeoutMs: 20_000 })
  const market = await marketOf(oracle())
  await ask('evm_setAutomine', false)
  const nonce = await ask('eth_getTransactionCount', account.address, 'latest')
  const send = (fee: FeeQuote) =>
    ask('eth_sendTransaction', {
      from: account.address,
      to: account.address,
      nonce,
      gas: '0x5208',
      ...(fee.type === 2 && {
        maxFeePerGas: `0x${fee.maxFeePerGas.toString(16)}`,
        maxPriorityFeePerGas: `0x${fee.maxPriorityFeePerGas.toString(16)}`,
      }),
    })
  const tried: FeeQuote[] = [{ type: 2, maxFeePerGas: 2n * market.baseFeeWei, maxPriorityFeePerGas: 0n }]
  await send(tried[0] as FeeQuote)
  let last: unknown
  for (let bump = 0; bump < 5; bump++) {
    const quote: FeeQuote = { type: 2, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n }
    const offer = offerFee({ tried, quote, baseFeeWei: 0n, allowedWei: 10n ** 30n, mayWait: false })
    if (offer.kind === 'too_dear') throw new Error('No higher fee is offered.')
    last = await send(offer.fee)
    tried.push(offer.fee)
  }
  await ask('anvil_mine', '0x1')
  await ask('evm_setAutomine', true)
  expect(tried.map((fee) => fee.type === 2 && fee.maxPriorityFeePerGas)).toEqual([0n, 1n, 2n, 3n, 4n, 5n])
  expect(await ask('eth_getTransactionReceipt', last)).toMatchObject({ status: '0x1' })
})
