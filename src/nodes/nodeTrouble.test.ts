import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import {
  type Fault,
  type RpcProxy,
  rewriteEach,
  type SeenPayload,
  startRpcProxy,
} from '../../test/support/rpcProxy.ts'
import { failure } from '../errors/failure.ts'
import { createJsonRpc, type RpcLimits } from './jsonRpc.ts'
import type { JsonRpc, Refuses, RpcOutcome } from './rpc.ts'

// Troubles of real providers, each at the first of two endpoints: the second is well.

const LIMITS: RpcLimits = { rpcBatchMax: 24, rpcBatchesInFlightMax: 1, rpcResponseBytesMax: 2_000_000 }
const CHAIN_ID = 137

let devnet: Devnet
let node: string
let proxy: RpcProxy
let second: RpcProxy
const clients: JsonRpc[] = []

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [CHAIN_ID, 10] })
  node = devnet.chains[0]?.rpc as string
}, 120_000)
afterAll(() => devnet?.stop())
beforeEach(async () => {
  proxy = await startRpcProxy({ target: node })
  second = await startRpcProxy({ target: node })
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await proxy.stop()
  await second.stop()
})

function client(options: Partial<Parameters<typeof createJsonRpc>[0]> = {}): JsonRpc {
  const made = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 20_000, limits: LIMITS, ...options })
  clients.push(made)
  return made
}
const both = (options: Partial<Parameters<typeof createJsonRpc>[0]> = {}) =>
  client({ endpoints: [proxy.url, second.url], ...options })
const codeOf = (outcome: RpcOutcome) =>
  outcome.ok ? 'OK' : outcome.kind === 'rpc' ? `RPC ${outcome.error.code}` : outcome.failure.code
const sentenceOf = (outcome: RpcOutcome) =>
  !outcome.ok && outcome.kind === 'transport' ? outcome.failure.sentence : null
const balances = (rpc: JsonRpc, count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, index) =>
      rpc.call('eth_getBalance', [`0x${(index + 1).toString(16).padStart(40, '0')}`, 'latest']),
    ),
  )
const answerEach = (payload: SeenPayload, part: object): string => {
  const replies = payload.calls.map(({ id }) => ({ jsonrpc: '2.0', id, ...part }))
  return JSON.stringify(payload.isBatch ? replies : replies[0])
}

describe('a batch that is refused by words that could mean anything', () => {
  test.each<[string, (payload: SeenPayload) => Fault]>([
    ['HTTP 500 without words', () => ({ kind: 'answer', status: 500, body: '' })],
    [
      'HTTP 500 with a page',
      () => ({ kind: 'answer', status: 500, body: '<html>Internal Server Error</html>' }),
    ],
    ['HTTP 400 "too many requests"', () => ({ kind: 'answer', status: 400, body: 'too many requests' })],
    ['HTTP 429', () => ({ kind: 'answer', status: 429, body: '' })],
    ['HTTP 403', () => ({ kind: 'answer', status: 403, body: 'plan does not include it' })],
    [
      'an error object for all',
      () => ({
        kind: 'answer',
        status: 200,
        body: '{"id":null,"error":{"code":-32603,"message":"internal error"}}',
      }),
    ],
    [
      'an error object for all that asks for fewer requests',
      () => ({
        kind: 'answer',
        status: 200,
        body: '{"id":null,"error":{"code":-32005,"message":"limit exceeded"}}',
      }),
    ],
  ])('%s: smaller ones are sent, from then on', async (_, answer) => {
    proxy.interfere = (payload) => (payload.methods.length > 3 ? answer(payload) : null)
    const rpc = client()
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    expect(rpc.status()).toMatchObject([{ state: 'well', lastError: null }])
    const before = proxy.payloadSizes.length
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    const sizes = proxy.payloadSizes.slice(before)
    expect([Math.max(...sizes) <= 3, sizes.length <= 12]).toEqual([true, true])
  })

  test('a node that refuses single calls too is in trouble, and is asked one more call, not dozens', async () => {
    proxy.interfere = () => ({ kind: 'answer', status: 500, body: 'out of order' })
    const rpc = both()
    expect((await balances(rpc, 24)).map(codeOf)).toEqual(Array(24).fill('OK'))
    expect(proxy.payloadSizes).toEqual([24, 1])
    expect(rpc.status()).toMatchObject([
      { state: 'unreachable', healthy: false, lastError: 'It answered HTTP 500: out of order.' },
      { state: 'well', healthy: true },
    ])
    proxy.interfere = null
    await expect
      .poll(() => balances(rpc, 1).then(() => rpc.status()[0]?.state), { timeout: 20_000 })
      .toBe('well')
    const before = proxy.payloadSizes.length
    await balances(rpc, 24)
    expect(proxy.payloadSizes.slice(before)).toEqual([24])
  })
})

