import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { LIMITS } from '../config/limits.ts'
import { readBlockHashes } from './blockHashes.ts'
import { createJsonRpc } from './jsonRpc.ts'
import type { JsonRpc } from './rpc.ts'

let devnet: Devnet
let chain: LiveChain
let rpc: JsonRpc
let head: number
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
  rpc = createJsonRpc({ endpoints: [chain.rpc], timeoutMs: 10_000, limits: LIMITS })
  await chain.mine(300)
  head = await chain.head()
})
afterAll(async () => {
  await rpc?.close()
  await devnet?.stop()
})

const hashOf = async (height: number) =>
  (await chain.ask<{ hash: string }>('eth_getBlockByNumber', `0x${height.toString(16)}`, false)).hash

it('reads the hashes of the blocks below the newest, and none of what the EVM does not remember', async () => {
  const from = head - 260
  const hashes = await readBlockHashes({ rpc, source: 'opcode', from, to: head })
  expect(hashes).toHaveLength(261)
  for (const height of [head - 256, head - 255, head - 100, head - 1])
    expect(hashes?.[height - from]).toBe(await hashOf(height))
  for (const height of [from, head - 257, head]) expect(hashes?.[height - from]).toBeNull()
})

it("asks Arbitrum's ArbSys, and takes nothing from a call of it that reverts", async () => {
  // Returns blockhash(the argument), and reverts with a word of its own where that is zero, as ArbSys does.
  const arbSys = '0x6004354080601557600160f81b60005260206000fd5b60005260206000f3'
  await chain.ask('anvil_setCode', '0x0000000000000000000000000000000000000064', arbSys)
  const from = head - 258
  const hashes = await readBlockHashes({ rpc, source: 'arb-sys', from, to: head })
  expect(hashes).toEqual(await readBlockHashes({ rpc, source: 'opcode', from, to: head }))
  expect(hashes?.[1]).toBeNull()
  expect(hashes?.[257]).toBe(await hashOf(head - 1))
})

it('knows nothing where the node does not answer so', async () => {
  const answering = (result: unknown): Pick<JsonRpc, 'call'> => ({
    call: async () => ({ ok: true, result }),
  })
  for (const result of ['0x', null, `0x${'11'.repeat(32)}`])
    expect(await readBlockHashes({ rpc: answering(result), source: 'opcode', from: 1, to: 2 })).toBeNull()
})
