import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { LIMITS } from '../../src/config/limits.ts'
import { askBlockReceipts } from '../../src/confirmation/blockReceipts.ts'
import { createFindForeign } from '../../src/confirmation/findForeign.ts'
import { readReceipt } from '../../src/confirmation/minedReceipt.ts'
import { realise } from '../../src/confirmation/realisedProfit.ts'
import type { Address, Hex } from '../../src/domain/signal.ts'
import { createFeeOracle } from '../../src/fees/feeOracle.ts'
import { createLaneBalances } from '../../src/lanes/laneBalances.ts'
import { readBlockHashes } from '../../src/nodes/blockHashes.ts'
import { createFinalBlock } from '../../src/nodes/finalBlock.ts'
import { createHeadAge } from '../../src/nodes/headAge.ts'
import { createHeads, readBlock, readHead } from '../../src/nodes/heads.ts'
import { createJsonRpc } from '../../src/nodes/jsonRpc.ts'
import { readNodeError } from '../../src/nodes/nodeErrors.ts'
import { probeChain } from '../../src/nodes/probe.ts'
import type { JsonRpc } from '../../src/nodes/rpc.ts'
import { classifySendError } from '../../src/nodes/sendErrors.ts'
import { type RpcCall, settleCalls } from '../../src/nodes/settleCalls.ts'
import { decodeBehindAnswer, decodeLensAnswer } from '../../src/simulation/lensCall.ts'
import { createPrices } from '../../src/simulation/prices.ts'
import { chainConfig, DEVNET_BOOK, type probedChain } from '../support/probedChain.ts'

// Whatever a node answers, nothing of it may throw: what is thrown in a chain thread ends the thread.

const RUNS = 400
const HASH: Hex = `0x${'a5'.repeat(32)}`
const ACCOUNT: Address = '0x00000000000000000000000000000000000a11ce'

/** JSON objects that JavaScript cannot turn into text or a number. */
const unprintable = fc.constantFrom(
  { toString: 1 },
  { toString: null, valueOf: null },
  { valueOf: {}, toString: {} },
  { toString: 'x', toJSON: 7 },
  [{ toString: 1 }],
)
const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEFx'), maxLength: 140 })
const hexText = fc.oneof(
  fc.constantFrom('0x', '0x0', '0x1', HASH, ACCOUNT, '0xzz', '-0x1', '1e400', `0x${'f'.repeat(65)}`),
  digits.map((text) => `0x${text}`),
  fc
    .array(fc.constantFrom('00', 'ff', '20', '40', 'a0'), { maxLength: 700 })
    .map((bytes) => `0x${bytes.join('')}`),
)
const leaf = fc.oneof(fc.jsonValue({ maxDepth: 2 }), unprintable, hexText, fc.integer(), fc.double())
const NAMES = [
  ...[
    'id',
    'jsonrpc',
    'result',
    'error',
    'code',
    'message',
    'data',
    'method',
    'params',
    'subscription',
    '__proto__',
  ],
  ...[
    'number',
    'timestamp',
    'hash',
    'parentHash',
    'transactions',
    'transactionHash',
    'blockHash',
    'blockNumber',
  ],
  ...[
    'gasUsed',
    'effectiveGasPrice',
    'status',
    'logs',
    'address',
    'topics',
    'l1Fee',
    'from',
    'nonce',
    'to',
    'input',
  ],
  ...[
    'baseFeePerGas',
    'reward',
    'gasUsedRatio',
    'authorizationList',
    'toString',
    'constructor',
    'length',
    'then',
  ],
] as const
/** What a node may say: any JSON, and what looks like what is expected with anything in its places. */
const { answer } = fc.letrec<{ answer: unknown }>((tie) => ({
  answer: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.dictionary(fc.constantFrom(...NAMES), tie('answer'), { maxKeys: 8 }),
    fc.array(tie('answer'), { maxLength: 6 }),
  ),
}))
/** As it arrives: only what JSON can carry. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify({ value }) ?? '{}').value as unknown
const json = answer.filter((value) => !hasThen(value)).map(asJson)
/** A promise resolves what has a method of that name, which JSON cannot carry. */
const hasThen = (value: unknown) => typeof (value as { then?: unknown } | null)?.then === 'function'

/** A block of a chain with anything in one place, or anything. */
const blockLike = fc.oneof(
  json,
  fc
    .record({
      name: fc.constantFrom('number', 'timestamp', 'hash', 'parentHash', 'transactions'),
      value: json,
    })
    .map(({ name, value }) => ({
      ...{ number: '0x7', timestamp: '0x6553f100', hash: HASH, parentHash: HASH, transactions: [HASH] },
      [name]: value,
    })),
)
const receiptLike = fc.oneof(
  json,
  fc.record({ name: fc.constantFrom(...NAMES), value: json }).map(({ name, value }) => ({
    ...{
      transactionHash: HASH,
      blockHash: HASH,
      blockNumber: '0x7',
      gasUsed: '0x5208',
      effectiveGasPrice: '0x1',
    },
    ...{ status: '0x1', logs: [{ address: ACCOUNT, topics: [HASH], data: '0x' }] },
    [name]: value,
  })),
)