describe('trouble of the node under HTTP 200', () => {
  const TROUBLES: [number, string][] = [
    [-32000, 'header not found'],
    [-32000, 'missing trie node 5c1f (path 0a0b) state 0x1f is not available'],
    [-32603, 'Internal error'],
    [-32000, 'request timed out'],
    [-32002, 'request timed out'],
    [-32000, 'execution aborted (timeout = 5s)'],
    [-32000, 'node is over capacity, try again later'],
    [-32001, 'block range is not available yet'],
    [-32000, 'upstream unavailable'],
    [-32097, 'capacity exceeded'],
    [-32601, 'the method eth_getBalance does not exist/is not available'],
    [-32602, 'unknown block tag'],
  ]
  test.each(TROUBLES)('%i %s: the same call goes to the next endpoint', async (code, message) => {
    proxy.interfere = (payload) => ({
      kind: 'answer',
      status: 200,
      body: answerEach(payload, { error: { code, message } }),
    })
    expect((await balances(both(), 3)).map(codeOf)).toEqual(['OK', 'OK', 'OK'])
    expect(proxy.methods.get('eth_getBalance')).toBeGreaterThan(0)
  })

  test('of one call of a batch: only that call goes on, and the endpoint stays well', async () => {
    const error = { code: -32000, message: 'header not found' }
    proxy.interfere = rewriteEach(({ id }, { params }) =>
      String(params[0]).endsWith('2') ? { id, error } : null,
    )
    const rpc = both()
    expect((await balances(rpc, 3)).map(codeOf)).toEqual(['OK', 'OK', 'OK'])
    expect(second.methods.get('eth_getBalance')).toBe(1)
    expect(rpc.status()).toMatchObject([{ state: 'well' }, { state: 'well' }])
  })

  test('of the only endpoint is NODE_UNAVAILABLE with its words, and never an answer', async () => {
    const error = { code: -32000, message: 'header not found' }
    proxy.interfere = (payload) => ({ kind: 'answer', status: 200, body: answerEach(payload, { error }) })
    const [outcome] = await balances(client(), 1)
    const { host } = new URL(proxy.url)
    expect(outcome && codeOf(outcome)).toBe('NODE_UNAVAILABLE')
    expect(outcome && sentenceOf(outcome)).toBe(
      `The RPC endpoint ${host} answered with an error: header not found (-32000).`,
    )
  })

  test('what no endpoint knows is their answer: the method is not there', async () => {
    const error = { code: -32601, message: 'the method does not exist' }
    for (const each of [proxy, second])
      each.interfere = (payload) => ({ kind: 'answer', status: 200, body: answerEach(payload, { error }) })
    expect((await balances(both(), 1)).map(codeOf)).toEqual(['RPC -32601'])
    expect(second.methods.get('eth_getBalance')).toBe(1)
  })

  test.each([
    [3, 'execution reverted: header not found', '0x08c379a0'],
    [-32000, 'execution reverted', undefined],
    [-32000, 'out of gas', undefined],
    [-32000, 'insufficient funds for gas * price + value', undefined],
  ])('%i %s is an answer: nobody else is asked', async (code, message, data) => {
    const error = { code, message, ...(data !== undefined && { data }) }
    proxy.interfere = (payload) => ({ kind: 'answer', status: 400, body: answerEach(payload, { error }) })
    const rpc = both()
    expect(await balances(rpc, 1)).toEqual([{ ok: false, kind: 'rpc', error }])
    expect(second.methods.size).toBe(0)
    expect(rpc.status()).toMatchObject([{ state: 'well' }, { state: 'well' }])
  })
})

