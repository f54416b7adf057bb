import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { exchange, requestText } from '../support/rawSocket.ts'
import { readJson } from '../support/readJson.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'

const UINT256_MAX = 2n ** 256n - 1n
const USDC = sampleRequest.token
const [, WETH] = sampleRequest.path
const DAI = '0x6b175474e89094c44da98b954eedeac495271d0f'

let server: TransportServer
beforeAll(async () => {
  server = await startTransportServer()
})
afterAll(() => server.stop())
afterEach(async () => {
  // Whatever came before, the server goes on and a good signal is still taken.
  expect(await post(JSON.stringify(sampleRequest))).toMatchObject({ status: 200, body: { success: true } })
  expect(server.logged).toEqual([])
})

async function post(body: string | Buffer, headers: Record<string, string> = {}, path = '/execute') {
  const answer = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: body as string,
  })
  return { status: answer.status, type: answer.headers.get('content-type'), body: await readJson(answer) }
}

/** One request as bytes; the answer's status line and what its body says. */
async function raw(send: Parameters<typeof exchange>[0]['send']) {
  const answer = await exchange({ port: server.port, send, until: /\r\n\r\n[\s\S]*(\}|Server<\/i>)$/ })
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
  return {
    status: Number(answer.split(' ')[1]),
    head: answer.slice(0, answer.indexOf('\r\n\r\n')),
    body: body.startsWith('{') ? JSON.parse(body) : body,
  }
}

