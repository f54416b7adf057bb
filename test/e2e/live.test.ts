import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addressBook } from '../../devnet/addressBook.ts'
import { audit } from '../crash/audit.ts'
import { readLaneRest, readLaneTransactions } from '../crash/readChain.ts'
import { readAttempts } from '../crash/readJournal.ts'
import type { Answered, StreamedSignal } from '../crash/signalStream.ts'
import { WIDE } from '../support/keepSpread.ts'
import { eventually } from '../support/liveTitan.ts'
import { type LiveWorld, liveSignal, startLiveWorld, type TradingChain } from '../support/liveWorld.ts'
import { settleTrades } from '../support/settleTrades.ts'
import { type Json, startTitan, type Titan } from '../support/startTitan.ts'
import { openWs } from '../support/wsClient.ts'

const CHAIN_IDS = [1, 8453, 42161]
const SIGNALS = 500
const { usdc } = addressBook.tokens

let world: LiveWorld
let titan: Titan
let dataDir: string

async function startReady(env: Record<string, string>, folder: string): Promise<Titan> {
  const started = await startTitan({ env, dataDir: folder })
  await eventually(async () =>
    (await started.get('/readyz')).json.chains_ready === CHAIN_IDS.length ? true : null,
  )
  return started
}

beforeAll(async () => {
  world = await startLiveWorld({ chainIds: CHAIN_IDS, laneCount: 4 })
  dataDir = mkdtempSync(join(tmpdir(), 'titan-live-e2e-'))
  titan = await startReady(world.env(), dataDir)
})
afterAll(async () => {
  await titan?.stop()
  await world?.stop()
  if (dataDir) rmSync(dataDir, { recursive: true, force: true })
})

const executorTokens = (chain: TradingChain) =>
  chain.tokenBalance({ token: usdc.address, account: world.executor })
const laneWei = async (chain: TradingChain) => {
  const balances = await Promise.all(
    world.lanes.map((lane) => chain.ask<string>('eth_getBalance', lane, 'latest')),
  )
  return balances.reduce((sum, wei) => sum + BigInt(wei), 0n)
}

