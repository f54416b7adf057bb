import { afterAll, beforeAll, expect, it } from 'vitest'
import { CODES } from '../../src/errors/codes.ts'
import { createControl } from '../../src/server/control.ts'
import { exchange, requestText } from '../support/rawSocket.ts'
import { readJson } from '../support/readJson.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'
import { openWs } from '../support/wsClient.ts'

let server: TransportServer
beforeAll(async () => {
  server = await startTransportServer()
})
afterAll(() => server.stop())

const get = (path: string, headers: Record<string, string> = {}) => fetch(server.url + path, { headers })
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

it('reports health and statistics with the fields of the documentation, and the same per chain', async () => {
  expect(await readJson(await get('/health'))).toEqual({
    status: 'healthy',
    mode: 'PAPER',
    chains: 2,
    uptime: expect.any(Number),
    stats: { total_signals: 0, executed: 0, failed: 0, paper_executed: 0 },
  })
  await post('/execute', { ...sampleRequest, expected_profit: 51.5 })
  await post('/execute', { ...sampleRequest, chainId: 8453, expected_profit: 7 })
  expect(await readJson(await get('/stats'))).toEqual({
    total_signals: 2,
    recorded: 2,
    refused: 0,
    repeated: 0,
    executed: 0,
    paper_executed: 2,
    failed: 0,
    unpriced: 0,
    total_profit: expect.closeTo(2.46913578, 8),
    total_expected_profit: 58.5,
    mode: 'PAPER',
    connected_clients: 0,
    providers: 2,
    uptime: expect.any(Number),
    per_chain: {
      1: expect.objectContaining({
        paper_executed: 1,
        total_profit: 1.23456789,
        total_expected_profit: 51.5,
      }),
      8453: expect.objectContaining({ paper_executed: 1, total_expected_profit: 7 }),
    },
  })
  const verbose = await readJson(await get('/health?verbose'))
  expect(verbose.stats).toEqual({ total_signals: 2, executed: 0, failed: 0, paper_executed: 2 })
  expect(verbose.chain_status[0]).toMatchObject({ gas: null })
  expect(verbose.chain_status[1]).toMatchObject({ gas: { trades: { leftWei: '350000000000000000' } } })
  expect(verbose.chain_status[1]).toMatchObject({ chainId: 8453, state: 'ready', head: 7, queue_depth: 0 })
})

it('says that it lives and that it is ready', async () => {
  expect((await get('/livez')).status).toBe(200)
  const ready = await get('/readyz?verbose')
  expect(ready.status).toBe(200)
  expect(await readJson(ready)).toMatchObject({
    ready: true,
    chains_ready: 2,
    checks: [{ chainId: 1 }, { chainId: 8453 }],
  })
})

it('takes the id from the header Idempotency-Key, and marks a replayed answer', async () => {
  const first = await post('/execute', sampleRequest, { 'Idempotency-Key': 'order-1' })
  expect(first.headers.get('idempotent-replayed')).toBeNull()
  expect(await readJson(first)).toMatchObject({ success: true, signal_id: 'order-1' })
  const again = await post('/execute', sampleRequest, { 'Idempotency-Key': 'seen-before' })
  expect(again.headers.get('idempotent-replayed')).toBe('true')
  const batch = await post(
    '/execute/batch',
    { signals: [sampleRequest, { ...sampleRequest, signal_id: 'own' }] },
    { 'Idempotency-Key': 'b7' },
  )
  const { results } = await readJson(batch)
  expect(results.map((result: { signal_id: string }) => result.signal_id)).toEqual(['b7.0', 'own'])
  const nulls = { signals: [{ ...sampleRequest, signal_id: null }] }
  const long = 'a1'.repeat(32)
  const id = async (key: string) =>
    (await readJson(await post('/execute/batch', nulls, { 'Idempotency-Key': key }))).results[0].signal_id
  expect(await id('b8')).toBe('b8.0')
  expect(await id(long)).toBe(await id(long))
})

