import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import {
  type Fault,
  type RpcProxy,
  rewriteEach,
  type SeenPayload,
  startRpcProxy,
} from '../../test/support/rpcProxy.ts'
import { createJsonRpc, type RpcLimits } from './jsonRpc.ts'
import type { JsonRpc, RpcOutcome, RpcRequest } from './rpc.ts'

const LIMITS: RpcLimits = { rpcBatchMax: 24, rpcBatchesInFlightMax: 3, rpcResponseBytesMax: 2_000_000 }
const CHAIN_ID = 137
const ADDRESS = '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48'

let devnet: Devnet
let node: string
let proxy: RpcProxy
const clients: JsonRpc[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [CHAIN_ID] })
  node = devnet.chains[0]?.rpc as string
}, 120_000)
afterAll(() => devnet?.stop())
beforeEach(async () => {
  proxy = await startRpcProxy({ target: node })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await proxy.stop()
})

function client(options: Partial<Parameters<typeof createJsonRpc>[0]> = {}): JsonRpc {
  const made = createJsonRpc({
    endpoints: [proxy.url],
    timeoutMs: 20_000,
    limits: LIMITS,
    ...options,
  })
  clients.push(made)
  return made
}
const asked = (method: string) => proxy.methods.get(method) ?? 0
const codeOf = (outcome: RpcOutcome) =>
  outcome.ok ? 'OK' : outcome.kind === 'rpc' ? `RPC ${outcome.error.code}` : outcome.failure.code
const sentenceOf = (outcome: RpcOutcome) =>
  !outcome.ok && outcome.kind === 'transport' ? outcome.failure.sentence : null
const balances = (rpc: JsonRpc, count: number, weight: 'heavy' | 'light' = 'light') =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      rpc.call('eth_getBalance', [`0x${(index + 1).toString(16).padStart(40, '0')}`, 'latest'], weight),
    ),
  )
const has = (method: string) => (payload: SeenPayload) => payload.methods.includes(method)

describe('calls', () => {
  test('gives back results and the errors of the node as they are', async () => {
    const rpc = client()
    const [chainId, code, reverted] = await Promise.all([
      rpc.call('eth_chainId', []),
      rpc.call('eth_getCode', `["${ADDRESS}","latest"]`),
      rpc.call('eth_getBalance', ['nonsense', 'latest']),
    ])
    expect(chainId).toEqual({ ok: true, result: '0x89' })
    expect(code.ok && String(code.result).length).toBeGreaterThan(1_000)
    expect(reverted).toMatchObject({ ok: false, kind: 'rpc', error: { code: -32602 } })
    expect(proxy.payloadSizes).toHaveLength(3) // spread over the free places
  })

  test('collects the calls of one tick into few payloads of bounded size', async () => {
    const outcomes = await balances(client(), 100)
    expect(outcomes.map(codeOf)).toEqual(Array(100).fill('OK'))
    expect(Math.max(...proxy.payloadSizes)).toBe(24)
    expect(proxy.payloadSizes.length).toBeLessThanOrEqual(6)
  })

  test('keeps no more heavy batches open than allowed, and lets a light call past them', async () => {
    const rpc = client({ timeoutMs: 60_000 })
    proxy.interfere = (payload) => (has('eth_getBalance')(payload) ? { kind: 'hang' } : null)
    const waiting = balances(rpc, 200, 'heavy')
    expect(codeOf(await rpc.call('eth_blockNumber', []))).toBe('OK')
    expect(codeOf(await rpc.call('eth_gasPrice', []))).toBe('OK')
    expect(asked('eth_getBalance')).toBe(72)
    await rpc.close()
    expect((await waiting).map(codeOf)).toEqual(Array(200).fill('NODE_UNAVAILABLE'))
  })

  test('reports each exchange with host, method and number of calls', async () => {
    const seen: RpcRequest[] = []
    await balances(client({ onRequest: (request) => seen.push(request) }), 3)
    expect(seen.reduce((sum, { calls }) => sum + calls, 0)).toBe(3)
    expect(seen[0]).toMatchObject({ host: new URL(proxy.url).host, method: 'eth_getBalance', ok: true })
  })
})