describe('500 signals on three chains by four lanes each', () => {
  const lost = (index: number) => index % 5 === 3
  const signals = Array.from({ length: SIGNALS }, (_, index) =>
    liveSignal({
      chainId: CHAIN_IDS[index % CHAIN_IDS.length] as number,
      index,
      losing: lost(index),
      wait: (['included', 'broadcast', 'none', 'included'] as const)[index % 4],
    }),
  )
  const sent: StreamedSignal[] = []
  const balances = new Map<number, { tokens: bigint; wei: bigint }>()
  let records: ReadonlyMap<string, Json | null>

  beforeAll(async () => {
    for (const chain of world.chains)
      balances.set(chain.chainId, { tokens: await executorTokens(chain), wei: await laneWei(chain) })
    // Every seventh comes twice, at once: together with its twin, or right after it.
    const queue = signals.flatMap((signal, index) => (index % 7 === 0 ? [signal, signal] : [signal]))
    const keeping = setInterval(() => {
      for (const { spread } of world.chains) spread.set(WIDE).catch(() => {})
    }, 1_000)
    await Promise.all(
      Array.from({ length: 24 }, async () => {
        for (let signal = queue.shift(); signal; signal = queue.shift()) {
          const answers: Answered[] = []
          sent.push({ signal, answers })
          for (;;) {
            const { status, json } = await titan.post('/execute', signal)
            if (json.code === 'IN_FLIGHT') await sleep(20)
            else {
              answers.push({ httpStatus: status, body: json })
              break
            }
          }
        }
      }),
    )
    clearInterval(keeping)
    const ids = signals.map(({ signal_id }) => signal_id)
    records = await settleTrades({ url: titan.url, chains: world.chains, ids, timeoutMs: 60_000 })
  }, 240_000)

  it('puts exactly the profitable distinct ones on chain, each once, at contiguous nonces', async () => {
    const outcomes = [...records].map(([id, record]) => [id, record?.status, record?.final])
    expect(outcomes).toEqual(
      signals.map(({ signal_id }, index) => [signal_id, lost(index) ? 'denied' : 'included', true]),
    )
    for (const chain of world.chains) {
      const mined = await readLaneTransactions({ chain, lanes: world.lanes, executor: world.executor })
      const ours = [...records.values()].filter(
        (record) => record?.chainId === chain.chainId && record.status === 'included',
      )
      expect(mined.map(({ hash }) => hash).sort()).toEqual(ours.map((record) => record?.txHash).sort())
      for (const lane of world.lanes) {
        const nonces = mined.filter((transaction) => transaction.lane === lane).map(({ nonce }) => nonce)
        expect(nonces.length).toBeGreaterThan(10)
        expect(nonces).toEqual(nonces.map((_, index) => index))
      }
    }
  })

  it('sums to the balances, to the unit and to the wei', async () => {
    const { json: stats } = await titan.get('/stats')
    let all = 0
    for (const chain of world.chains) {
      const before = balances.get(chain.chainId) as { tokens: bigint; wei: bigint }
      const own = [...records.values()].filter((record) => record?.chainId === chain.chainId)
      const sum = (field: string) => own.reduce((total, record) => total + BigInt(record?.[field] ?? 0), 0n)
      expect((await executorTokens(chain)) - before.tokens).toBe(sum('profit'))
      expect(before.wei - (await laneWei(chain))).toBe(sum('gas_cost_wei'))
      // The oracle's prices: 1 USD and 3,000 USD. Each trade's gain and cost are rounded down to 1e-8 USD.
      const exact = Number(sum('profit')) / 1e6 - (Number(sum('gas_cost_wei')) / 1e18) * 3_000
      const reported = stats.per_chain[chain.chainId].total_profit
      expect(Math.abs(exact - reported)).toBeLessThan(own.length * 2e-8)
      const included = own.filter((record) => record?.status === 'included')
      expect(stats.per_chain[chain.chainId]).toMatchObject({
        executed: included.length,
        failed: own.length - included.length,
        recorded: own.length,
      })
      all += reported
    }
    expect(stats.total_profit).toBeCloseTo(all, 6)
    expect(stats.total_profit).toBeGreaterThan(100)
  })

  it('tells each outcome once, and never goes back', async () => {
    const steps = new Map<string, string[]>()
    for (let from = 1; ; ) {
      const { json } = await titan.get(`/events?from_seq=${from}&limit=1000`)
      for (const { signal_id, status, final } of json.events)
        steps.set(signal_id, [...(steps.get(signal_id) ?? []), final ? `${status} final` : status])
      if (json.events.length === 0) break
      from = json.next_seq
    }
    expect(steps.size).toBe(SIGNALS)
    const order = ['accepted', 'signed', 'pending', 'included', 'included final']
    for (const [id, told] of steps) {
      const places = told.filter((step) => !step.startsWith('denied')).map((step) => order.indexOf(step))
      // A replacement is told too, in the state it is made in; an outcome once.
      expect([id, places]).toEqual([id, places.toSorted((a, b) => a - b)])
      expect(places.filter((place) => place >= 3)).toEqual([...new Set(places.filter((place) => place >= 3))])
    }
  })

  it('is what the audit of the crash test finds too, journal included', async () => {
    await titan.end()
    const { lanes, executor } = world
    const found = audit({
      sent,
      records,
      transactions: (
        await Promise.all(world.chains.map((chain) => readLaneTransactions({ chain, lanes, executor })))
      ).flat(),
      rests: (await Promise.all(world.chains.map((chain) => readLaneRest({ chain, lanes })))).flat(),
      attempts: readAttempts({ dataDir }),
    })
    titan = await startReady(world.env(), dataDir)
    expect(found.findings).toEqual([])
  })
})