it('says where the record of a trade on its way is', async () => {
  const named = await post('/execute', { ...sampleRequest, wait: 'none', signal_id: 'on-its.way_1' })
  expect([named.status, named.headers.get('location')]).toEqual([202, '/trades/on-its.way_1'])
  expect(named.headers.get('content-type')).toBe('application/json')
  const unnamed = await post('/execute', { ...sampleRequest, wait: 'none' })
  const { signal_id } = await readJson(unnamed)
  expect(unnamed.headers.get('location')).toBe(`/trades/${signal_id}`)
  expect((await get(`/trades/${signal_id}`)).status).toBe(200)
  expect((await post('/execute', sampleRequest)).headers.get('location')).toBeNull()
})

it('shows an execution once, as its newest event says, and all its events in the log', async () => {
  const change = (type: 'execution_update' | 'live_execution', outcome: 'open' | 'filled') =>
    server.dispatcher.publish({ chainId: 1, signalId: 'changing', type, outcome })
  const rows = async (query: string): Promise<{ seq: number; type: string }[]> => {
    const { trades } = await readJson(await get(`/trades?limit=1000${query}`))
    return trades.filter(({ signal }: { signal: { signal_id: string } }) => signal.signal_id === 'changing')
  }
  change('execution_update', 'open')
  await post('/execute', { ...sampleRequest, signal_id: 'after-it' })
  expect(await rows('&outcome=open')).toHaveLength(1)
  change('execution_update', 'open')
  change('live_execution', 'filled')
  expect(await rows('')).toEqual([expect.objectContaining({ type: 'live_execution' })])
  expect(await rows('&outcome=open')).toEqual([])
  expect(await rows('&outcome=filled')).toHaveLength(1)
  expect(await readJson(await get('/trades/changing'))).toMatchObject({ type: 'live_execution' })
  const log = await readJson(await get('/events?limit=1000'))
  const types = log.events
    .filter(({ signal }: { signal: { signal_id: string } }) => signal.signal_id === 'changing')
    .map(({ type }: { type: string }) => type)
  expect(types).toEqual(['execution_update', 'execution_update', 'live_execution'])
})

it('shows the lanes of a chain', async () => {
  const { chain_status } = await readJson(await get('/health?verbose'))
  expect(chain_status.map(({ lanes }: { lanes: object[] }) => lanes)).toEqual([
    [],
    [
      {
        address: '0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48',
        nonce: 43,
        inFlight: 3,
        cap: 4,
        paused: null,
        gaps: [40, 41],
      },
    ],
  ])
})

it('pages through the history and the event log', async () => {
  for (const signal_id of ['p1', 'p2', 'p3'])
    await post('/execute', { ...sampleRequest, chainId: 8453, signal_id })
  const all = await readJson(await get('/trades?chain=8453&limit=1000'))
  expect(all.next).toBeNull()
  const ids = (trades: { signal: { signal_id: string } }[]) => trades.map(({ signal }) => signal.signal_id)
  expect(ids(all.trades).slice(-3)).toEqual(['p1', 'p2', 'p3'])
  const collected: string[] = []
  let from: number | null = 0
  while (from !== null) {
    const page: { trades: []; next: number | null } = await readJson(
      await get(`/trades?chain=8453&limit=2&from=${from}`),
    )
    collected.push(...ids(page.trades))
    from = page.next
  }
  expect(collected).toEqual(ids(all.trades))
  expect((await readJson(await get('/trades?outcome=failed'))).trades).toEqual([])

  const log = await readJson(await get('/events'))
  expect(log).toMatchObject({ oldest: 1, epoch: server.events.epoch(), next_seq: log.events.length + 1 })
  expect(log.events.map(({ seq }: { seq: number }) => seq)).toEqual(
    log.events.map((_: unknown, place: number) => place + 1),
  )
  const rest = await readJson(await get(`/events?from_seq=${log.next_seq - 1}`))
  expect(rest).toMatchObject({ events: [log.events.at(-1)], next_seq: log.next_seq })
  expect(await readJson(await get(`/events?from_seq=${log.next_seq}`))).toMatchObject({
    events: [],
    next_seq: log.next_seq,
  })
  // Beyond the end was another log, or this one before its file was put back: what comes next is not what is
  // waited for (F19).
  expect(await readJson(await get(`/events?from_seq=${log.next_seq + 7}`))).toMatchObject({
    events: [],
    gap: true,
    next_seq: log.next_seq,
  })
  const known = await readJson(await get(`/events?from_seq=2&epoch=${log.epoch}`))
  expect([known.gap, known.events[0].seq]).toEqual([false, 2])
  const other = await readJson(await get('/events?from_seq=2&epoch=another'))
  expect([other.gap, other.events[0].seq, other.epoch]).toEqual([true, 1, log.epoch])
  expect(await readJson(await get('/trades/p2'))).toMatchObject({
    signal: { signal_id: 'p2', chainId: 8453 },
  })
})

