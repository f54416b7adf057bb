import { describe, expect, it, onTestFinished } from 'vitest'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../support/rpcProxy.ts'
import { mineUntil, startLive } from './gethWorld.ts'

describe('what go-ethereum does not know any more, or not yet', () => {
  it('the state of old blocks: a trade whose nonce somebody took 200 blocks ago is concluded, and the next ones land', async () => {
    const { world, chain, server } = await startLive({ marked: true, lanes: 2 })
    const { json } = await server.submit({ wait: 'broadcast' })
    await server.end('SIGKILL')
    // The operator cancels it from a wallet while the server is away.
    const key = world.keys[world.lanes.indexOf(json.lane.toLowerCase())] as `0x${string}`
    await chain.mine(1, [await chain.sign(key, { to: json.lane, gasLimit: 21_000n, nonce: json.nonce })])
    const block = await chain.head()
    await chain.mine(200)
    await expect(chain.ask('eth_getTransactionCount', json.lane, `0x${block.toString(16)}`)).rejects.toThrow(
      /historical state .* is not available/,
    )
    await server.start()
    const ended = await mineUntil(
      chain,
      server.until(json.signal_id, ({ status }) => status === 'displaced'),
    )
    expect(ended).toMatchObject({ success: false, final: true })
    const next = await mineUntil(chain, server.submit())
    expect(next.json).toMatchObject({ success: true, status: 'included' })
  })

  it('"transaction indexing is in progress" concludes nothing', async () => {
    let proxy: RpcProxy | undefined
    const { chain, server } = await startLive({
      async endpoint({ rpc }) {
        proxy = await startRpcProxy({ target: rpc })
        onTestFinished(proxy.stop)
        return proxy.url
      },
    })
    if (proxy === undefined) throw new Error('There is no proxy.')
    const { json } = await server.submit({ wait: 'broadcast' })
    // As geth says it, and as long as it indexes: internal/ethapi/errors.go.
    const message = 'transaction indexing is in progress'
    const indexed = new Set(['eth_getTransactionReceipt', 'eth_getTransactionByHash'])
    proxy.interfere = (payload) =>
      payload.methods.some((method) => indexed.has(method))
        ? rewriteEach(({ id }, { method }) =>
            indexed.has(method)
              ? { jsonrpc: '2.0', id, error: { code: -32000, message, data: message } }
              : null,
          )(payload)
        : null
    await chain.mine(4)
    expect((await server.trade(json.signal_id))?.final).toBe(false)
    proxy.interfere = null
    const landed = await mineUntil(
      chain,
      server.until(json.signal_id, ({ status }) => status === 'included'),
    )
    expect([landed.txHash, landed.nonce]).toEqual([json.txHash, json.nonce])
    expect(await chain.count(json.lane)).toBe(json.nonce + 1)
  })
})
