import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { openFilesMax } from '../../src/server/openFilesMax.ts'
import { exchange, requestText, UPGRADE } from '../support/rawSocket.ts'
import { readJson } from '../support/readJson.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { openTestLog } from '../support/testLog.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'
import { openWs, type WsMessage } from '../support/wsClient.ts'

const good = JSON.stringify(sampleRequest)
let server: TransportServer
afterEach(async () => {
  expect((await fetch(`${server.url}/livez`)).status).toBe(200)
  expect(server.logged).toEqual([])
  await server.stop()
})

const metric = async (name: string) => {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return Number(line?.slice(name.length))
}

describe('a client that is slow', () => {
  it('gets 408 when its body does not arrive, or arrives a byte at a time', async () => {
    server = await startTransportServer({ bodyTimeoutMs: 600 })
    const half = requestText({ headers: { 'Content-Length': String(good.length) } }) + good.slice(0, 20)
    const stalled = exchange({ port: server.port, send: half })
    const dripping = exchange({
      port: server.port,
      send: (socket) => {
        socket.write(half)
        const drip = setInterval(() => socket.write(' '), 50)
        socket.on('close', () => clearInterval(drip))
      },
    })
    for (const answer of await Promise.all([stalled, dripping])) {
      expect(answer).toMatch(/^HTTP\/1.1 408 /)
      expect(answer).toContain('"code":"REQUEST_TIMEOUT"')
      expect(answer).toContain('Connection: close')
    }
  })

  it('may wait for its answer as long as it takes', async () => {
    server = await startTransportServer({ bodyTimeoutMs: 300 })
    server.dispatcher.hold()
    const answer = exchange({ port: server.port, send: requestText({ body: good }), until: /"success":true/ })
    await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 900))
    server.dispatcher.release()
    expect(await answer).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('unfinished bodies', () => {
  it('together take no more than the server keeps, and whole ones pass by', { timeout: 60_000 }, async () => {
    server = await startTransportServer({ bodiesBytesMax: 1024 * 1024, bodyTimeoutMs: 8_000 })
    const batch = { path: '/execute/batch' }
    const part = requestText({ ...batch, headers: { 'Content-Length': '400000' } }) + ' '.repeat(300_000)
    const all = Array.from({ length: 3 }, () => exchange({ port: server.port, send: part }))
    const refused = await Promise.race(all)
    expect(refused).toMatch(/^HTTP\/1.1 503 /)
    expect(refused).toContain('Connection: close')
    expect(refused).toContain('Retry-After: 1')
    expect(refused).toContain('"code":"OVERLOADED"')
    expect(refused).toContain('"facts":{"bodies_bytes_max":1048576}')
    const whole = await exchange({ port: server.port, send: requestText({ body: good }), until: /"success"/ })
    expect(whole).toMatch(/^HTTP\/1.1 200 /)
    const statuses = (await Promise.all(all)).map((answer) => answer.split(' ')[1])
    expect(statuses.toSorted()).toEqual(['408', '408', '503'])

    // What they took is free again.
    const body = `${' '.repeat(900_000)}{"signals":[${good}]}`
    const answer = await exchange({
      port: server.port,
      send: (socket) => {
        const text = requestText({ ...batch, body })
        socket.write(text.slice(0, 450_000), () => socket.write(text.slice(450_000)))
      },
      until: /"success"/,
    })
    expect(answer).toMatch(/^HTTP\/1.1 200 /)
  })
})

describe('a client that leaves', () => {
  it('while its body is on the way', async () => {
    server = await startTransportServer()
    for (let count = 0; count < 50; count++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.write(requestText({ headers: { 'Content-Length': '1000' } }) + good.slice(0, 20))
      await once(socket, 'connect')
      if (count % 2 === 0) socket.resetAndDestroy()
      else socket.destroy()
    }
    await expect.poll(() => metric('titan_connections')).toBe(1)
  })

  it('before its answer: the signals run all the same', async () => {
    server = await startTransportServer()
    server.dispatcher.hold()
    for (let count = 0; count < 20; count++) {
      const socket = connect(server.port, '127.0.0.1')
      const body = JSON.stringify({ ...sampleRequest, signal_id: `left-${count}` })
      socket.write(requestText({ body }))
      await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(count + 1)
      socket.resetAndDestroy()
    }
    await expect.poll(() => metric('titan_connections')).toBe(1)
    server.dispatcher.release()
    expect(await readJson(await fetch(`${server.url}/stats`))).toMatchObject({ paper_executed: 20 })
  })

  it('with half of its connection: a request cut short, a whole one', async () => {
    server = await startTransportServer()
    const half = await exchange({
      port: server.port,
      send: (socket) =>
        socket.end(requestText({ headers: { 'Content-Length': '1000' } }) + good.slice(0, 20)),
    })
    expect(half).toBe('')
    await expect.poll(() => metric('titan_connections')).toBe(1)
  })

  it('without a word: a WebSocket that answers no ping is closed', { timeout: 60_000 }, async () => {
    server = await startTransportServer({ idleTimeoutS: 8 })
    const alive = await openWs(server.wsUrl)
    const mute = await exchange({ port: server.port, send: UPGRADE, timeoutMs: 40_000 })
    expect(mute).toContain('"type":"connected"')
    expect(await alive.settle()).toEqual([])
    expect(await metric('titan_ws_clients')).toBe(1)
    await alive.close()
  })
})

describe('a subscriber that does not read', () => {
  it('is told so, closed with 4008, and healed by from_seq', { timeout: 60_000 }, async () => {
    server = await startTransportServer({ subscriberBytesMax: 100_000 })
    const slow = await openWs(server.wsUrl)
    const quick = await openWs(server.wsUrl)
    slow.socket.pause()
    const signals = Array.from({ length: 500 }, () => sampleRequest)
    let total = 0
    const trade = async () => {
      total += signals.length
      await fetch(`${server.url}/execute/batch`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ signals }),
      })
    }
    // The kernel's buffers are full before ours are.
    while ((await metric('titan_ws_clients')) === 2) {
      await trade()
      expect(total).toBeLessThan(500_000)
    }
    slow.socket.resume()
    expect(await slow.closed).toEqual({ code: 4008, reason: 'slow consumer' })
    const seen = slow.rest()
    expect(seen.at(-1)).toMatchObject({ type: 'error', code: 'SLOW_CONSUMER' })
    const lastSeen = Number(seen.at(-2)?.seq)
    expect(seen.slice(0, -1).map(({ seq }) => seq)).toEqual(
      Array.from({ length: lastSeen }, (_, place) => place + 1),
    )

    await trade()
    const healed = await openWs(server.wsUrl)
    healed.send({ type: 'subscribe', from_seq: lastSeen + 1 })
    let missed: WsMessage[] = []
    const isWhole = () => missed.some(({ type }) => type === 'subscribed') && missed.at(-1)?.seq === total
    while (!isWhole() || missed.at(-1)?.type === 'subscribed')
      missed = [...missed, ...(await healed.settle())]
    // What came before is the stream that every new connection begins with.
    missed = missed.slice(missed.findIndex(({ type }) => type === 'subscribed') + 1)
    expect(missed.map(({ seq }) => seq)).toEqual(
      Array.from({ length: total - lastSeen }, (_, place) => lastSeen + 1 + place),
    )
    expect(await quick.settle()).toHaveLength(total)
    await Promise.all([quick.close(), healed.close()])
  })
})

