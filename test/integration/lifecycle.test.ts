import { createServer as createTcpServer } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import { startDevnet } from '../../devnet/startDevnet.ts'
import { readJson } from '../support/readJson.ts'
import { sampleRequest } from '../support/sampleSignal.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'
import { openWs } from '../support/wsClient.ts'

const servers: TransportServer[] = []
async function start(options: Parameters<typeof startTransportServer>[0] = {}) {
  const server = await startTransportServer(options)
  servers.push(server)
  return server
}
afterEach(() => Promise.all(servers.splice(0).map((server) => server.stop())))

const post = (server: TransportServer, path: string, body: object) =>
  fetch(server.url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })

describe('starting', () => {
  it('listens on both loopback addresses for localhost', async () => {
    const { port } = await start({ config: { host: 'localhost' } })
    const hosts = ['127.0.0.1', 'localhost']
    if (Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1')))
      hosts.push('[::1]')
    for (const host of hosts) expect((await fetch(`http://${host}:${port}/livez`)).status).toBe(200)
  })

  it('says that another Titan holds the port', async () => {
    const { port } = await start()
    await expect(start({ config: { port } })).rejects.toThrow(
      `EXECUTION_PORT ${port} on 127.0.0.1 is not free: another Titan answers there. Stop it, or set EXECUTION_PORT to another port.`,
    )
  })

  it('names the node that holds the port', async () => {
    const devnet = await startDevnet({ chainIds: [1] })
    try {
      const port = Number(new URL(devnet.chains[0]?.rpc ?? '').port)
      await expect(start({ config: { port } })).rejects.toThrow(/not free: anvil\/v[\d.]+\S* answers there/)
    } finally {
      await devnet.stop()
    }
  })

  it('does not wait for a holder that says nothing', async () => {
    const silent = createTcpServer()
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as { port: number }
    try {
      await expect(start({ config: { port } })).rejects.toThrow('another program holds it')
    } finally {
      silent.close()
    }
  })
})

describe('stopping', () => {
  it('answers what is in flight, refuses the rest, and sends WebSocket clients away', async () => {
    const server = await start()
    const idle = await openWs(server.wsUrl)
    const busy = await openWs(server.wsUrl)
    server.dispatcher.hold()
    const inFlight = post(server, '/execute', { ...sampleRequest, signal_id: 'in-flight' })
    busy.send({ type: 'execute', id: 1, signal: { ...sampleRequest, signal_id: 'ws-in-flight' } })
    await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(2)

    server.drain()
    expect(await idle.next()).toEqual({ type: 'shutdown', reconnect_after_ms: 1500 })
    expect(await idle.closed).toEqual({ code: 1012, reason: 'restart' })
    for (const path of ['/execute', '/simulate', '/execute/batch']) {
      const refused = await post(
        server,
        path,
        path === '/execute/batch' ? { signals: [sampleRequest] } : sampleRequest,
      )
      expect(refused.status).toBe(503)
      expect(refused.headers.get('retry-after')).toBe('5')
      expect(await readJson(refused)).toMatchObject({ success: false, code: 'DRAINING', retryable: true })
    }
    await expect(openWs(server.wsUrl)).rejects.toThrow('Unexpected server response: 503')
    const ready = await fetch(`${server.url}/readyz`)
    expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '5'])
    expect(await readJson(await fetch(`${server.url}/health`))).toMatchObject({ status: 'draining' })
    expect(await busy.next()).toEqual({ type: 'shutdown', reconnect_after_ms: 1500 })

    server.dispatcher.release()
    expect(await readJson(await inFlight)).toMatchObject({ success: true, signal_id: 'in-flight' })
    await busy.closed
    expect(busy.rest()).toMatchObject([{ type: 'execution_result', id: 1, result: { success: true } }])
    await server.stop()
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed')
  })

  it('tells of no LIVE trade that is on its way that nothing of it was sent, over HTTP either', async () => {
    const server = await start({ config: { mode: 'LIVE' } })
    server.dispatcher.hold()
    const onItsWay = post(server, '/execute', { ...sampleRequest, signal_id: 'a' })
    await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(1)
    server.drain()
    const told = async (path: string, body: object) => {
      const answer = await post(server, path, body)
      const { code, sent } = await readJson(answer)
      return [answer.status, code, sent]
    }
    const [known, fresh] = ['a', 'b'].map((signal_id) => ({ ...sampleRequest, signal_id }))
    expect(await told('/execute', known as object)).toEqual([503, 'DRAINING', 'unknown'])
    expect(await told('/execute', fresh as object)).toEqual([503, 'DRAINING', 'no'])
    expect(await told('/execute/batch', { signals: [fresh, known] })).toEqual([503, 'DRAINING', 'unknown'])
    expect(await told('/execute/batch', { signals: [fresh, sampleRequest] })).toEqual([503, 'DRAINING', 'no'])
    expect(await readJson(await fetch(`${server.url}/stats`))).toMatchObject({ refused: 6 })
    server.dispatcher.release()
    expect((await onItsWay).status).toBe(200)
  })

  it('counts a connection that ends by itself as that, also when one before it had answers left (1.31)', async () => {
    const server = await start()
    const metric = async (reason: string) => {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      return Number(new RegExp(`reason="${reason}"} (\\d+)`).exec(text)?.[1] ?? 0)
    }
    const [left, lost] = [await openWs(server.wsUrl), await openWs(server.wsUrl)]
    server.dispatcher.hold()
    left.send({ type: 'execute', id: 1, signal: sampleRequest })
    await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(1)
    await left.close()
    await expect.poll(() => metric('client')).toBe(1)
    lost.send({ type: 'execute', id: 2, signal: sampleRequest })
    await expect.poll(() => server.dispatcher.queueDepth(1)).toBe(2)
    server.drain()
    server.dispatcher.release(1)
    lost.socket.terminate()
    await expect.poll(() => metric('lost')).toBe(1)
    server.dispatcher.release()
  })
})