describe('how far an answer waits', () => {
  const chain = () => world.chains[0] as TradingChain
  const post = (index: number, wait: string, extra: object = {}) =>
    titan.post('/execute', liveSignal({ chainId: 1, index: 10_000 + index, wait, ...extra }))

  it('none: 202 at once with the place of its record, which converges', async () => {
    const { status, headers, json } = await post(1, 'none')
    expect([status, json.success, json.status, json.sent]).toEqual([202, true, 'accepted', 'no'])
    const place = headers.get('location') ?? ''
    expect(place).toBe(`/trades/${json.signal_id}`)
    const record = await eventually(async () => {
      const found = await titan.get(place)
      return found.json.status === 'included' ? found.json : null
    })
    expect(record).toMatchObject({
      sent: 'yes',
      nonce: expect.any(Number),
      txHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    })
  })

  it('broadcast: 202 once a node has it; included: 202 when the block does not come in time', async () => {
    await chain().automine(false)
    try {
      const broadcast = await post(2, 'broadcast')
      expect([broadcast.status, broadcast.json.success, broadcast.json.status]).toEqual([
        202,
        true,
        'pending',
      ])
      expect(await chain().pooled()).toContain(broadcast.json.txHash)
      const included = post(3, 'included')
      await eventually(async () => ((await chain().pooled()).length === 2 ? true : null))
      await chain().mine()
      const { status, json } = await included
      expect([status, json.success, json.status]).toEqual([200, true, 'included'])
      const first = await eventually(async () => {
        const found = await titan.get(`/trades/${broadcast.json.signal_id}`)
        return found.json.status === 'included' ? found.json : null
      })
      expect(first.txHash).toBe(broadcast.json.txHash)
    } finally {
      await chain().automine(true)
    }
  })

  it('included, and the wait ends first: 202 NOT_SETTLED, and the record goes on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'titan-live-e2e-'))
    await titan.end()
    const hasty = await startReady({ ...world.env(), INCLUDED_WAIT_MS: '400' }, folder)
    await chain().automine(false)
    try {
      const { status, headers, json } = await hasty.post(
        '/execute',
        liveSignal({ chainId: 1, index: 10_004 }),
      )
      expect([status, json.success, json.code, json.sent]).toEqual([202, false, 'NOT_SETTLED', 'yes'])
      expect(headers.get('location')).toBe('/trades/live-1-10004')
      await chain().mine()
      await eventually(async () =>
        (await hasty.get('/trades/live-1-10004')).json.status === 'included' ? true : null,
      )
    } finally {
      await chain().automine(true)
      await hasty.stop()
      rmSync(folder, { recursive: true, force: true })
      titan = await startReady(world.env(), dataDir)
    }
  })

  it('gives the same answer to the same id, and none to another trade under it', async () => {
    const first = await post(5, 'included')
    const again = await post(5, 'included')
    expect(again.json).toMatchObject({
      status: 'included',
      txHash: first.json.txHash,
      nonce: first.json.nonce,
    })
    const unawaited = await post(5, 'none', { expected_profit: 3 })
    expect([unawaited.status, unawaited.json.txHash]).toEqual([200, first.json.txHash])
    const other = await post(5, 'included', { amount: '61000001' })
    expect([other.status, other.json.code]).toEqual([422, 'SIGNAL_ID_CONFLICT'])
  })

  it('tells subscribers as the document does', async () => {
    const ws = await openWs(titan.url.replace('http', 'ws'))
    try {
      expect(ws.connected).toMatchObject({ type: 'connected', mode: 'LIVE' })
      const { json } = await post(6, 'included')
      // What was sent before may still be on its way to subscribers.
      let told = await ws.next()
      while ((told.signal as { signal_id?: string } | undefined)?.signal_id !== json.signal_id)
        told = await ws.next()
      expect(told).toMatchObject({
        type: 'live_execution',
        signal: { signal_id: json.signal_id, chainId: 1 },
        txHash: json.txHash,
        timestamp: json.timestamp,
      })
    } finally {
      await ws.close()
    }
  })
})