describe('what is not a read', () => {
  test.each([
    'eth_sendRawTransaction',
    'eth_sendTransaction',
    'eth_sendBundle',
    'eth_sign',
    'eth_signTransaction',
    'personal_sendTransaction',
    'anvil_setBalance',
    'evm_mine',
    'ETH_SENDRAWTRANSACTION',
    'eth_call","method":"eth_sendRawTransaction',
    'constructor',
    'eth_subscribe',
  ])('%s is refused before a byte is written', async (method) => {
    const rpc = client()
    expect(() => rpc.call(method, ['0x02'])).toThrow('read-only')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(proxy.connections).toBe(0)
    expect(codeOf(await rpc.call('eth_chainId', []))).toBe('OK')
    expect([...proxy.methods.keys()]).toEqual(['eth_chainId'])
  })
})

describe('an endpoint in trouble', () => {
  test.each([
    ['HTTP 503', { kind: 'answer', status: 503, body: 'busy' }, /answered HTTP 503: busy\.$/],
    ['HTTP 429', { kind: 'answer', status: 429, body: '' }, /HTTP 429/],
    [
      'HTTP 403',
      { kind: 'answer', status: 403, body: '{"error":{"code":-1,"message":"no"}}' },
      /HTTP 403: no\.$/,
    ],
    [
      'a redirect',
      { kind: 'answer', status: 301, body: '', headers: { location: 'http://127.0.0.1:1/' } },
      /HTTP 301\.$/,
    ],
    ['a page', { kind: 'answer', status: 200, body: '<html>' }, /not JSON-RPC\.$/],
    [
      'a foreign id',
      { kind: 'answer', status: 200, body: '{"jsonrpc":"2.0","id":777,"result":"0x5"}' },
      /not a reply/,
    ],
    ['a closed connection', { kind: 'drop' }, /closed the connection/],
  ] as const)('with %s: the next one answers, and alone it is told', async (_, fault, sentence) => {
    proxy.interfere = () => fault
    const rpc = client({ endpoints: [proxy.url, node] })
    expect(await rpc.call('eth_chainId', [])).toEqual({ ok: true, result: '0x89' })
    expect(rpc.status()).toMatchObject([{ healthy: false }, { healthy: true, lastError: null }])

    const outcome = await client().call('eth_chainId', [])
    expect(codeOf(outcome)).toBe('NODE_UNAVAILABLE')
    expect(sentenceOf(outcome)).toMatch(sentence)
    expect(sentenceOf(outcome)).toContain(new URL(proxy.url).host)
  })

  test('that cannot be reached is passed over, and used again when it is back', async () => {
    const restarted = await startDevnet({ chainIds: [CHAIN_ID] })
    const { rpc: url } = restarted.chains[0] as { rpc: string }
    const alone = client({ endpoints: [url], chainId: CHAIN_ID })
    expect(codeOf(await alone.call('eth_chainId', []))).toBe('OK')
    await restarted.stop()
    expect(sentenceOf(await alone.call('eth_chainId', []))).toMatch(
      /could not be reached \(ECONNREFUSED\)\.$/,
    )
    expect(codeOf(await client({ endpoints: [url, node] }).call('eth_chainId', []))).toBe('OK')

    const back = await startDevnet({ chainIds: [CHAIN_ID], port: Number(new URL(url).port) })
    expect(codeOf(await alone.call('eth_chainId', []))).toBe('OK')
    expect(alone.status()).toMatchObject([{ healthy: true, clientVersion: expect.stringContaining('anvil') }])
    await back.stop()
  })

  test('is left alone for a while, then preferred again', async () => {
    proxy.interfere = () => ({ kind: 'answer', status: 429, body: '', headers: { 'retry-after': '2' } })
    const rpc = client({ endpoints: [proxy.url, node] })
    await rpc.call('eth_chainId', [])
    proxy.interfere = null
    await rpc.call('eth_chainId', [])
    expect(asked('eth_chainId')).toBe(1)
    await expect
      .poll(() => rpc.call('eth_chainId', []).then(() => asked('eth_chainId')), { timeout: 20_000 })
      .toBeGreaterThan(1)
    await expect.poll(() => rpc.status()[0]).toMatchObject({ healthy: true, lastError: null })
  })

  test('that asks for a pause gets it', async () => {
    proxy.interfere = () => ({ kind: 'answer', status: 429, body: '', headers: { 'retry-after': '20' } })
    const rpc = client()
    await rpc.call('eth_chainId', [])
    const outcome = await rpc.call('eth_chainId', [])
    expect(sentenceOf(outcome)).toMatch(/has asked for fewer requests/)
    expect(asked('eth_chainId')).toBe(1)
  })

  test('that limits single calls of a batch: the others keep their answers', async () => {
    const error = { code: -32005, message: 'daily request limit reached' }
    proxy.interfere = rewriteEach(({ id }, { params }) =>
      String(params[0]).endsWith('2') ? { id, error } : null,
    )
    const rpc = client({ limits: { ...LIMITS, rpcBatchesInFlightMax: 1 } })
    expect((await balances(rpc, 3)).map(codeOf)).toEqual(['OK', 'NODE_UNAVAILABLE', 'OK'])
  })

  test('a read cut off with its connection is asked once more, on the same endpoint', async () => {
    let cut = 1
    proxy.interfere = () => (cut-- > 0 ? { kind: 'drop' } : null)
    expect(codeOf(await client().call('eth_chainId', []))).toBe('OK')
    expect(asked('eth_chainId')).toBe(2)

    proxy.interfere = () => ({ kind: 'drop' })
    expect(codeOf(await client().call('eth_gasPrice', []))).toBe('NODE_UNAVAILABLE')
    expect(asked('eth_gasPrice')).toBe(2)
  })

  test('an answer beyond the limit is not read', async () => {
    proxy.interfere = () => ({
      kind: 'answer',
      status: 200,
      body: `{"id":1,"result":"${'7'.repeat(2_100_000)}"}`,
    })
    expect(sentenceOf(await client().call('eth_chainId', []))).toMatch(/more than 2000000 bytes/)
  })

  test('one that serves another chain is never used', async () => {
    const rpc = client({ chainId: 42161 })
    expect(sentenceOf(await rpc.call('eth_gasPrice', []))).toMatch(/serves chain 137, not chain 42161\.$/)
    expect(asked('eth_gasPrice')).toBe(0)
    expect(rpc.status()).toMatchObject([
      { healthy: false, lastError: 'It serves chain 137, not chain 42161.' },
    ])
    expect(codeOf(await client({ chainId: CHAIN_ID }).call('eth_gasPrice', []))).toBe('OK')
  })

  test('one that comes back with another chain is not used, even when nobody saw it gone', async () => {
    const first = await startDevnet({ chainIds: [CHAIN_ID] })
    const { rpc: url } = first.chains[0] as { rpc: string }
    const rpc = client({ endpoints: [url], chainId: CHAIN_ID })
    expect(codeOf(await rpc.call('eth_gasPrice', []))).toBe('OK')
    await first.stop()
    const second = await startDevnet({ chainIds: [10], port: Number(new URL(url).port) })
    expect(sentenceOf(await rpc.call('eth_gasPrice', []))).toMatch(/serves chain 10, not chain 137\.$/)
    await second.stop()
    const third = await startDevnet({ chainIds: [CHAIN_ID], port: Number(new URL(url).port) })
    expect(codeOf(await rpc.call('eth_gasPrice', []))).toBe('OK')
    expect(rpc.status()).toMatchObject([{ healthy: true, lastError: null }])
    await third.stop()
  })
})

