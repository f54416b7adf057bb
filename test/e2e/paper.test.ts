import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type RpcProxy, startRpcProxy } from '../support/rpcProxy.ts'
import { startTitan, type Titan } from '../support/startTitan.ts'

const { weth, usdc } = addressBook.tokens

/** The document's own example: USDC by the V2 router into WETH and by the V3 router (fee 3000) back. */
const example = (over: object = {}) => ({
  chainId: 1,
  token: usdc.address,
  amount: '1000000000',
  flashSource: 1,
  protocols: [0, 1],
  routers: [addressBook.uniswapV2.router, addressBook.uniswapV3.router],
  path: [usdc.address, weth.address],
  extras: ['0x', '0x'],
  expected_profit: 50.0,
  ...over,
})
/** Another amount of a few dollars more each time: a trade of its own that pays too. */
const distinct = (index: number) =>
  example({ signal_id: `distinct-${index}`, amount: String(1_000_000_007 + index * 13) })

let devnet: Devnet
let proxy: RpcProxy
let titan: Titan

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1, 137] })
  proxy = await startRpcProxy({ target: devnet.chains[0]?.rpc ?? '' })
  titan = await startTitan({
    env: { RPC_ETHEREUM: proxy.url, RPC_POLYGON: devnet.chains[1]?.rpc ?? '', QUEUE_MAX: '20000' },
  })
})
afterAll(async () => {
  await titan?.stop()
  await proxy?.stop()
  await devnet?.stop()
})

describe('a PAPER trade', () => {
  it('is answered with the documented fields and true figures', async () => {
    const { status, json } = await titan.post('/execute', example({ signal_id: 'first-1' }))
    expect(status).toBe(200)
    expect(json).toMatchObject({
      success: true,
      mode: 'PAPER',
      status: 'filled',
      signal_id: 'first-1',
      simulation: { success: true, error: null, profit: '26982458', profit_token: usdc.address },
      expected_profit: 50,
    })
    expect(json.simulation.gasUsed).toBeGreaterThan(200_000)
    expect(json.net_profit_usd).toBeCloseTo(26.982458 - (Number(json.gas_cost_wei) / 1e18) * 3000, 6)
    expect(new Date(json.timestamp).toISOString()).toBe(json.timestamp)
  })

  it('gives the same answer to the same signal_id, and none to another trade under it', async () => {
    const first = await titan.post('/execute', example({ signal_id: 'same-1' }))
    const again = await titan.post('/execute', example({ signal_id: 'same-1' }))
    expect(again.json).toEqual(first.json)
    expect(again.headers.get('idempotent-replayed')).toBe('true')
    // How to answer, what is believed and how long it is good are not the trade.
    for (const over of [{ wait: 'none' }, { expected_profit: 7.5 }, { valid_until: Date.now() + 60_000 }])
      expect((await titan.post('/execute', example({ signal_id: 'same-1', ...over }))).json).toEqual(
        first.json,
      )
    const other = await titan.post('/execute', example({ signal_id: 'same-1', amount: '1000000001' }))
    expect([other.status, other.json.code]).toEqual([422, 'SIGNAL_ID_CONFLICT'])
    const elsewhere = await titan.post('/execute', example({ signal_id: 'same-1', chainId: 137 }))
    expect([elsewhere.status, elsewhere.json.code]).toEqual([422, 'SIGNAL_ID_CONFLICT'])
  })

  it('executes one of two signals that arrive together under one id', async () => {
    const before = (await titan.get('/stats')).json.recorded
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => titan.post('/execute', example({ signal_id: 'twins-1' }))),
    )
    const filled = answers.filter(({ json }) => json.success)
    expect(filled.length).toBeGreaterThan(0)
    expect(new Set(filled.map(({ json }) => json.timestamp)).size).toBe(1)
    for (const { json } of answers.filter((answer) => !answer.json.success))
      expect(json.code).toBe('IN_FLIGHT')
    expect((await titan.get('/stats')).json.recorded).toBe(before + 1)
  })

  it('has its line in the log, a refused signal one at debug, and neither holds a secret', async () => {
    const logged = await startTitan({
      env: {
        RPC_ETHEREUM: `${proxy.url}/v2/s3cret`,
        PRIVATE_KEY: `0x${'4c'.repeat(32)}`,
        LOG_LEVEL: 'debug',
      },
    })
    try {
      const filled = await logged.post('/execute', example({ signal_id: 'line-1' }))
      await logged.post('/execute', example({ signal_id: 'line-2', min_profit: '27000000' }))
      await logged.post('/execute', example({ signal_id: 'line-3', chainId: 10 }))
      await logged.post('/execute', example({ signal_id: 'line-4', mode: 'LIVE' }))
      await logged.end()
      const lines = logged
        .output()
        .split('\n')
        .filter((line) => line.includes('"signal_id"'))
        .map((line) => JSON.parse(line))
      expect(lines).toMatchObject([
        {
          level: 30,
          chainId: 1,
          signal_id: 'line-1',
          status: 'filled',
          code: null,
          profit: '26982458',
          net_profit_usd: filled.json.net_profit_usd,
          gas_used: filled.json.simulation.gasUsed,
          ms: expect.any(Number),
        },
        { level: 30, signal_id: 'line-2', status: 'failed', code: 'UNPROFITABLE', error: expect.any(String) },
        { level: 20, signal_id: 'line-3', code: 'UNKNOWN_CHAIN', error: expect.any(String) },
        { level: 20, signal_id: 'line-4', code: 'MODE_MISMATCH' },
      ])
      expect(logged.output()).not.toMatch(/s3cret|4c4c4c/)
    } finally {
      await logged.stop()
    }
  })

  it('is recorded in the history, in the stats and for subscribers', async () => {
    await titan.post('/execute', example({ signal_id: 'recorded-1', chainId: 137 }))
    await titan.post(
      '/execute',
      example({
        signal_id: 'recorded-2',
        chainId: 137,
        path: [weth.address, usdc.address],
        protocols: [1, 0],
        routers: [addressBook.uniswapV3.router, addressBook.uniswapV2.router],
      }),
    )
    const one = await titan.get('/trades/recorded-1')
    expect(one.json).toMatchObject({
      signal: { signal_id: 'recorded-1' },
      simulation: { profit: '26982458' },
    })
    const history = await titan.get('/trades?chain=137&outcome=failed')
    expect(
      history.json.trades.map((trade: { signal: { signal_id: string } }) => trade.signal.signal_id),
    ).toEqual(['recorded-2'])
    const { json: stats } = await titan.get('/stats')
    expect(stats.per_chain['137']).toMatchObject({
      recorded: 2,
      paper_executed: 1,
      failed: 1,
      executed: 0,
    })
    expect(stats.per_chain['137'].total_profit).toBeCloseTo(one.json.simulation.net_profit_usd, 8)
  })
})

