import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { findFreePort } from '../../devnet/findFreePort.ts'
import { locateAnvil } from '../../devnet/locateAnvil.ts'
import { type Anvil, startAnvil } from '../../devnet/startAnvil.ts'
import { type RpcProxy, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { sendErrorCorpus } from '../../test/support/sendErrorCorpus.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { openTransport } from '../nodes/openTransport.ts'
import { classifySendError, type SendErrorClass } from '../nodes/sendErrors.ts'
import { type BroadcastOutcome, createBroadcast, type VerdictReport } from './broadcast.ts'
import { createNodeEndpoint } from './sendTransport.ts'

const contradictions = ({ reports }: { reports: readonly VerdictReport[] }) =>
  reports.filter(({ contradicts }) => contradicts).length
const CHAIN_ID = 10

let folder: string
let anvil: Anvil
let left: RpcProxy
let right: RpcProxy
let account: PrivateKeyAccount
const closers: (() => Promise<void>)[] = []

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'titan-broadcast-'))
  anvil = await startAnvil({
    binary: locateAnvil(),
    chainId: CHAIN_ID,
    host: '127.0.0.1',
    port: await findFreePort({ host: '127.0.0.1', port: 0 }),
    args: ['--no-mining', '--gas-limit', '30000000', '--ipc', join(folder, 'node.ipc')],
    startTimeoutMs: 60_000,
  })
}, 120_000)
afterAll(async () => {
  await anvil?.stop()
  await rm(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  left = await startRpcProxy({ target: anvil.rpc })
  right = await startRpcProxy({ target: anvil.rpc })
  account = await newAccount(anvil.rpc)
})
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
  await Promise.all([left.stop(), right.stop()])
})

const rpc = (method: string, params: unknown[] = []) =>
  callRpc({ rpc: anvil.rpc, method, params, timeoutMs: 20_000 })
const known = async (hash: string) => (await rpc('eth_getTransactionByHash', [hash])) !== null
const sends = (proxy: RpcProxy) => proxy.methods.get('eth_sendRawTransaction') ?? 0
const transfer = (options: Partial<Parameters<typeof signedTransfer>[0]> = {}) =>
  signedTransfer({ account, chainId: CHAIN_ID, nonce: 0, ...options })
const hostOf = (url: string) => new URL(url).host
const classes = (outcome: BroadcastOutcome) =>
  outcome.status === 'accepted' ? [] : outcome.verdicts.map((verdict) => verdict.class)

function broadcaster(urls: readonly string[], timeoutMs = 20_000) {
  const reports: VerdictReport[] = []
  const broadcast = createBroadcast({
    endpoints: urls.map((url) =>
      createNodeEndpoint({
        ...openTransport({ url, connectionsMax: 1, responseBytesMax: 100_000 }),
        timeoutMs,
        classify: classifySendError,
      }),
    ),
    onVerdict: (report) => reports.push(report),
  })
  closers.push(broadcast.close)
  return { ...broadcast, reports }
}