describe('a client that pipelines and does not read', () => {
  it('is closed with 4008 once its answers pile up', { timeout: 60_000 }, async () => {
    server = await startTransportServer({ subscriberBytesMax: 100_000 })
    const greedy = await openWs(server.wsUrl)
    greedy.send({ type: 'subscribe', channels: [] })
    await greedy.settle()
    greedy.socket.pause()
    const message = JSON.stringify({ type: 'execute', id: 'x'.repeat(1000), signal: sampleRequest })
    while ((await metric('titan_ws_clients')) === 1) {
      for (let count = 0; count < 500; count++) greedy.socket.send(message)
    }
    // It is no client any more, and a connection until it has read what it was sent or its time is over (1.19).
    const disconnects = () => metric('titan_ws_disconnects_total{reason="slow_consumer"}')
    const before = await metric('titan_connections')
    expect(await disconnects()).toBeNaN()
    await expect.poll(disconnects, { timeout: 20_000 }).toBe(1)
    expect(await metric('titan_connections')).toBeLessThan(before)
    greedy.socket.terminate()
  })
})

describe('clients that do not read', () => {
  it('all together take no more than the server keeps: those with the most are cut off (1.19)', async () => {
    server = await startTransportServer({ unreadBytesMax: 3_000_000 })
    const mute = await Promise.all(Array.from({ length: 4 }, () => openWs(server.wsUrl)))
    const reader = await openWs(server.wsUrl)
    for (const { socket } of mute) socket.pause()
    const answers = async () => {
      // The events of a batch, to each of them.
      await fetch(`${server.url}/execute/batch`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ signals: Array.from({ length: 1_000 }, () => sampleRequest) }),
      })
      await reader.settle()
    }
    const disconnects = async () => (await metric('titan_ws_disconnects_total{reason="slow_consumer"}')) || 0
    while ((await disconnects()) === 0) await answers()
    expect(await metric('titan_ws_clients')).toBeGreaterThanOrEqual(1)
    const [{ closed, socket }] = mute as [(typeof mute)[number]]
    while ((await metric('titan_ws_clients')) > 1) await answers()
    socket.resume()
    // What it had not read was given up with it: it comes back with from_seq.
    expect((await closed).code).toBe(1006)
    reader.send({ type: 'ping', id: 1 })
    expect((await reader.settle()).at(-1)).toMatchObject({ type: 'pong' })
    for (const each of mute) each.socket.terminate()
    await reader.close()
  })

  it('of large answers count too, and whoever reads is served (1.19)', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'titan-unread-'))
    const events = await openTestLog({ path: join(folder, 'events.sqlite') })
    const padding = 'x'.repeat(16_000)
    const pageBytes = 1_000 * padding.length
    server = await startTransportServer({ events, unreadBytesMax: 3 * pageBytes })
    events.append(
      1,
      Array.from({ length: 1_000 }, (_, at) => ({
        outboxId: at + 1,
        signalId: `s-${at}`,
        type: 'paper_execution',
        outcome: 'filled',
        code: null,
        timestampMs: 1_733_700_000_000,
        json: JSON.stringify({ type: 'paper_execution', padding }),
      })),
    )
    const page = async () => (await readJson(await fetch(`${server.url}/events?limit=1000`))).events.length
    expect(await page()).toBe(1_000)
    const mute = Array.from({ length: 6 }, () => {
      const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
      socket.write('GET /events?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n')
      return socket.pause()
    })
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(await page()).toBe(1_000)
    const taken = await Promise.all(
      mute.map(async (socket) => {
        let bytes = 0
        socket.on('data', (chunk) => {
          bytes += chunk.length
          if (bytes > pageBytes) socket.destroy()
        })
        await once(socket.resume(), 'close')
        return bytes
      }),
    )
    const whole = taken.filter((bytes) => bytes > pageBytes).length
    expect(whole).toBeGreaterThan(0)
    expect(whole).toBeLessThanOrEqual(3)
    rmSync(folder, { recursive: true })
  })
})