describe('a result that is of no use', () => {
  const refuses: Refuses = (result, host) =>
    result === '0x' ? failure('STALE_NODE', `The RPC endpoint ${host} says nothing.`) : null
  const ask = (rpc: JsonRpc) => rpc.call('eth_getCode', [`0x${'0'.repeat(40)}`, 'latest'], 'heavy', refuses)

  test('goes to the next endpoint, and the one that gave it stays well', async () => {
    second.interfere = rewriteEach(({ id }) => ({ id, result: '0x60' }))
    const rpc = both()
    expect(await ask(rpc)).toEqual({ ok: true, result: '0x60' })
    expect(rpc.status()).toMatchObject([{ state: 'well' }, { state: 'well' }])
  })

  test('everywhere is the failure that its caller has named', async () => {
    const outcome = await ask(both())
    expect(outcome).toMatchObject({ kind: 'transport', failure: { code: 'STALE_NODE' } })
    expect(sentenceOf(outcome)).toBe(`The RPC endpoint ${new URL(second.url).host} says nothing.`)
  })
})

describe('a lone call', () => {
  test('does not spend its time on an endpoint that hangs while another is there', async () => {
    proxy.interfere = () => ({ kind: 'hang' })
    const rpc = both({ timeoutMs: 4_000 })
    expect((await balances(rpc, 1)).map(codeOf)).toEqual(['OK'])
    expect(rpc.status()).toMatchObject([{ state: 'silent' }, { state: 'well' }])
    // From then on the other is asked first, also when the pause of the first is over.
    await new Promise((resolve) => setTimeout(resolve, 400))
    const startedAtMs = performance.now()
    expect((await balances(rpc, 1)).map(codeOf)).toEqual(['OK'])
    expect(performance.now() - startedAtMs).toBeLessThan(2_000)
  })

  test('to one endpoint alone has a time of its own and never the others', async () => {
    proxy.interfere = () => ({ kind: 'hang' })
    const rpc = both({ timeoutMs: 20_000 })
    const [first, other] = rpc.endpoints
    const outcomes = await Promise.all([
      first?.call('eth_gasPrice', [], { timeoutMs: 300 }),
      other?.call('eth_gasPrice', [], { timeoutMs: 10_000 }),
    ])
    expect(outcomes.map((outcome) => outcome && codeOf(outcome))).toEqual(['NODE_TIMEOUT', 'OK'])
    expect([first?.state(), other?.state()]).toEqual(['silent', 'well'])
    expect(() => first?.call('eth_sendRawTransaction', ['0x'])).toThrow('read-only')
  })
})