describe('a node', () => {
  test('takes a transaction over http, a WebSocket and an IPC socket', async () => {
    const urls = [anvil.rpc, anvil.rpc.replace('http', 'ws'), join(folder, 'node.ipc')]
    for (const [nonce, url] of urls.entries()) {
      const sent = await transfer({ nonce })
      const outcome = await broadcaster([url]).send(sent)
      expect(outcome).toMatchObject({ status: 'accepted', hash: sent.hash })
      expect(await known(sent.hash)).toBe(true)
    }
  })

  test('refuses a nonce that is mined: contested, never refused', async () => {
    await broadcaster([anvil.rpc]).send(await transfer())
    await rpc('evm_mine')
    const other = await transfer({ gwei: 71n })
    const outcome = await broadcaster([left.url]).send(other)
    expect(outcome).toMatchObject({ status: 'contested', failure: { code: 'NONCE_CONTESTED' } })
    expect(classes(outcome)).toEqual(['nonce_too_low'])
    expect(await known(other.hash)).toBe(false)
  })

  test('refuses a replacement that pays too little: contested, and the first stays', async () => {
    const first = await transfer({ gwei: 50n })
    await broadcaster([anvil.rpc]).send(first)
    const outcome = await broadcaster([left.url]).send(await transfer({ gwei: 49n }))
    expect(outcome.status).toBe('contested')
    expect(classes(outcome)).toEqual(['replacement_underpriced'])
    expect(await known(first.hash)).toBe(true)
  })

  test('says of bytes it has that it has them: accepted', async () => {
    const sent = await transfer()
    await broadcaster([anvil.rpc]).send(sent)
    const again = broadcaster([left.url])
    expect(await again.send(sent)).toMatchObject({ status: 'accepted' })
    expect(again.reports).toMatchObject([{ verdict: { class: 'already_known' }, contradicts: false }])
  })

  test.each([
    ['without funds', async () => ({ account: await newAccount(null) }), 'insufficient_funds'],
    ['with too little gas', async () => ({ gas: 20_999n }), 'intrinsic_gas'],
    ['with more gas than a block has', async () => ({ gas: 30_000_001n }), 'gas_limit'],
    ['below the base fee', async () => ({ gwei: 0n }), 'underpriced'],
    ['for another chain', async () => ({ chainId: 137 }), 'invalid_transaction'],
  ] as const)('refuses a transaction %s for certain', async (_, options, expected) => {
    const sent = await transfer(await options())
    const outcome = await broadcaster([left.url, right.url]).send(sent)
    expect(outcome.status).toBe('refused')
    expect(classes(outcome)).toEqual([expected, expected])
    expect(outcome).toMatchObject({
      failure: { code: expected === 'insufficient_funds' ? 'INSUFFICIENT_FUNDS' : 'SEND_REFUSED' },
    })
    expect(await known(sent.hash)).toBe(false)
  })

  test('refuses bytes that are no transaction', async () => {
    const outcome = await broadcaster([left.url]).send({ raw: '0x02c0', hash: `0x${'0'.repeat(64)}` })
    expect(outcome.status).toBe('refused')
    expect(classes(outcome)).toEqual(['invalid_transaction'])
  })
})