describe('time', () => {
  test('a call that is not answered in time says so', async () => {
    proxy.interfere = () => ({ kind: 'hang' })
    const { host } = new URL(proxy.url)
    const rpc = client({ timeoutMs: 150 })
    const outcome = await rpc.call('eth_chainId', [])
    expect(codeOf(outcome)).toBe('NODE_TIMEOUT')
    expect(sentenceOf(outcome)).toBe(`The RPC endpoint ${host} did not answer within 150 ms.`)
    expect(rpc.status()).toMatchObject([{ healthy: false, lastError: 'It did not answer in time.' }])
  })

  test('that it says is all of the time, however many exchanges shared it', async () => {
    const other = await startRpcProxy({ target: node })
    proxy.interfere = () => ({ kind: 'hang' })
    other.interfere = () => ({ kind: 'hang' })
    const limits = { ...LIMITS, rpcBatchesInFlightMax: 1 }
    const alone = await balances(client({ timeoutMs: 400, limits }), 2)
    const { host } = new URL(proxy.url)
    expect(alone.map(sentenceOf)).toEqual(
      Array(2).fill(`The RPC endpoint ${host} did not answer within 400 ms.`),
    )
    const both = await balances(client({ timeoutMs: 400, limits, endpoints: [proxy.url, other.url] }), 2)
    expect(sentenceOf(both[0] as RpcOutcome)).toMatch(
      /^None of 2 RPC endpoints answered within 400 ms; the last/,
    )
    await other.stop()
  })

  test('a slow call of a batch fails alone', async () => {
    proxy.interfere = (payload) => (has('eth_getCode')(payload) ? { kind: 'hang' } : null)
    const rpc = client({ timeoutMs: 3_000, limits: { ...LIMITS, rpcBatchesInFlightMax: 1 } })
    const [before, slow, after] = await Promise.all([
      rpc.call('eth_chainId', []),
      rpc.call('eth_getCode', [ADDRESS, 'latest']),
      rpc.call('eth_gasPrice', []),
    ])
    expect([before, slow, after].map((outcome) => outcome && codeOf(outcome))).toEqual([
      'OK',
      'NODE_TIMEOUT',
      'OK',
    ])
  })
})