describe('a decoder', () => {
  test('of replies settles or gives back each call exactly once', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }), json, (which, noise) => {
        const settled: number[] = []
        const calls = which.map(
          (_, index): RpcCall => ({
            id: index + 1,
            method: 'eth_call',
            paramsJson: '[]',
            refuses: null,
            settle: () => settled.push(index + 1),
          }),
        )
        const own = calls.filter((_, index) => which[index]).map(({ id }) => ({ ...Object(noise), id }))
        for (const reply of [noise, own, [noise, ...own]]) {
          settled.length = 0
          const left = settleCalls(calls, reply, { host: 'node', redact: (text) => text })
          const ids = [...settled, ...(left?.calls ?? []).map(({ id }) => id)]
          expect(ids.toSorted()).toEqual(calls.map(({ id }) => id))
        }
      }),
      { numRuns: RUNS },
    )
  })

  test.each<[string, fc.Arbitrary<unknown>, (value: unknown) => unknown]>([
    ['of errors', json, (data) => readNodeError({ code: 3, message: 'execution reverted', data })],
    [
      'of refused sends',
      json,
      (value) => classifySendError({ code: -32000, message: String(JSON.stringify(value)) }),
    ],
    ['of heads', blockLike, readHead],
    ['of blocks', blockLike, readBlock],
    ['of simulations', fc.oneof(json, hexText), decodeLensAnswer],
    ['of simulations behind others', fc.oneof(json, hexText), decodeBehindAnswer],
    [
      'of receipts',
      receiptLike,
      (result) => {
        const read = readReceipt({ result, hash: HASH })
        if (read.kind === 'mined')
          realise({ ...read.receipt, executor: ACCOUNT, loanToken: ACCOUNT, success: true })
      },
    ],
  ])('%s throws at nothing', (_, values, decode) => {
    fc.assert(
      fc.property(values, (value) => void decode(value)),
      { numRuns: RUNS },
    )
  })
})

/** Answers each call with the next of some values. */
const answering = (values: readonly unknown[]): JsonRpc => {
  let at = 0
  return {
    call: async () => ({ ok: true, result: values[at++ % values.length] }),
  } as Partial<JsonRpc> as JsonRpc
}

describe('a reader of several answers', () => {
  const readers: Record<string, (rpc: JsonRpc) => Promise<unknown>> = {
    'of blocks’ receipts': (rpc) =>
      askBlockReceipts({
        rpc,
        holdings: [HASH, ACCOUNT].map((transaction) => ({ transaction, blockHash: HASH, blockSize: 2 })),
      })({ transaction: HASH, blockHash: HASH, blockSize: 2 }),
    'of balances': (rpc) => createLaneBalances({ rpc }).balance(ACCOUNT),
    'of block hashes': (rpc) => readBlockHashes({ rpc, source: 'opcode', from: 3, to: 5 }),
    'of the final block': (rpc) =>
      createFinalBlock({ rpc, finality: { tag: 'finalized', fallbackDepth: 64 }, head: () => 9 })(),
    'of fees': (rpc) =>
      createFeeOracle({ rpc, chain: { feeModel: 'eip1559', minTipWei: 1n, blockTimeMs: 2_000 } }).current(),
    'of the probe': (rpc) =>
      probeChain({
        rpc,
        chain: chainConfig({ chainId: 1, endpoint: 'http://none' }),
        devnetBook: DEVNET_BOOK,
      }),
  }
  test.each(Object.entries(readers))('%s rejects at nothing', async (_, read) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(json, blockLike, hexText, fc.array(receiptLike)), { minLength: 1, maxLength: 4 }),
        async (values) => {
          await read(answering(values))
        },
      ),
      { numRuns: RUNS / 2 },
    )
  })
})

