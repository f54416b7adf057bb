import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type FaultProxy, startFaultProxy } from '../../test/support/faultProxy.ts'
import { hang } from '../../test/support/faults.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { dead, freeze, inflateCounts, wrongChain } from '../../test/support/nodeStates.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { readMinedCounts, readReceiptWhereMined } from './minedCounts.ts'

let devnet: Devnet
let chain: LiveChain
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
})
afterAll(() => devnet.stop())

let proxies: [FaultProxy, FaultProxy]
let rpc: JsonRpc
let account: PrivateKeyAccount
beforeEach(async () => {
  await chain.automine(true)
  proxies = [await startFaultProxy({ node: chain.rpc }), await startFaultProxy({ node: chain.rpc })]
  rpc = createJsonRpc({
    endpoints: proxies.map(({ url }) => url),
    timeoutMs: 10_000,
    limits: LIMITS,
    chainId: 1,
  })
  account = await newAccount(chain.rpc)
})
afterEach(async () => {
  await rpc.close()
  for (const proxy of proxies) await proxy.stop()
})

async function sendOne(nonce: number): Promise<Hex> {
  const { raw, hash } = await signedTransfer({ account, chainId: 1, nonce })
  await chain.ask('eth_sendRawTransaction', raw)
  return hash
}
const lane = () => account.address.toLowerCase() as Address
const read = () => readMinedCounts({ endpoints: rpc.endpoints, account: lane() })
const counts = async () => (await read()).map(({ count }) => count)

describe('mined counts', () => {
  it('are told by every endpoint', async () => {
    await sendOne(0)
    expect(await counts()).toEqual([1, 1])
  })

  it.each([
    ['dead', () => dead()],
    ['hanging', () => hang(null)],
    ['serving another chain', () => wrongChain(10)],
  ])('are of the other where one is %s, after a second at most', async (_, fault) => {
    await sendOne(0)
    proxies[0].inject(fault())
    const startedMs = performance.now()
    expect(await counts()).toEqual([1])
    expect(performance.now() - startedMs).toBeLessThan(5_000)
  })

  it('are given as they are told where one lies: who decides by them sees that they differ', async () => {
    proxies[1].inject(inflateCounts(7))
    expect((await counts()).toSorted()).toEqual([0, 7])
  })
})

describe('a receipt', () => {
  const hashAt = () => null

  it('is found where the count says that it is mined, though the first endpoint stands still', async () => {
    proxies[0].inject(await freeze(chain.rpc))
    const hash = await sendOne(0)
    const told = await read()
    expect(told.map(({ count }) => count)).toEqual([0, 1])
    const receipt = await readReceiptWhereMined({ counts: told, nonce: 0, hashes: [hash], hashAt })
    expect(receipt?.inclusion).toMatchObject({ hash, block: await chain.head() })
    const otherBlock = () => `0x${'5a'.repeat(32)}` as const
    const asked = { counts: told, nonce: 0, hashes: [hash], hashAt: otherBlock }
    expect(await readReceiptWhereMined(asked)).toBeNull()
  })

  it('is not made of a count alone', async () => {
    proxies[1].inject(inflateCounts(7))
    const { hash } = await signedTransfer({ account, chainId: 1, nonce: 0 })
    expect(await readReceiptWhereMined({ counts: await read(), nonce: 0, hashes: [hash], hashAt })).toBeNull()
  })
})