describe('a signal that is not one', () => {
  const withFields = (fields: object) => JSON.stringify({ ...sampleRequest, ...fields })
  const cases: [name: string, body: string | Buffer, status: number, code: string, sentence: RegExp][] = [
    ['no body', '', 400, 'INVALID_JSON', /empty/],
    ['malformed JSON', '{"chainId":1,', 400, 'INVALID_JSON', /not valid JSON/],
    ['JSON that is no object', '[]', 400, 'INVALID_SIGNAL', /object/],
    ['null', 'null', 400, 'INVALID_SIGNAL', /object/],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), 400, 'INVALID_JSON', /UTF-8/],
    ['a NUL byte', withFields({}).replace('"amount":"1', '"amount":"\u00001'), 400, 'INVALID_JSON', /JSON/],
    ['an escaped NUL in an id', withFields({ signal_id: 'a\u0000b' }), 400, 'INVALID_SIGNAL', /signal_id/],
    ['a wrong type', withFields({ chainId: '1' }), 400, 'INVALID_SIGNAL', /chainId/],
    ['a missing field', withFields({ routers: undefined }), 400, 'INVALID_SIGNAL', /routers/],
    ['an unknown flash source', withFields({ flashSource: 3 }), 400, 'INVALID_SIGNAL', /flashSource/],
    ['an unknown protocol', withFields({ protocols: [0, 7] }), 400, 'INVALID_SIGNAL', /protocols\[1\]/],
    [
      'an infinite profit',
      withFields({}).replace('profit":50', 'profit":1e999'),
      400,
      'INVALID_SIGNAL',
      /expected_profit/,
    ],
    [
      'a profit no sum can hold',
      withFields({}).replace('profit":50', 'profit":1.7e308'),
      400,
      'INVALID_SIGNAL',
      /expected_profit must be .* from -1e12 to 1e12/,
    ],
    ['an id no URL can name', withFields({ signal_id: '..' }), 400, 'INVALID_SIGNAL', /signal_id/],
    ['a long id', withFields({ signal_id: 'x'.repeat(65) }), 400, 'INVALID_SIGNAL', /signal_id/],
    [
      'an unknown chain',
      withFields({ chainId: 999_999 }),
      422,
      'UNKNOWN_CHAIN',
      /^Chain 999999 not configured/,
    ],
    ['an unset chain', withFields({ chainId: 137 }), 422, 'UNKNOWN_CHAIN', /^Chain 137 not configured/],
    ['a short address', withFields({ token: '0xA0b8' }), 422, 'INVALID_ADDRESS', /token/],
    [
      'a wrong checksum',
      withFields({ token: USDC.replace('A0b8', 'a0B8') }),
      422,
      'INVALID_ADDRESS',
      /checksum/,
    ],
    [
      'the zero address',
      withFields({ routers: [`0x${'0'.repeat(40)}`, WETH] }),
      422,
      'INVALID_ADDRESS',
      /zero/,
    ],
    ['a negative amount', withFields({ amount: '-1000000000' }), 422, 'INVALID_AMOUNT', /amount/],
    ['a zero amount', withFields({ amount: '0' }), 422, 'INVALID_AMOUNT', /amount/],
    ['a fractional amount', withFields({ amount: '1000.5' }), 422, 'INVALID_AMOUNT', /amount/],
    ['a fractional number', withFields({ amount: 1000.5 }), 422, 'INVALID_AMOUNT', /amount/],
    ['an amount in hexadecimal', withFields({ amount: '0x3b9aca00' }), 422, 'INVALID_AMOUNT', /amount/],
    [
      'an amount over uint256',
      withFields({ amount: `${UINT256_MAX + 1n}` }),
      422,
      'INVALID_AMOUNT',
      /2\^256/,
    ],
    ['arrays of unequal length', withFields({ extras: ['0x'] }), 422, 'INVALID_ROUTE', /extras/],
    [
      'no hops',
      withFields({ protocols: [], routers: [], path: [], extras: [] }),
      422,
      'INVALID_ROUTE',
      /hop/,
    ],
    ['too many hops', withFields(hops(9)), 422, 'INVALID_ROUTE', /8 hops/],
    ['half a million hops', withFields(hops(500_000)), 413, 'TOO_LARGE', /65536/],
    [
      'a route that cannot end in the loan token',
      withFields({ path: [WETH, DAI] }),
      422,
      'INVALID_ROUTE',
      /end/,
    ],
    [
      'extras that are no bytes',
      withFields({ extras: ['0x', '0xabc'] }),
      400,
      'INVALID_SIGNAL',
      /extras\[1\]/,
    ],
    ['deep nesting', '['.repeat(32_000) + ']'.repeat(32_000), 400, 'INVALID_SIGNAL', /object/],
    [
      'deep nesting in a field',
      withFields({ chainId: 7 }).replace('7', `${'[{"a":'.repeat(8_000)}1${'}]'.repeat(8_000)}`),
      400,
      'INVALID_SIGNAL',
      /chainId/,
    ],
  ]

  it.each(cases)('%s', async (_name, body, status, code, sentence) => {
    for (const path of ['/execute', '/simulate']) {
      const answer = await post(body, {}, path)
      expect(answer).toMatchObject({
        status,
        type: 'application/problem+json',
        body: { success: false, code, mode: 'PAPER' },
      })
      expect(answer.body.error).toMatch(sentence)
      expect(answer.body).toMatchObject({ status, detail: answer.body.error, retryable: false })
    }
  })

  it('names the variable to set for an unset chain', async () => {
    const { body } = await post(withFields({ chainId: 137 }))
    expect(body.hint).toContain('RPC_POLYGON')
  })

  it('takes the largest amount there is', async () => {
    const answer = await post(withFields({ amount: `${UINT256_MAX}` }))
    expect(answer).toMatchObject({ status: 200, body: { amount: `${UINT256_MAX}` } })
  })

  it('takes the last of repeated keys', async () => {
    const answer = await post(withFields({}).replace('{', '{"amount":"5","expected_profit":7,'))
    expect(answer.body).toMatchObject({ amount: '1000000000', expected_profit: 50 })
  })

  it('ignores fields it does not know', async () => {
    const answer = await post(withFields({ gas_estimate: 1, type: 'x', metrics: {}, __proto__: null }))
    expect(answer.status).toBe(200)
  })

  function hops(count: number) {
    const each = <T>(value: T) => Array.from({ length: count }, () => value)
    return {
      protocols: each(0),
      routers: each(sampleRequest.routers[0]),
      path: each(USDC),
      extras: each('0x'),
    }
  }
})