it('closes a connection on which a client asks on and reads nothing (1.19)', {
  timeout: 60_000,
}, async () => {
  server = await startTransportServer()
  const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
  socket.pause()
  const requests = 'GET /stats HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000)
  let sent = 0
  while (!socket.destroyed && sent < 2_000) {
    const isTaken = socket.write(requests)
    sent++
    if (!isTaken) await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
  }
  // What the kernels of both sides keep is some megabytes.
  expect(sent).toBeLessThan(1_000)
})

describe('a body', () => {
  it('of one signal is small, and only a batch may be large (1.19)', async () => {
    server = await startTransportServer()
    const send = (path: string, body: string) =>
      fetch(server.url + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
    const padding = ' '.repeat(100_000)
    const refused = await send('/execute', padding + good)
    expect([refused.status, await readJson(refused)]).toMatchObject([
      413,
      { code: 'TOO_LARGE', facts: { body_bytes_max: 65_536 } },
    ])
    expect((await send('/execute/batch', `${padding}{"signals":[${good}]}`)).status).toBe(200)
  })
})

// The rest of the limit is for this process itself; the server runs in its own.
const MOST = Math.min(10_000, (openFilesMax() ?? 10_000) - 1_000)

describe(`${MOST} connections, of ten thousand as many as the limit of open files allows here`, () => {
  it('are held, and the next one is told 503 at once', { timeout: 180_000 }, async () => {
    server = await startTransportServer()
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('../support/transportProcess.ts', import.meta.url)), String(MOST)],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    )
    const sockets: Socket[] = []
    try {
      const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
      const { port } = JSON.parse(line) as { port: number }
      const get = (path: string) => fetch(`http://127.0.0.1:${port}${path}`)
      while (sockets.length < MOST) {
        const chunk = Array.from({ length: Math.min(250, MOST - sockets.length) }, () => openRaw(port))
        sockets.push(...(await Promise.all(chunk)))
      }
      const refused = await get('/livez')
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('1')
      expect(await readJson(refused)).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', retryable: true })
      await expect(openWs(`ws://127.0.0.1:${port}/`)).rejects.toThrow('Unexpected server response: 503')

      for (const socket of sockets.splice(0, 100)) socket.destroy()
      await expect.poll(async () => (await get('/livez')).status).toBe(200)
      const text = await (await get('/metrics')).text()
      expect(text).toContain(`titan_ws_clients ${MOST - 100}`)
      expect(Number(/^titan_connections_refused_total (\d+)$/m.exec(text)?.[1])).toBeGreaterThanOrEqual(2)

      for (const socket of sockets.splice(0)) socket.destroy()
      await expect
        .poll(async () => (await (await get('/metrics')).text()).includes('titan_ws_clients 0\n'), {
          timeout: 30_000,
        })
        .toBe(true)
      expect(await (await get('/metrics')).text()).toMatch(/^titan_connections \d$/m)
    } finally {
      for (const socket of sockets) socket.destroy()
      child.stdin.end()
      if (child.exitCode === null) await once(child, 'exit')
    }
    expect(child.exitCode).toBe(0)
  })

  /** An open WebSocket without the cost of a client library. */
  async function openRaw(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(UPGRADE)
    const [head] = (await once(socket, 'data')) as [Buffer]
    expect(head.toString('latin1')).toMatch(/^HTTP\/1.1 101 /)
    return socket
  }
})