describe('several endpoints', () => {
  test('all get the bytes, once; the first acceptance answers and the rest is reported', async () => {
    const release = Promise.withResolvers<void>()
    left.interfere = () => ({ kind: 'hold', until: release.promise })
    const sent = await transfer()
    const broadcast = broadcaster([left.url, right.url])
    expect(await broadcast.send(sent)).toEqual({ status: 'accepted', hash: sent.hash })
    expect(broadcast.reports).toMatchObject([{ verdict: { host: hostOf(right.url) } }])
    release.resolve()
    await expect.poll(() => broadcast.reports.length, { timeout: 20_000 }).toBe(2)
    expect(broadcast.reports[1]).toMatchObject({
      hash: sent.hash,
      verdict: { host: hostOf(left.url), class: 'already_known' },
      contradicts: false,
    })
    expect([sends(left), sends(right)]).toEqual([1, 1])
    expect(contradictions(broadcast)).toBe(0)
  })

  test('one that takes it outweighs one that is gone, one that limits and one that fails', async () => {
    const gone = await startRpcProxy({ target: anvil.rpc })
    await gone.stop()
    left.interfere = () => ({ kind: 'answer', status: 503, body: 'busy' })
    const limited = await startRpcProxy({ target: anvil.rpc })
    limited.interfere = () => ({ kind: 'answer', status: 429, body: '' })
    const broadcast = broadcaster([gone.url, left.url, limited.url, right.url])
    expect(await broadcast.send(await transfer())).toMatchObject({ status: 'accepted' })
    await expect.poll(() => broadcast.reports.length, { timeout: 20_000 }).toBe(4)
    expect(broadcast.reports.map(({ verdict }) => verdict.class).toSorted()).toEqual([
      'accepted',
      'no_answer',
      'rate_limited',
      'unreachable',
    ])
    expect(contradictions(broadcast)).toBe(0)
    await limited.stop()
  })

  test('one that times out keeps a refusal of the other from freeing the nonce', async () => {
    left.interfere = () => ({ kind: 'hang' })
    const unfunded = await newAccount(null)
    const outcome = await broadcaster([left.url, right.url], 1_000).send(
      await transfer({ account: unfunded }),
    )
    expect(outcome).toMatchObject({ status: 'unknown', failure: { code: 'SEND_UNKNOWN' } })
    expect(classes(outcome).toSorted()).toEqual(['insufficient_funds', 'no_answer'])
  })

  test('one that is gone does not keep a refusal of the other from being certain', async () => {
    const gone = await startRpcProxy({ target: anvil.rpc })
    await gone.stop()
    const outcome = await broadcaster([gone.url, right.url]).send(await transfer({ gas: 20_999n }))
    expect(outcome).toMatchObject({ status: 'refused', failure: { code: 'SEND_REFUSED' } })
    expect(await broadcaster([gone.url]).send(await transfer())).toMatchObject({
      status: 'refused',
      failure: { code: 'NODE_UNAVAILABLE' },
    })
  })

  test.each(['before', 'after'])('a refusal %s an acceptance is a contradiction', async (order) => {
    const release = Promise.withResolvers<void>()
    const [first, second] = [left, right]
    const hold = { kind: 'hold', until: release.promise } as const
    const refuse = { kind: 'answer', status: 200, body: rpcError('insufficient funds for transfer') } as const
    first.interfere = () => (order === 'before' ? refuse : null)
    second.interfere = () => (order === 'before' ? hold : refuse)
    const broadcast = broadcaster([first.url, second.url])
    const sending = broadcast.send(await transfer())
    await expect.poll(() => broadcast.reports.length, { timeout: 20_000 }).toBeGreaterThan(0)
    release.resolve()
    expect(await sending).toMatchObject({ status: 'accepted' })
    await expect.poll(() => contradictions(broadcast), { timeout: 20_000 }).toBe(1)
    expect(broadcast.reports.map(({ contradicts }) => contradicts)).toEqual([false, true])
  })

  test('only those asked for are used', async () => {
    const first = createNodeEndpoint({
      ...openTransport({ url: left.url, connectionsMax: 1, responseBytesMax: 100_000 }),
      timeoutMs: 20_000,
      classify: classifySendError,
    })
    const broadcast = createBroadcast({ endpoints: [first] })
    closers.push(broadcast.close)
    await broadcast.send({ ...(await transfer()), through: [first] })
    expect(await broadcast.send({ ...(await transfer()), through: [] })).toMatchObject({ status: 'refused' })
    expect(sends(left)).toBe(1)
  })
})

const rpcError = (message: string, code = -32000) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, error: { code, message } })
const rpcResult = (result: unknown, id: unknown = 1) => JSON.stringify({ jsonrpc: '2.0', id, result })

describe('what an endpoint says of its key', () => {
  const KEY = 'K3y-aB91zQ77mmXw'
  const refusal = `Invalid API key ${KEY} given`
  test.each<[string, number, string]>([
    ['with HTTP 401', 401, JSON.stringify({ error: refusal })],
    ['with a page', 403, `<html>${refusal}</html>`],
    ['with a JSON-RPC error', 200, rpcError(refusal)],
    ['in part', 200, rpcError(`unknown key ${KEY.slice(0, 8)}...`)],
  ])('%s is told without the key', async (_, status, body) => {
    left.interfere = () => ({ kind: 'answer', status, body })
    const broadcast = broadcaster([`${left.url}/v2/${KEY}`])
    const outcome = await broadcast.send(await transfer())
    const told = JSON.stringify([outcome, broadcast.reports])
    for (let at = 0; at + 6 <= KEY.length; at++) expect(told).not.toContain(KEY.slice(at, at + 6))
    expect(told).toContain('…')
    expect(told).toContain('key')
  })
})