describe('a batch', () => {
  it.each([
    ['without signals', '{}', 400, 'INVALID_BATCH'],
    ['empty', '{"signals":[]}', 400, 'INVALID_BATCH'],
    ['a bare list', '[]', 400, 'INVALID_BATCH'],
    ['signals of a wrong type', '{"signals":"x"}', 400, 'INVALID_BATCH'],
    ['malformed', '{"signals":[', 400, 'INVALID_JSON'],
    ['too many', `{"signals":[${'1,'.repeat(1000)}1]}`, 413, 'TOO_LARGE'],
  ])('%s fails as a whole', async (_name, body, status, code) => {
    expect(await post(body, {}, '/execute/batch')).toMatchObject({ status, body: { success: false, code } })
  })

  it('gives each bad signal its own outcome, in order', async () => {
    const good = { ...sampleRequest, chainId: 8453, signal_id: 'good' }
    const signals = [{ ...sampleRequest, amount: '-4' }, good, null, { ...sampleRequest, chainId: 10 }]
    const { status, body } = await post(JSON.stringify({ signals }), {}, '/execute/batch')
    expect(status).toBe(200)
    expect(body).toMatchObject({ total: 4, succeeded: 1, failed: 3 })
    expect(body.results.map((result: { code?: string }) => result.code)).toEqual([
      'INVALID_AMOUNT',
      undefined,
      'INVALID_SIGNAL',
      'UNKNOWN_CHAIN',
    ])
    expect(body.results[1]).toMatchObject({ success: true, signal_id: 'good', chainId: 8453 })
  })
})