test('the search for a foreign transaction rejects at nothing that a block holds', async () => {
  const transaction = fc.oneof(
    json,
    fc.record({ from: fc.oneof(json, fc.constant(ACCOUNT)), nonce: fc.oneof(json, fc.constant('0x3')) }),
    fc.record({ authorizationList: fc.oneof(json, fc.array(json)) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(transaction), fc.oneof(json, transaction), async (transactions, told) => {
      const results: Record<string, unknown> = {
        eth_getTransactionCount: '0x9',
        eth_getBlockByNumber: { transactions },
        eth_getTransactionBySenderAndNonce: told,
      }
      const call = async (method: string) => ({ ok: true, result: results[method] }) as const
      const find = createFindForeign({ rpc: { call }, chainId: 1 })
      await find({ account: ACCOUNT, nonce: 3, fromBlock: 5, toBlock: 9 })
    }),
    { numRuns: RUNS / 2 },
  )
})

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

describe('over sockets', () => {
  const bytes = fc.oneof(
    json.map((value) => Buffer.from(JSON.stringify(value) ?? 'undefined')),
    fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
    fc
      .constantFrom(
        '',
        '{',
        'null',
        '[]',
        '[[[[[[',
        '{"id":1',
        '"x"',
        '\u0000',
        '{"jsonrpc":"2.0","id":{"toString":1}}',
      )
      .map((text) => Buffer.from(text)),
    fc.nat(20_000).map((depth) => Buffer.from('['.repeat(depth) + ']'.repeat(depth))),
  )
  const listener = async (server: ReturnType<typeof createServer>) => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  test('by HTTP, whatever bytes and status come, each call has an outcome and the client goes on', async () => {
    let reply: { status: number; body: (ids: number[]) => Buffer } = {
      status: 200,
      body: () => Buffer.alloc(0),
    }
    const server = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const ids = [JSON.parse(body)].flat().map(({ id }) => id)
      response.writeHead(reply.status, { 'retry-after': '0' }).end(reply.body(ids))
    })
    const port = await listener(server)
    const rpc = createJsonRpc({ endpoints: [`http://127.0.0.1:${port}`], timeoutMs: 20_000, limits: LIMITS })
    ends.push(async () => {
      await rpc.close()
      server.closeAllConnections()
      server.close()
    })
    const ask = () =>
      Promise.all(['eth_chainId', 'eth_gasPrice', 'eth_blockNumber'].map((name) => rpc.call(name, [])))
    const withIds = fc.tuple(fc.constant(true), json)
    const raw = fc.tuple(fc.constant(false), bytes)
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(200, 204, 301, 400, 401, 413, 429, 500, 503),
        fc.oneof(withIds, raw),
        async (status, [named, said]) => {
          reply = {
            status,
            body: (ids) =>
              named
                ? Buffer.from(JSON.stringify(ids.map((id) => ({ ...Object(said), id }))))
                : (said as Buffer),
          }
          for (const outcome of await ask())
            expect(outcome.ok ? 'result' in outcome : ['rpc', 'transport'].includes(outcome.kind)).toBe(true)
        },
      ),
      { numRuns: 150 },
    )
    reply = {
      status: 200,
      body: (ids) => Buffer.from(JSON.stringify(ids.map((id) => ({ id, result: '0x1' })))),
    }
    await expect.poll(async () => (await ask()).every(({ ok }) => ok), { timeout: 20_000 }).toBe(true)
  })

  test('by WebSocket, whatever is answered and announced, heads go on', async () => {
    const server = createServer()
    const sockets = new WebSocketServer({ server })
    const open = new Set<WebSocket>()
    let said: Buffer = Buffer.alloc(0)
    let isWell = false
    let height = 1
    const block = () => ({
      ...{ number: `0x${(++height).toString(16)}`, timestamp: '0x6553f100', parentHash: HASH },
      hash: `0x${height.toString(16).padStart(64, '0')}`,
    })
    sockets.on('connection', (socket) => {
      open.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => open.delete(socket))
      socket.on('message', (text) => {
        const calls = [JSON.parse(text.toString())].flat() as { id: number; method: string }[]
        for (const { id, method } of calls) {
          if (method === 'eth_subscribe') socket.send(JSON.stringify({ id, result: '0x5' }))
          else if (isWell) socket.send(JSON.stringify({ id, result: block() }))
          else socket.send(said)
        }
      })
    })
    const port = await listener(server)
    const rpc = createJsonRpc({ endpoints: [`ws://127.0.0.1:${port}`], timeoutMs: 300, limits: LIMITS })
    let seen = 0
    const heads = createHeads({
      endpoints: rpc.endpoints,
      headAge: createHeadAge({ maxMs: () => null }),
      blockTimeMs: 1_000,
      paces: { busyMs: 20, idleMs: 20, announcedMs: 20, othersMs: 1_000 },
      onHead: () => seen++,
    })
    ends.push(async () => {
      heads.stop()
      await rpc.close()
      for (const socket of open) socket.terminate()
      server.close()
    })
    const announcement = fc.oneof(json, blockLike).map((result) =>
      JSON.stringify({
        jsonrpc: '2.0',
        method: 'eth_subscription',
        params: { subscription: '0x5', result },
      }),
    )
    const hostile = json.map((params) =>
      JSON.stringify({ jsonrpc: '2.0', method: 'eth_subscription', params }),
    )
    await fc.assert(
      fc.asyncProperty(bytes, fc.oneof(announcement, hostile), async (answers, announced) => {
        said = answers
        for (const socket of open) {
          socket.send(announced)
          socket.send(answers)
        }
        await new Promise((resolve) => setTimeout(resolve, 15))
      }),
      { numRuns: 150 },
    )
    isWell = true
    const before = seen
    await expect.poll(() => seen, { timeout: 30_000 }).toBeGreaterThan(before + 2)
  })
})

test('prices and a probed chain outlive any answer of the node they know', async () => {
  const facts = { oracle: ACCOUNT } as Awaited<ReturnType<typeof probedChain>>['facts']
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(json, hexText), { minLength: 1, maxLength: 4 }), async (values) => {
      const prices = createPrices({ rpc: answering(values), facts: () => facts, readNodeError })
      expect(['known', 'none', 'unread']).toContain((await prices.usdE8(ACCOUNT)).kind)
    }),
    { numRuns: RUNS / 2 },
  )
})