describe('batches', () => {
  const oneBatch = { limits: { ...LIMITS, rpcBatchesInFlightMax: 1 } }

  test('answers may come in any order, with strangers among them', async () => {
    proxy.interfere = () => ({
      kind: 'rewrite',
      rewrite: (reply) => [
        { jsonrpc: '2.0', id: 990_001, result: '0xbad' },
        ...[reply].flat().reverse(),
        null,
      ],
    })
    const rpc = client(oneBatch)
    const [chainId, price] = await Promise.all([rpc.call('eth_chainId', []), rpc.call('eth_gasPrice', [])])
    expect(chainId).toEqual({ ok: true, result: '0x89' })
    expect(price?.ok && price.result).not.toBe('0x89')
    expect(proxy.payloadSizes).toEqual([2])
  })

  test('what an answer leaves out is asked again in smaller batches', async () => {
    proxy.interfere = ({ isBatch }) =>
      isBatch ? { kind: 'rewrite', rewrite: (reply) => [reply].flat().slice(1) } : null
    const rpc = client(oneBatch)
    expect((await balances(rpc, 5)).map(codeOf)).toEqual(Array(5).fill('OK'))
  })

  const refusal = { code: -32600, message: 'batch requests are not supported' }
  test.each<[string, (payload: SeenPayload) => Fault]>([
    [
      'with one error object',
      () => ({ kind: 'answer', status: 200, body: JSON.stringify({ id: null, error: refusal }) }),
    ],
    [
      'with HTTP 400',
      () => ({ kind: 'answer', status: 400, body: JSON.stringify({ id: null, error: refusal }) }),
    ],
    ['with HTTP 413', () => ({ kind: 'answer', status: 413, body: 'too large' })],
    [
      'as geth does, in the name of the first call',
      ({ calls }: SeenPayload) => ({
        kind: 'answer',
        status: 200,
        body: JSON.stringify([{ id: calls[0]?.id, error: { code: -32600, message: 'batch too large' } }]),
      }),
    ],
  ])('a node that refuses them %s gets single calls, from then on', async (_, answer) => {
    proxy.interfere = (payload) => (payload.isBatch ? answer(payload) : null)
    const rpc = client(oneBatch)
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    const payloadsBefore = proxy.payloadSizes.length
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    expect(proxy.payloadSizes.slice(payloadsBefore)).toEqual(Array(24).fill(1))
  })

  test('a node that takes small ones gets small ones', async () => {
    proxy.interfere = ({ methods }) => (methods.length > 6 ? { kind: 'answer', status: 413, body: '' } : null)
    const rpc = client(oneBatch)
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    const payloadsBefore = proxy.payloadSizes.length
    await balances(rpc, 24)
    expect(proxy.payloadSizes.slice(payloadsBefore)).toEqual([6, 6, 6, 6])
  })
})

describe('an endpoint URL with secrets', () => {
  test('sends its credentials and shows its host only', async () => {
    let authorization: string | undefined
    proxy.interfere = ({ headers }) => {
      authorization = headers.authorization
      return { kind: 'answer', status: 503, body: '' }
    }
    const { host } = new URL(proxy.url)
    const rpc = client({ endpoints: [`http://user:s%23cret@${host}/v3/KEY123?token=KEY456`] })
    const outcome = await rpc.call('eth_chainId', [])
    expect(authorization).toBe(`Basic ${Buffer.from('user:s#cret').toString('base64')}`)
    expect(rpc.status().map((endpoint) => endpoint.host)).toEqual([host])
    expect(JSON.stringify([outcome, rpc.status()])).not.toMatch(/KEY|cret/)
  })
})