it('gives the history as a table on request', async () => {
  for (const answer of [await get('/trades?format=csv'), await get('/trades', { Accept: 'text/csv' })]) {
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    const lines = (await answer.text()).trimEnd().split('\r\n')
    expect(lines[0]).toMatch(/^seq,timestamp,mode,chain_id,signal_id,outcome,code,/)
    expect(lines[1]).toMatch(/^1,\d{4}-\d\d-\d\dT.*Z,,1,[0-9a-f-]{36},filled,,/)
  }
  expect((await get('/trades?format=csv&limit=1')).headers.get('x-next-from')).toBe('2')
})

it('explains every code where the type of a problem points', async () => {
  const { type } = await readJson(await get('/nowhere'))
  expect(await readJson(await get(type))).toEqual({ code: 'NOT_FOUND', ...CODES.NOT_FOUND })
  for (const code of Object.keys(CODES)) {
    const answer = await get(`/errors/${code}`)
    expect([answer.status, (await readJson(answer)).code]).toEqual([200, code])
  }
  for (const name of ['NO_SUCH', 'constructor', 'invalid_signal', '%00']) {
    const answer = await get(`/errors/${name}`)
    expect(answer.status).toBe(404)
    expect(await readJson(answer)).toMatchObject({ code: 'NOT_FOUND' })
  }
  expect((await get('/errors/')).status).toBe(404)
})

it('answers JSON-RPC calls with an error that says what it is', async () => {
  const answer = await post('/', { jsonrpc: '2.0', id: 77, method: 'eth_chainId', params: [] })
  expect(answer.status).toBe(200)
  expect(await readJson(answer)).toMatchObject({
    jsonrpc: '2.0',
    id: 77,
    error: { code: -32601, message: expect.stringMatching(/Titan Execution Layer.*not an Ethereum node/) },
  })
  const batch = await readJson(await post('/', [{ id: 'a' }, { id: 8 }, 5]))
  expect(batch.map(({ id }: { id: unknown }) => id)).toEqual(['a', 8, null])
})

it('counts gaps, what is in flight and foreign nonces, and an execution only when it is settled', async () => {
  const lane = 'chain="8453",lane="0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"'
  const change = (type: 'execution_update' | 'live_execution', code: string | null) =>
    server.dispatcher.publish({ chainId: 8453, signalId: 'displaced-1', type, outcome: 'failed', code })
  change('execution_update', 'DISPLACED')
  change('live_execution', 'DISPLACED')
  await get('/events')
  const text = await (await get('/metrics')).text()
  expect(text).toContain(`titan_nonce_gap{${lane}} 2\n`)
  expect(text).toContain(`titan_lane_in_flight{${lane}} 3\n`)
  expect(text).toContain('titan_foreign_nonce_total{chain="8453"} 1\n')
  expect(text).toContain('outcome="failed",code="DISPLACED"} 1\n')
})

