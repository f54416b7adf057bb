import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type RpcProxy, rewriteEach, startRpcProxy } from '../../test/support/rpcProxy.ts'
import { createJsonRpc } from '../chain/jsonRpc.ts'
import type { JsonRpc } from '../chain/rpc.ts'
import { LIMITS } from '../config/limits.ts'
import { createGasPrice } from './gasPrice.ts'

let devnet: Devnet
let proxy: RpcProxy
let rpc: JsonRpc
let nowMs = 1_000
const now = () => nowMs
const asked = (method: string) => proxy.methods.get(method) ?? 0

beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  proxy = await startRpcProxy({ target: devnet.chains[0]?.rpc as string })
  rpc = createJsonRpc({ endpoints: [proxy.url], timeoutMs: 5_000, readOnly: true, limits: LIMITS })
}, 120_000)
afterAll(async () => {
  await rpc?.close()
  await proxy?.stop()
  await devnet?.stop()
})

test('the gas price is the suggestion of the node, read once for all, and a failure when there is none', async () => {
  const gasPrice = createGasPrice({ rpc, blockTimeMs: 250, now })
  const suggested = await rpc.call('eth_gasPrice', [])
  const before = asked('eth_gasPrice')
  const all = await Promise.all(Array.from({ length: 20 }, () => gasPrice.current()))
  expect(all).toEqual(
    Array(20).fill({ ok: true, value: BigInt(suggested.ok ? String(suggested.result) : 0) }),
  )
  expect(asked('eth_gasPrice') - before).toBe(1)

  proxy.interfere = () => ({ kind: 'answer', status: 503, body: '' })
  nowMs += 9_000
  expect((await gasPrice.current()).ok).toBe(true)
  nowMs += 1_000
  expect(await gasPrice.current()).toMatchObject({ failure: { code: 'NODE_UNAVAILABLE' } })
  proxy.interfere = rewriteEach(({ id }) => ({ id, result: null }))
  expect(await gasPrice.current()).toMatchObject({
    failure: { sentence: expect.stringContaining('eth_gasPrice') },
  })
})
