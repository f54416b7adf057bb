import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type FaultProxy, startFaultProxy } from '../../test/support/faultProxy.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { dead, inflateCounts } from '../../test/support/nodeStates.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address } from '../domain/signal.ts'
import { succeed } from '../errors/failure.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { openLanes } from './openLanes.ts'

let devnet: Devnet
let chain: LiveChain
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
})
afterAll(() => devnet.stop())

let proxies: [FaultProxy, FaultProxy]
let rpc: JsonRpc
beforeEach(async () => {
  proxies = [await startFaultProxy({ node: chain.rpc }), await startFaultProxy({ node: chain.rpc })]
  const endpoints = proxies.map(({ url }) => url)
  rpc = createJsonRpc({ endpoints, timeoutMs: 5_000, limits: LIMITS, chainId: 1 })
})
afterEach(async () => {
  await rpc.close()
  for (const proxy of proxies) await proxy.stop()
})

/** An account that has sent so many transactions. */
async function accountAt(nonce: number): Promise<Address> {
  const account = await newAccount(chain.rpc)
  for (let sent = 0; sent < nonce; sent++) {
    const { raw } = await signedTransfer({ account, chainId: 1, nonce: sent })
    await chain.ask('eth_sendRawTransaction', raw)
  }
  return account.address.toLowerCase() as Address
}

const open = (account: Address, over: Partial<Parameters<typeof openLanes>[0]> = {}) =>
  openLanes({
    chain: { chainId: 1, name: 'Ethereum', delegatedInFlightMax: 1 },
    accounts: [account],
    laneInFlightMax: 4,
    executor: `0x${'e0'.repeat(20)}`,
    endpoints: rpc.endpoints,
    isLane: async () => succeed(true),
    code: async () => succeed('0x'),
    settledNonce: () => null,
    warn: () => {},
    ...over,
  })

describe('a lane begins', () => {
  it('at the mined count, though one endpoint is dead', async () => {
    const address = await accountAt(2)
    proxies[0].inject(dead())
    expect(await open(address)).toEqual(succeed([{ address, minedCount: 2, finalCount: 0, inFlightMax: 4 }]))
  })

  it('behind what the journal knows to be final, though every endpoint lags', async () => {
    const address = await accountAt(1)
    expect(await open(address, { settledNonce: () => 6 })).toMatchObject({
      value: [{ minedCount: 7, finalCount: 7 }],
    })
  })

  it('with the cap of a delegated account', async () => {
    const address = await accountAt(0)
    const code = async () => succeed(`0xef0100${'5f'.repeat(20)}` as const)
    expect(await open(address, { code })).toMatchObject({ value: [{ inFlightMax: 1 }] })
  })
})

describe('no lane begins', () => {
  it('where endpoints tell counts that cannot both be true', async () => {
    proxies[1].inject(inflateCounts(9_000_000))
    const opened = await open(await accountAt(1))
    expect(opened).toMatchObject({ ok: false, failure: { code: 'NODE_UNAVAILABLE' } })
    expect(!opened.ok && opened.failure.sentence).toContain('9000001')
  })

  it('where nobody tells the count', async () => {
    for (const proxy of proxies) proxy.inject(dead())
    expect(await open(`0x${'1a'.repeat(20)}`)).toMatchObject({ failure: { code: 'NODE_UNAVAILABLE' } })
  })

  it('that the executor does not obey, which is said', async () => {
    const warned: string[] = []
    const opened = await open(`0x${'1a'.repeat(20)}`, {
      isLane: async () => succeed(false),
      warn: (_, message) => warned.push(message),
    })
    expect(opened).toMatchObject({ failure: { code: 'CHAIN_UNAVAILABLE' } })
    expect(warned).toHaveLength(1)
  })
})