describe('PAPER', () => {
  it('sends nothing in a run of 10,000 distinct signals, and the node saw reads only', async () => {
    const batches = Array.from({ length: 20 }, (_, batch) =>
      Array.from({ length: 500 }, (_, index) => distinct(batch * 500 + index)),
    )
    let succeeded = 0
    for (const signals of batches) {
      const { json } = await titan.post('/execute/batch', { signals })
      expect(json.total).toBe(500)
      succeeded += json.succeeded
    }
    expect(succeeded).toBe(10_000)
    expect(proxy.methods.get('eth_call')).toBeGreaterThanOrEqual(10_000)
    const reads =
      /^(eth_call|eth_chainId|eth_blockNumber|eth_getBlockByNumber|eth_gasPrice|eth_getCode|eth_getStorageAt|eth_feeHistory|web3_clientVersion)$/
    expect([...proxy.methods.keys()].filter((method) => !reads.test(method))).toEqual([])
  })

  it('keeps its fills, sums and answers over kill -9 and a restart', async () => {
    const { json: before } = await titan.get('/stats')
    const first = await titan.post('/execute', example({ signal_id: 'over-restart-1' }))
    await titan.end('SIGKILL')
    const restarted = await startTitan({
      dataDir: titan.dataDir,
      env: { RPC_ETHEREUM: proxy.url, RPC_POLYGON: devnet.chains[1]?.rpc ?? '' },
    })
    try {
      const { json: after } = await restarted.get('/stats')
      expect(after.recorded).toBe(before.recorded + 1)
      expect(after.total_profit).toBeCloseTo(before.total_profit + first.json.net_profit_usd, 6)
      const again = await restarted.post('/execute', example({ signal_id: 'over-restart-1' }))
      expect(again.json).toEqual(first.json)
      const { json: log } = await restarted.get('/events?from_seq=1&limit=1000')
      expect(log.events.map((event: { seq: number }) => event.seq)).toEqual(
        Array.from({ length: log.events.length }, (_, index) => index + 1),
      )
      expect((await restarted.get('/trades/over-restart-1')).json.signal.signal_id).toBe('over-restart-1')
    } finally {
      await restarted.stop()
    }
    const db = new DatabaseSync(join(titan.dataDir, 'paper', 'chain-1.sqlite'), { readOnly: true })
    const rows = db.prepare('SELECT count(*) AS rows, count(DISTINCT signal_id) AS ids FROM executions').get()
    db.close()
    expect(rows?.rows).toBe(rows?.ids)
    rmSync(titan.dataDir, { recursive: true, force: true })
  })
})