test('an endpoint that says who it is and nothing else is asked no call again, and comes back with its node', async () => {
  proxy.interfere = ({ methods }) =>
    methods.every((method) => /chainId|clientVersion/.test(method)) ? null : { kind: 'hang' }
  const rpc = both({ timeoutMs: 800, chainId: CHAIN_ID })
  for (let calls = 0; calls < 40; calls++) {
    expect((await balances(rpc, 1)).map(codeOf)).toEqual(['OK'])
    expect(rpc.status()).toMatchObject([{ state: 'silent' }, { state: 'well' }])
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  expect(proxy.methods.get('eth_getBalance')).toBe(1)
  proxy.interfere = null
  await expect
    .poll(() => balances(rpc, 1).then(() => rpc.status()[0]?.state), { timeout: 30_000 })
    .toBe('well')
  await balances(rpc, 1)
  expect(proxy.methods.get('eth_getBalance')).toBeGreaterThan(1)
})

test('a first endpoint that is far slower than the second is passed over until it is fast again', async () => {
  proxy.interfere = () => ({ kind: 'delay', ms: 1_500 })
  const rpc = both()
  await rpc.endpoints[1]?.call('eth_gasPrice', [])
  await balances(rpc, 1)
  expect(proxy.methods.get('eth_getBalance')).toBe(1)
  for (let calls = 0; calls < 3; calls++) await balances(rpc, 1)
  expect(proxy.methods.get('eth_getBalance')).toBe(1)
  expect(rpc.status()).toMatchObject([{ state: 'well' }, { state: 'well' }])
  proxy.interfere = null
  for (let calls = 0; calls < 20; calls++) await rpc.endpoints[0]?.call('eth_gasPrice', [])
  await balances(rpc, 1)
  expect(proxy.methods.get('eth_getBalance')).toBe(2)
})

describe('an endpoint of another chain', () => {
  test('is asked who it is and nothing else, and is shown as what it is', async () => {
    const foreign = await startRpcProxy({ target: devnet.chains[1]?.rpc as string })
    const rpc = client({ endpoints: [foreign.url, second.url], chainId: CHAIN_ID })
    expect((await balances(rpc, 5)).map(codeOf)).toEqual(Array(5).fill('OK'))
    expect((await balances(rpc, 5)).map(codeOf)).toEqual(Array(5).fill('OK'))
    await rpc.endpoints[0]?.call('eth_gasPrice', [])
    expect([...foreign.methods.keys()].toSorted()).toEqual(['eth_chainId', 'web3_clientVersion'])
    expect(rpc.status()[0]).toMatchObject({
      state: 'wrong_chain',
      healthy: false,
      lastError: 'It serves chain 10, not chain 137.',
    })
    // Other trouble of it does not hide what it is.
    foreign.interfere = () => ({ kind: 'drop' })
    await rpc.endpoints[0]?.call('eth_gasPrice', [])
    expect(rpc.endpoints[0]?.state()).toBe('wrong_chain')
    await foreign.stop()
  })
})

describe('what a provider says', () => {
  const KEY = 'K3y-aB91zQ77mmXw'
  const SECRET = 's#cret/Pass+9'
  const url = () => {
    const { host } = new URL(proxy.url)
    return `http://user:${encodeURIComponent(SECRET)}@${host}/v2/${KEY}?token=${encodeURIComponent(SECRET)}x`
  }
  const say = (status: number, body: string) => {
    proxy.interfere = () => ({ kind: 'answer', status, body })
  }
  const told = async () => {
    const rpc = client({ endpoints: [url()] })
    const outcomes = await Promise.all([
      rpc.call('eth_gasPrice', []),
      rpc.endpoints[0]?.call('eth_gasPrice', []),
    ])
    return { sentence: sentenceOf(outcomes[0]), all: JSON.stringify([outcomes, rpc.status()]) }
  }

  test.each([
    [401, '{"error":"invalid API key, get one at node.example"}', 'answered HTTP 401: invalid API key'],
    [403, 'Your plan does not include Polygon.\n', 'answered HTTP 403: Your plan does not include Polygon.'],
    [402, '{"jsonrpc":"2.0","message":"payment is due"}', 'answered HTTP 402: payment is due.'],
    [
      404,
      '<html><head><style>p{}</style></head><p>No such\n app</p></html>',
      'answered HTTP 404: No such app.',
    ],
    [
      429,
      '{"error":{"code":429,"message":"monthly quota is used up"}}',
      'answered HTTP 429: monthly quota is used up.',
    ],
    [503, '', 'answered HTTP 503.'],
  ])('with HTTP %i is told: %s', async (status, body, words) => {
    say(status, body)
    expect((await told()).sentence).toContain(words)
  })

  const echoes = {
    'the path': `no app at /v2/${KEY}`,
    'the path in part': `no app ${KEY.slice(0, 7)}…`,
    'the query, encoded': `GET /?token=${encodeURIComponent(SECRET)}x`,
    'the query, decoded': `token ${SECRET}x is unknown`,
    'the header': `Authorization: Basic ${Buffer.from(`user:${SECRET}`).toString('base64')}`,
  }
  test.each(
    Object.entries(echoes).flatMap(([name, text]) => [
      [`a text that repeats ${name}`, 401, text],
      [
        `a JSON error that repeats ${name}`,
        200,
        JSON.stringify({ id: null, error: { code: -32000, message: text } }),
      ],
      [
        `a revert that repeats ${name}`,
        200,
        JSON.stringify({ id: 1, error: { code: 3, message: `execution reverted ${text}` } }),
      ],
      [
        `a limit that repeats ${name}`,
        200,
        JSON.stringify({ id: null, error: { code: -32005, message: `rate limit of ${text}` } }),
      ],
    ]) as [string, number, string][],
  )('%s is told without it', async (_, status, body) => {
    say(status, body)
    const { all } = await told()
    const base64 = Buffer.from(`user:${SECRET}`).toString('base64')
    for (const secret of [KEY, SECRET, encodeURIComponent(SECRET), base64])
      for (let at = 0; at + 6 <= secret.length; at++) expect(all).not.toContain(secret.slice(at, at + 6))
  })
})