describe('a request that is not one', () => {
  const good = JSON.stringify(sampleRequest)

  it.each([
    ['wrong content type', { 'Content-Type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a form', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a type that only begins like JSON',
      { 'Content-Type': 'application/jsonx' },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['a compressed body', { 'Content-Encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['a rebound host name', { Host: 'evil.example:8545' }, 403, 'FORBIDDEN_HOST'],
    ['a foreign origin', { Origin: 'https://evil.example' }, 403, 'FORBIDDEN_ORIGIN'],
    ['an opaque origin', { Origin: 'null' }, 403, 'FORBIDDEN_ORIGIN'],
    [
      'an origin with the right name and another port',
      { Origin: 'http://localhost:1' },
      403,
      'FORBIDDEN_ORIGIN',
    ],
  ])('%s', async (_name, headers, status, code) => {
    const answer = await raw(requestText({ body: good, headers }))
    expect(answer).toMatchObject({ status, body: { success: false, code } })
  })

  it.each([
    ['JSON with a charset', { 'Content-Type': 'application/json; charset=utf-8' }],
    ['JSON in capitals', { 'Content-Type': 'Application/JSON' }],
    ['localhost with a port', { Host: 'localhost:8545' }],
    ['a name with a full stop at its end (F18)', { Host: 'localhost.:8545' }],
    ['an IP address as host', { Host: '127.0.0.1:8545' }],
    ['an IPv6 address as host', { Host: '[::1]:8545' }],
    ['a page of its own', { Host: 'localhost:8545', Origin: 'http://localhost:8545' }],
    ['a page of an admitted origin', { Origin: 'https://brain.example' }],
  ])('takes %s', async (_name, headers) => {
    expect(await raw(requestText({ body: good, headers }))).toMatchObject({
      status: 200,
      body: { success: true },
    })
  })

  it.each<[name: string, lines: string]>([
    ['empty', 'Idempotency-Key:'],
    ['of spaces', 'Idempotency-Key:   '],
    ['that is not ASCII', 'Idempotency-Key: o\u00fcr-1'],
    ['of nothing that is ASCII', 'Idempotency-Key: \u00ff\u00fe'],
    ['with a space', 'Idempotency-Key: a b'],
    ['that no URL can name', 'Idempotency-Key: .'],
    ['too long', `Idempotency-Key: ${'k'.repeat(65)}`],
    ['given twice with two values', 'Idempotency-Key: k1\r\nIdempotency-Key: k2'],
    ['given twice, once empty', 'Idempotency-Key:\r\nidempotency-key: k2'],
  ])('refuses an Idempotency-Key %s, alone and for a batch', async (_name, lines) => {
    const before = (await readJson(await fetch(`${server.url}/stats`))).recorded
    for (const [path, body] of [
      ['/execute', good],
      ['/execute/batch', `{"signals":[${good}]}`],
    ] as const) {
      const text = requestText({ path, body }).replace('Host:', `${lines}\r\nHost:`)
      const answer = await raw(Buffer.from(text, 'latin1'))
      expect(answer).toMatchObject({ status: 400, body: { code: 'INVALID_SIGNAL' } })
      expect(answer.body.error).toMatch(/^The header Idempotency-Key must be 1 to 64 characters/)
      expect(answer.body.facts).toEqual({ field: 'Idempotency-Key' })
    }
    expect((await readJson(await fetch(`${server.url}/stats`))).recorded).toBe(before)
  })

  it('takes an Idempotency-Key that a proxy has doubled', async () => {
    const text = requestText({ body: good, headers: { 'Idempotency-Key': 'k-7', 'idempotency-key': 'k-7' } })
    expect(await raw(text)).toMatchObject({ status: 200, body: { signal_id: 'k-7' } })
  })

  it('answers OPTIONS validly: without a body, a length or a close (F20)', async () => {
    const send = requestText({ method: 'OPTIONS' }) + requestText({ method: 'GET', path: '/livez' })
    const received = await exchange({ port: server.port, send, until: /"live":true/ })
    const [options, livez] = received.split('HTTP/1.1 ').slice(1) as [string, string]
    expect(options).toMatch(/^204 No Content\r\n(.*\r\n)*Allow: POST, OPTIONS\r\n/)
    expect(options).not.toMatch(/content-length|transfer-encoding|connection/i)
    expect(livez).toMatch(/^200 OK/)
  })

  it('refuses HTTP/1.0 in words, and closes (F21)', async () => {
    const send = requestText({ body: good }).replace('HTTP/1.1', 'HTTP/1.0')
    const received = await exchange({ port: server.port, send })
    expect(received).toMatch(/^HTTP\/1\.1 505 HTTP Version Not Supported\r\n/)
    expect(received).toMatch(/\r\nConnection: close\r\n/)
  })

  it('answers pipelined requests that need no waiting, in order (F21)', async () => {
    const paths = ['/livez', '/errors/DRAINING', '/livez']
    const send = paths.map((path) => requestText({ method: 'GET', path })).join('')
    const received = await exchange({ port: server.port, send, until: /live.*DRAINING.*live/s })
    expect(received.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3)
  })

  it('executes at most the first of signals that are pipelined, closes, and tells what became of it (F21)', async () => {
    const held = await startTransportServer()
    try {
      held.dispatcher.hold()
      const ids = ['one', 'two', 'three']
      const send = ids
        .map((id) => requestText({ body: JSON.stringify({ ...sampleRequest, signal_id: id }) }))
        .join('')
      expect(await exchange({ port: held.port, send })).toBe('')
      held.dispatcher.release()
      const status = (id: string) => fetch(`${held.url}/trades/${id}`).then((answer) => answer.status)
      expect(await Promise.all(ids.map(status))).toEqual([200, 404, 404])
    } finally {
      await held.stop()
    }
  })

  it('needs a content type', async () => {
    const send = `POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${good.length}\r\n\r\n${good}`
    expect(await raw(send)).toMatchObject({ status: 415, body: { code: 'UNSUPPORTED_MEDIA_TYPE' } })
  })

  it.each([
    ['GET', '/execute', 'POST, OPTIONS'],
    ['PUT', '/execute/batch', 'POST, OPTIONS'],
    ['DELETE', '/trades/x', 'GET, HEAD, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['FOO', '/', 'GET, POST, HEAD, OPTIONS'],
  ])('names the methods when %s %s is not one', async (method, path, allow) => {
    const answer = await raw(requestText({ method, path, body: good }))
    expect(answer).toMatchObject({ status: 405, body: { code: 'METHOD_NOT_ALLOWED' } })
    expect(answer.head).toContain(`\r\nAllow: ${allow}\r\n`)
  })

  it('lists the endpoints when there is no such one', async () => {
    for (const path of ['/executes', '/execute/', '/trades/a/b', '/trades/', '/%00']) {
      const answer = await raw(requestText({ path, body: good }))
      expect(answer).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } })
      expect(answer.body.facts.endpoints).toContain('POST /execute')
    }
  })

  it.each([
    [
      'a Content-Length and chunks',
      requestText({ headers: { 'Transfer-Encoding': 'chunked' }, body: good }),
      400,
    ],
    ['a negative Content-Length', requestText({ headers: { 'Content-Length': '-5' }, body: good }), 400],
    [
      'a bad chunk',
      `${requestText({ headers: {} }).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}ZZ\r\n{`,
      400,
    ],
    ['two hosts', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n', 400],
    ['no host', 'GET /livez HTTP/1.1\r\n\r\n', 400],
    ['a NUL in a header', 'GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n', 400],
    ['headers without end', `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'a'.repeat(100_000)}`, 431],
    ['HTTP/1.0', 'GET /livez HTTP/1.0\r\n\r\n', 505],
    ['TLS', Buffer.from('16030100a5010000a10303', 'hex'), 505],
  ])('closes on %s', async (_name, send, status) => {
    const answer = await exchange({ port: server.port, send })
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })

  it('takes a body in chunks, and requests one after the other', async () => {
    const half = good.length >> 1
    const chunks = [good.slice(0, half), good.slice(half)].map(
      (text) => `${text.length.toString(16)}\r\n${text}\r\n`,
    )
    const chunked = `${requestText({}).replace('Content-Length: 0', 'Transfer-Encoding: chunked')}${chunks.join('')}0\r\n\r\n`
    const twice = await exchange({
      port: server.port,
      send: chunked + chunked,
      until: /("success":true[\s\S]*){2}\}$/,
    })
    expect(twice.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
  })

  it('refuses a huge body, whether declared or in chunks', async () => {
    const bytes = 5 * 1024 * 1024
    const declared = await raw((socket) => {
      socket.write(requestText({ headers: { 'Content-Length': String(bytes) } }))
      socket.write(Buffer.alloc(bytes, ' '))
    })
    expect(declared).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } })
    const inChunks = await raw((socket) => {
      socket.write(requestText({}).replace('Content-Length: 0', 'Transfer-Encoding: chunked'))
      const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
      for (let sent = 0; sent < bytes; sent += 0x10000) socket.write(chunk)
      socket.write('0\r\n\r\n')
    })
    expect(inChunks).toMatchObject({ status: 413, body: { code: 'TOO_LARGE' } })
  })

  it('refuses a gigantic body before it is sent, and closes', async () => {
    const send = requestText({ headers: { 'Content-Length': '1000000000000' } })
    const answer = await exchange({ port: server.port, send })
    expect(answer).toMatch(/^HTTP\/1.1 413 /)
    expect(answer).toContain('Connection: close')
  })
})

describe('a bad query', () => {
  it.each([
    ['/trades?chain=x', /chain must be an integer/],
    ['/trades?chain=-1', /chain/],
    ['/trades?outcome=won', /filled, failed or open/],
    ['/trades?limit=0', /limit must be an integer from 1 to 1000/],
    ['/trades?limit=1001', /limit/],
    ['/trades?limit=5&limit=6', /twice/],
    ['/trades?chian=1', /no query parameter "chian"/],
    ['/trades?format=xml', /json or csv/],
    ['/events?from_seq=1.5', /from_seq/],
    ['/events?from_seq=99999999999999999999', /from_seq/],
  ])('%s', async (path, sentence) => {
    const answer = await fetch(server.url + path)
    const body = await readJson(answer)
    expect({ status: answer.status, code: body.code }).toEqual({ status: 400, code: 'INVALID_QUERY' })
    expect(body.error).toMatch(sentence)
  })

  it.each(['/trades/nobody', '/trades/%E0%A4%A', '/trades/%00'])('%s is not found', async (path) => {
    const answer = await raw(requestText({ method: 'GET', path }))
    expect(answer).toMatchObject({ status: 404, body: { code: 'TRADE_NOT_FOUND' } })
  })
})