describe('an answer that cannot be trusted', () => {
  test('is lost after the node took the transaction: unknown, sent once, and on the chain', async () => {
    left.interfere = () => ({ kind: 'drop-reply' })
    const sent = await transfer()
    const outcome = await broadcaster([left.url]).send(sent)
    expect(outcome.status).toBe('unknown')
    expect(classes(outcome)).toEqual(['no_answer'])
    expect(sends(left)).toBe(1)
    expect(await known(sent.hash)).toBe(true)
  })

  test('is lost on a connection that had been used before: still sent once', async () => {
    const broadcast = broadcaster([left.url])
    expect((await broadcast.send(await transfer())).status).toBe('accepted')
    left.interfere = () => ({ kind: 'drop' })
    expect((await broadcast.send(await transfer({ nonce: 1 }))).status).toBe('unknown')
    expect([sends(left), left.connections]).toEqual([2, 1])
  })

  test('names another hash: unknown, and a contradiction', async () => {
    left.interfere = () => ({ kind: 'answer', status: 200, body: rpcResult(`0x${'7c'.repeat(32)}`) })
    const broadcast = broadcaster([left.url])
    const outcome = await broadcast.send(await transfer())
    expect(outcome.status).toBe('unknown')
    expect(classes(outcome)).toEqual(['foreign_hash'])
    expect(contradictions(broadcast)).toBe(1)
  })

  test.each([
    ['nothing', 200, ''],
    ['no JSON', 200, '<html>nonce too low</html>'],
    ['a result that is no hash', 200, rpcResult(true)],
    ['no result', 200, '{"jsonrpc":"2.0","id":1}'],
    ['an answer to another call', 200, rpcResult(`0x${'7c'.repeat(32)}`, 99)],
    ['an error of another call', 200, rpcError('intrinsic gas too low').replace('"id":1', '"id":99')],
    ['a list', 200, `[${rpcError('intrinsic gas too low')}]`],
    ['an error that is text', 200, '{"jsonrpc":"2.0","id":1,"error":"intrinsic gas too low"}'],
    ['HTTP 403', 403, rpcError('intrinsic gas too low')],
    ['HTTP 413', 413, 'too large'],
    ['HTTP 502', 502, 'Bad Gateway'],
    ['HTTP 301', 301, ''],
  ])('is %s: unknown', async (_, status, body) => {
    left.interfere = () => ({ kind: 'answer', status, body })
    const outcome = await broadcaster([left.url]).send(await transfer())
    expect(outcome.status).toBe('unknown')
    expect(classes(outcome)).toEqual(['no_answer'])
  })

  test('quotes a URL with a key: neither it nor our own URL is repeated', async () => {
    const said = 'failed to forward tx to sequencer: Post "https://seq.example/v2/SECRET": EOF'
    left.interfere = () => ({ kind: 'answer', status: 200, body: rpcError(said) })
    const outcome = await broadcaster([`${left.url}/v2/OURKEY?token=OURKEY`]).send(await transfer())
    expect(JSON.stringify(outcome)).toContain(hostOf(left.url))
    expect(JSON.stringify(outcome)).toContain('failed to forward tx')
    expect(JSON.stringify(outcome)).not.toMatch(/SECRET|OURKEY/)
  })
})

const STATUS: Record<SendErrorClass, BroadcastOutcome['status']> = {
  already_known: 'accepted',
  nonce_too_low: 'contested',
  replacement_underpriced: 'contested',
  // The same bytes may be taken a moment later, or have been run, or were passed on.
  nonce_too_high: 'unknown',
  execution_reverted: 'unknown',
  rate_limited: 'unknown',
  unknown: 'unknown',
  underpriced: 'refused',
  fee_cap_exceeded: 'refused',
  insufficient_funds: 'refused',
  intrinsic_gas: 'refused',
  gas_limit: 'refused',
  delegated_limit: 'refused',
  already_reserved: 'refused',
  txpool_full: 'refused',
  invalid_transaction: 'refused',
  method_unavailable: 'refused',
}

test('every client’s wording comes out as what it means', async () => {
  const sent = await transfer()
  for (const { expected, code, message } of sendErrorCorpus()) {
    left.interfere = () => ({ kind: 'answer', status: 200, body: rpcError(message, code) })
    const broadcast = broadcaster([left.url])
    const { status } = await broadcast.send(sent)
    expect(`${message} → ${status}`).toBe(`${message} → ${STATUS[expected]}`)
    await broadcast.close()
  }
})