it('counts what happened for Prometheus, without anything a client could choose', async () => {
  await post('/execute', { ...sampleRequest, chainId: 424242 })
  await post('/execute', {})
  const answer = await get('/metrics')
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
  const text = await answer.text()
  expect(text).toMatch(/^titan_signals_received_total\{chain="8453"\} 4$/m)
  expect(text).toMatch(/^titan_signals_received_total\{chain="unknown"\} 1$/m)
  expect(text).toMatch(/^titan_signals_received_total\{chain="invalid"\} 1$/m)
  expect(text).toMatch(/^titan_trades_total\{chain="8453",mode="PAPER",outcome="filled",code=""\} 4$/m)
  expect(text).toMatch(/^titan_http_requests_total\{route="\/trades\/\{signal_id\}",status="200"\} 3$/m)
  expect(text).toMatch(/^titan_pnl_usd\{chain="8453",mode="PAPER",kind="net"\} 4.93827156/m)
  expect(text).toMatch(/^titan_head_age_seconds\{chain="1"\} 1.25$/m)
  expect(text).toMatch(/^titan_rpc_endpoint_state\{chain="8453",endpoint="node.example",state="behind"\} 1$/m)
  expect(text).toMatch(/^titan_rpc_endpoint_head\{chain="8453",endpoint="node.example"\} 4711$/m)
  expect(text).toMatch(/^titan_unpriced_trades\{chain="8453",mode="PAPER"\} 0$/m)
  expect(text).toMatch(/^titan_gas_native\{chain="8453",purpose="trades",kind="spent"\} 0.12$/m)
  expect(text).toMatch(/^titan_gas_native\{chain="8453",purpose="repairs",kind="allowed"\} 0.1$/m)
  expect(text).not.toMatch(/^titan_gas_native\{chain="1"/m)
  expect(text).not.toContain('424242')
})

it('hands no signal that is meant for another mode to a chain (1.1)', async () => {
  const LIVE = { mode: 'LIVE', signal_id: 'real-money' }
  const refused = await post('/execute', { ...sampleRequest, ...LIVE })
  expect([refused.status, refused.headers.get('content-type')]).toEqual([409, 'application/problem+json'])
  expect(await readJson(refused)).toMatchObject({
    success: false,
    mode: 'PAPER',
    signal_id: 'real-money',
    code: 'MODE_MISMATCH',
    retryable: false,
    facts: { wanted_mode: 'LIVE', server_mode: 'PAPER' },
  })
  expect((await get('/trades/real-money')).status).toBe(404)
  expect((await post('/simulate', { ...sampleRequest, ...LIVE })).status).toBe(409)
  expect((await post('/execute', sampleRequest, { 'Execution-Mode': 'LIVE' })).status).toBe(409)
  expect((await post('/execute', sampleRequest, { 'Execution-Mode': 'PAPER' })).status).toBe(200)
  for (const path of ['/execute', '/execute/batch', '/simulate'])
    expect((await readJson(await post(`${path}?mode=LIVE`, sampleRequest))).code).toBe('INVALID_QUERY')
  expect((await post('/execute', { ...sampleRequest, mode: 'PAPER' })).status).toBe(200)
  const batch = async (headers: Record<string, string>) => {
    const signals = [sampleRequest, { ...sampleRequest, mode: 'PAPER' }, { ...sampleRequest, mode: 'LIVE' }]
    const { results } = await readJson(await post('/execute/batch', { signals }, headers))
    return results.map(({ code }: { code?: string }) => code ?? 'taken')
  }
  expect(await batch({})).toEqual(['taken', 'taken', 'MODE_MISMATCH'])
  expect(await batch({ 'Execution-Mode': 'LIVE' })).toEqual([
    'MODE_MISMATCH',
    'INVALID_SIGNAL',
    'MODE_MISMATCH',
  ])
  const ws = await openWs(server.wsUrl)
  ws.send({ type: 'execute', id: 1, signal: { ...sampleRequest, mode: 'LIVE' } })
  const results = (await ws.settle()).filter(({ type }) => type === 'execution_result')
  expect(results).toMatchObject([{ id: 1, result: { code: 'MODE_MISMATCH' } }])
  await ws.close()
})

it('passes over no mode that is said at another place than in the signal or the header of a request (1.1)', async () => {
  const beside = await post('/execute/batch', { mode: 'LIVE', signals: [sampleRequest] })
  expect(await readJson(beside)).toMatchObject({ status: 400, code: 'INVALID_BATCH' })
  const ws = await openWs(server.wsUrl, { headers: { 'Execution-Mode': 'LIVE' } })
  ws.send({ type: 'execute', id: 1, signal: sampleRequest })
  ws.send({ type: 'execute', id: 2, mode: 'LIVE', signal: sampleRequest })
  const answers = (await ws.settle()).filter(({ id }) => id === 1 || id === 2)
  await ws.close()
  expect(answers).toMatchObject([
    { id: 1, result: { code: 'MODE_MISMATCH' } },
    { id: 2, type: 'error', code: 'INVALID_MESSAGE' },
  ])
})

it('counts what it received: recorded, refused over every way in, and repeated (1.23)', async () => {
  const read = async () => {
    const { total_signals, recorded, refused, repeated, per_chain } = await readJson(await get('/stats'))
    return [total_signals, recorded, refused, repeated, per_chain[8453].refused, per_chain[8453].repeated]
  }
  const before = await read()
  await post('/execute', { ...sampleRequest, chainId: 424242 })
  await post('/execute', {})
  await post('/execute/batch', { signals: [{ ...sampleRequest, amount: '0' }, sampleRequest] })
  await post('/execute', { ...sampleRequest, chainId: 8453, expected_profit: -1 })
  await post('/execute', { ...sampleRequest, chainId: 8453, signal_id: 'seen-before' })
  // Asking is not trading.
  await post('/simulate', {})
  await post('/simulate', sampleRequest)
  const client = await openWs(server.wsUrl)
  client.send({ type: 'execute', id: 1, signal: { ...sampleRequest, chainId: 56 } })
  await client.settle()
  await client.close()
  server.logged.splice(0)
  expect(server.debugged.splice(0).slice(-4)).toMatchObject([
    { signal_id: null, chainId: null, request: 'execute', code: 'INVALID_AMOUNT', error: expect.any(String) },
    { chainId: 8453, code: 'INTERNAL' },
    { signal_id: null, chainId: null, request: 'simulate', code: 'INVALID_SIGNAL' },
    { signal_id: expect.any(String), chainId: null, request: 'execute', code: 'UNKNOWN_CHAIN' },
  ])
  // The echo records a repetition too.
  const grown = (await read()).map((value, place) => value - (before[place] ?? 0))
  expect(grown).toEqual([5 + 2 + 1, 2, 5, 1, 1, 1])
})

it('answers HEAD without a body, OPTIONS with the methods, and preflights of admitted pages', async () => {
  const head = await exchange({
    port: server.port,
    send: requestText({ method: 'HEAD', path: '/livez' }) + requestText({ method: 'GET', path: '/livez' }),
    until: /\{"live":true\}$/,
  })
  expect(head.match(/\{"live":true\}/g)).toHaveLength(1)
  expect(head.match(/Content-Length: 13\r\n/g)).toHaveLength(2)
  const options = await fetch(`${server.url}/execute`, { method: 'OPTIONS' })
  expect(options.status).toBe(204)
  expect(options.headers.get('allow')).toBe('POST, OPTIONS')
  expect(options.headers.get('access-control-allow-origin')).toBeNull()
  const origin = 'https://brain.example'
  const preflight = await fetch(`${server.url}/execute`, { method: 'OPTIONS', headers: { Origin: origin } })
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
  expect(preflight.headers.get('access-control-allow-headers')).toBe(
    'Content-Type, Idempotency-Key, Execution-Mode',
  )
  expect((await get('/livez', { Origin: origin })).headers.get('access-control-allow-origin')).toBe(origin)
})

it('hides a bug behind a trace id that the log has too', async () => {
  const answer = await post('/execute', { ...sampleRequest, expected_profit: -1, signal_id: 'bug' })
  expect(answer.status).toBe(500)
  const body = await readJson(answer)
  expect(body).toMatchObject({ success: false, code: 'INTERNAL', signal_id: 'bug' })
  expect(JSON.stringify(body)).not.toContain('a bug')
  expect(server.logged).toEqual([{ err: new Error('a bug'), trace_id: body.trace_id }])
})

it('tells of a signal that is being worked on, and calls one missing only when it certainly is', async () => {
  const { dispatcher } = server
  const path = '/trades/in-flight-1'
  expect((await get(path)).status).toBe(404)
  dispatcher.hold()
  const answer = post('/execute', { ...sampleRequest, chainId: 8453, signal_id: 'in-flight-1' })
  await expect.poll(() => dispatcher.queueDepth(8453)).toBe(1)
  const accepted = await get(path)
  expect([accepted.status, accepted.headers.get('location')]).toEqual([202, path])
  expect(await readJson(accepted)).toEqual({
    success: null,
    mode: 'PAPER',
    status: 'accepted',
    signal_id: 'in-flight-1',
    chainId: 8453,
    sent: 'no',
    final: false,
    code: null,
    error: null,
    timestamp: expect.any(String),
  })
  dispatcher.release()
  expect((await answer).status).toBe(200)
  expect((await get(path)).status).toBe(200)

  dispatcher.unhear([8453])
  const untold = await get('/trades/in-flight-2')
  expect(untold.status).toBe(503)
  expect(await readJson(untold)).toMatchObject({
    code: 'JOURNAL_UNAVAILABLE',
    error: expect.stringContaining('The journal of Chain 8453 was not read yet.'),
  })
  expect((await get(path)).status).toBe(200)
  dispatcher.unhear([])
  expect((await get('/trades/in-flight-2')).status).toBe(404)
})

it('takes the commands of its operator, and tells which were given', async () => {
  const lane = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48'
  const paused = await post('/control/pause', { chain: 8453, lane, reason: 'its key', by: 'anna' })
  expect([paused.status, await readJson(paused)]).toEqual([
    200,
    {
      success: true,
      mode: 'PAPER',
      code: null,
      error: null,
      commands: [
        {
          chainId: 8453,
          id: 1,
          at: '2030-03-17T17:46:40.000Z',
          action: 'pause',
          lane,
          signal_id: null,
          reason: 'its key',
          by: 'anna (127.0.0.1)',
          outcome: 'applied',
          code: null,
          sentence: 'Done.',
          done_at: '2030-03-17T17:46:40.500Z',
        },
      ],
    },
  ])
  const all = await readJson(await post('/control/resume', { chain: 'all' }))
  expect(all.commands.map(({ chainId }: { chainId: number }) => chainId)).toEqual([1, 8453])
  // A trade's chain need not be named: the server knows who has it.
  await post('/execute', { ...sampleRequest, chainId: 8453, signal_id: 'controlled-1' })
  for (const [path, action] of [
    ['cancel', 'cancel'],
    ['speed-up', 'speed_up'],
    ['abandon', 'abandon'],
  ]) {
    const { commands } = await readJson(await post(`/control/${path}`, { signal_id: 'controlled-1' }))
    expect(commands).toMatchObject([{ chainId: 8453, action, signal_id: 'controlled-1', by: '127.0.0.1' }])
  }
  const log = await readJson(await get('/control/log?chain=8453&limit=2'))
  expect(log).toMatchObject({ commands: [{ action: 'abandon' }, { action: 'speed_up' }], unread: [] })
})

it.each([
  ['pause', {}, 'INVALID_CONTROL', 'needs a chain'],
  ['pause', { chain: 'polygon' }, 'INVALID_CONTROL', 'chain must be a chain id or "all"'],
  ['pause', { chain: 8453, lanes: '0x00' }, 'INVALID_CONTROL', 'takes no field "lanes"'],
  ['pause', { chain: 8453, signal_id: 'a' }, 'INVALID_CONTROL', 'takes no field "signal_id"'],
  ['pause', { chain: 'all', lane: `0x${'1'.repeat(40)}` }, 'INVALID_CONTROL', 'A lane is one of one chain'],
  ['pause', { chain: 8453, lane: '0x12' }, 'INVALID_ADDRESS', 'lane must be an address'],
  ['resume', { chain: 8453, reason: 'two\nlines' }, 'INVALID_CONTROL', 'reason must be a text of one line'],
  ['cancel', { chain: 8453 }, 'INVALID_CONTROL', 'needs the signal_id'],
  ['cancel', { signal_id: 'nobody-knows' }, 'TRADE_NOT_FOUND', 'No trade with signal_id nobody-knows'],
  ['speed-up', { signal_id: 'a', lane: '0x00' }, 'INVALID_CONTROL', 'takes no field "lane"'],
  ['abandon', [], 'INVALID_CONTROL', 'must be a JSON object'],
])('refuses the command %s %j', async (action, body, code, sentence) => {
  const answer = await post(`/control/${action}`, body)
  expect(await readJson(answer)).toMatchObject({ code, error: expect.stringContaining(sentence) })
  expect(answer.status).toBe(CODES[code as keyof typeof CODES].status)
})

it('takes commands from this machine only, from no page of another site, and through no proxy', async () => {
  const pause = { chain: 8453 }
  for (const [headers, code] of [
    [{ 'X-Forwarded-For': '203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ Forwarded: 'for=203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ 'X-Forwarded-Host': 'titan.example' }, 'FORBIDDEN_REMOTE'],
    [{ 'X-Forwarded-Proto': 'https' }, 'FORBIDDEN_REMOTE'],
    [{ 'CF-Connecting-IP': '203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ 'True-Client-IP': '203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ 'X-Client-IP': '203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ 'X-Real-IP': '203.0.113.7' }, 'FORBIDDEN_REMOTE'],
    [{ Origin: 'https://evil.example' }, 'FORBIDDEN_ORIGIN'],
  ] as const) {
    const refused = await post('/control/pause', pause, headers)
    expect([refused.status, (await readJson(refused)).code]).toEqual([403, code])
    expect((await get('/control/log', headers)).status).toBe(403)
  }
  const plain = await fetch(`${server.url}/control/pause`, { method: 'POST', body: JSON.stringify(pause) })
  expect(plain.status).toBe(415)
})

it.each([
  ['127.0.0.1', true],
  ['127.9.8.7', true],
  ['0000:0000:0000:0000:0000:0000:0000:0001', true],
  ['0000:0000:0000:0000:0000:ffff:7f00:0001', true],
  ['192.168.1.4', false],
  ['0000:0000:0000:0000:0000:ffff:c0a8:0104', false],
  ['2001:0db8:0000:0000:0000:0000:0000:0001', false],
  ['', false],
])('an operator at %s is taken for one on this machine: %s', (address, isTaken) => {
  const control = createControl({ mode: 'PAPER', chainIds: [], dispatcher: server.dispatcher })
  const refusal = control.refusal({ address, isForwarded: false })
  expect(refusal?.code ?? null).toBe(isTaken ? null : 'FORBIDDEN_REMOTE')
})
