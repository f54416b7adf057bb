import type { PrivateKeyAccount } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Devnet, startDevnet } from '../../devnet/startDevnet.ts'
import { type LiveChain, openLiveChain } from '../../test/support/liveChain.ts'
import { NODE_DOWN } from '../../test/support/liveContext.ts'
import { newAccount, signedTransfer } from '../../test/support/signedTransfer.ts'
import { LIMITS } from '../config/limits.ts'
import type { Address } from '../domain/signal.ts'
import { createJsonRpc } from '../nodes/jsonRpc.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createLaneMaintenance, type LaneMaintenance } from './maintainLanes.ts'

let devnet: Devnet
let chain: LiveChain
let rpc: JsonRpc
beforeAll(async () => {
  devnet = await startDevnet({ chainIds: [1] })
  chain = openLiveChain({ rpc: devnet.chains[0]?.rpc ?? '' })
  rpc = createJsonRpc({ endpoints: [chain.rpc], timeoutMs: 5_000, limits: LIMITS, chainId: 1 })
})
afterAll(async () => {
  await rpc.close()
  await devnet.stop()
})

let account: PrivateKeyAccount
let address: Address
let lanes: Lanes
let maintenance: LaneMaintenance
let held: bigint | null
let atStake: bigint
/** What our own transactions have cost, by receipts, and the block of those. */
let paid: bigint
let paidInBlock: number
/** What further endpoints count; the first tells the chain's own count. */
let others: number[]
/** What the first endpoint adds to every count. */
let lie: number
/** No endpoint answers. */
let isSilent: boolean
let elapsedMs: number
/** Calls since the beginning, by method. */
let calls: string[]
let warned: string[]
const FOREIGN = { hash: `0x${'5a'.repeat(32)}`, what: 'which sends 17 wei to 0x00' } as const

beforeEach(async () => {
  account = await newAccount(chain.rpc)
  address = account.address.toLowerCase() as Address
  lanes = createLanes({ lanes: [{ address, minedCount: 0, inFlightMax: 4 }], queueMax: 10 })
  held = 1_000n
  atStake = 0n
  paid = 0n
  paidInBlock = 0
  others = []
  lie = 0
  isSilent = false
  elapsedMs = 1_000_000
  calls = []
  warned = []
  maintenance = createLaneMaintenance({
    lanes,
    balance: async () => held,
    atStakeWei: () => atStake,
    paidWei: (_, toBlock) => (paidInBlock <= toBlock ? paid : 0n),
    minedCounts: async () => [await count(), ...others].map((count) => ({ count })),
    foreignNewest: async () => FOREIGN,
    rpc: {
      async call(method, params) {
        calls.push(method)
        if (isSilent) return { ...NODE_DOWN, kind: 'transport' }
        return method === 'eth_getTransactionCount'
          ? { ok: true, result: `0x${(await count()).toString(16)}` }
          : await rpc.call(method, params)
      },
    },
    laneInFlightMax: 4,
    delegatedInFlightMax: 1,
    elapsedMs: () => elapsedMs,
    log: { warn: (_, message) => warned.push(message), error: () => {} },
  })
})

const lane = () => lanes.status()[0]
const count = async () => Number(await chain.ask('eth_getTransactionCount', address, 'latest')) + lie
async function pass(ms: number): Promise<void> {
  elapsedMs += ms
  await maintenance.run()
}
const balanceOf = async () => BigInt(await chain.ask<string>('eth_getBalance', address, 'latest'))
/** As a trade does whose simulation, on block 1, has read what the account holds. */
const checkBeforeUse = async () =>
  await maintenance.checkBeforeUse(
    address,
    balanceOf().then((fundsWei) => ({ fundsWei, block: 1 })),
  )
async function useKeyElsewhere(): Promise<void> {
  const { raw } = await signedTransfer({ account, chainId: 1, nonce: 0 })
  await chain.ask('eth_sendRawTransaction', raw)
  // The node answers before it has made the block.
  await expect.poll(() => chain.count(address), { timeout: 20_000 }).toBe(1)
}

describe('an account that another party has used', () => {
  it('is found before it signs, stops, and says by which transaction', async () => {
    await useKeyElsewhere()
    expect(await checkBeforeUse()).toMatchObject({ code: 'LANES_BUSY' })
    expect(lane()?.paused).toContain(FOREIGN.hash)
    expect(lane()?.nonce).toBe(1)
  })

  it('is not believed from one endpoint where another counts less', async () => {
    lie = 40
    others = [0]
    expect(await checkBeforeUse()).toBeNull()
    await pass(60_000)
    expect(lane()).toMatchObject({ paused: null, nonce: 0 })
    others = [1]
    await pass(60_000)
    expect(lane()?.paused).toContain('from 0 on (1)')
    expect(lane()?.nonce).toBe(1)
  })

  it('is doubted once for each count that one endpoint alone tells', async () => {
    others = [0]
    for (const told of [40, 40, 41, 41]) {
      lie = told
      await pass(60_000)
    }
    expect(warned).toEqual(Array(2).fill('One endpoint counts more as mined than all do.'))
  })

  it('is not asked about while transactions of ours are out, nor while it pays for those alone', async () => {
    expect(await checkBeforeUse()).toBeNull()
    expect(await checkBeforeUse()).toBeNull()
    // One of ours has landed.
    await chain.ask('anvil_setBalance', address, `0x${(10n ** 17n).toString(16)}`)
    await checkBeforeUse()
    await checkBeforeUse()
    calls.length = 0
    await chain.ask('anvil_setBalance', address, `0x${(10n ** 17n - 4_711n).toString(16)}`)
    paid = 4_711n
    expect(await checkBeforeUse()).toBeNull()
    lanes.lane(address)?.adopt(0)
    await chain.ask('anvil_setBalance', address, '0x0')
    expect(await checkBeforeUse()).toBeNull()
    expect(calls).toEqual([])
  })

  it('is found at its next trade by what the transaction cost, whatever was asked a moment ago', async () => {
    await checkBeforeUse()
    await checkBeforeUse()
    await useKeyElsewhere()
    expect(await checkBeforeUse()).toMatchObject({ code: 'LANES_BUSY' })
  })

  it('is found though it was topped up as well', async () => {
    await checkBeforeUse()
    await useKeyElsewhere()
    await chain.ask('anvil_setBalance', address, `0x${(7n * 10n ** 20n).toString(16)}`)
    expect(await checkBeforeUse()).toMatchObject({ code: 'LANES_BUSY' })
  })

  it('is asked about before each trade where what it holds is not known', async () => {
    const unknown = async () => await maintenance.checkBeforeUse(address, Promise.resolve(null))
    expect([await unknown(), await unknown()]).toEqual([null, null])
    expect(calls).toHaveLength(2)
    await useKeyElsewhere()
    expect(await unknown()).toMatchObject({ code: 'LANES_BUSY' })
  })

  it('is not asked about where it is simulated on a block before the last of ours', async () => {
    await checkBeforeUse()
    calls.length = 0
    paid = 4_711n
    paidInBlock = 2
    expect(await checkBeforeUse()).toBeNull()
    paidInBlock = 1
    await chain.ask('anvil_setBalance', address, `0x${((await balanceOf()) - 4_711n).toString(16)}`)
    expect(await checkBeforeUse()).toBeNull()
    expect(calls).toEqual([])
  })

  it('is not asked about once more when the trade could not be simulated', async () => {
    await checkBeforeUse()
    calls.length = 0
    expect(await maintenance.checkBeforeUse(address, Promise.resolve(null))).toBeNull()
    expect(calls).toEqual([])
    await useKeyElsewhere()
    expect(await checkBeforeUse()).toMatchObject({ code: 'LANES_BUSY' })
  })

  it('is asked about anew when no endpoint told its count', async () => {
    isSilent = true
    expect(await checkBeforeUse()).toBeNull()
    isSilent = false
    calls.length = 0
    await useKeyElsewhere()
    expect(await checkBeforeUse()).toMatchObject({ code: 'LANES_BUSY' })
  })
})

describe('an underfunded account', () => {
  it('stops, and resumes by itself once it holds what is needed', async () => {
    maintenance.underfunded(address, 5_000n)
    expect(lane()?.paused).toContain('5000 wei')
    await pass(5_000)
    expect(lane()?.paused).not.toBeNull()
    held = null
    await pass(5_000)
    expect(lane()?.paused).not.toBeNull()
    held = 5_000n
    await pass(5_000)
    expect(lane()?.paused).toBeNull()
  })

  it('needs no more for what was in flight once that has settled', async () => {
    held = 9_500n
    atStake = 5_000n
    maintenance.underfunded(address, 10_000n)
    await pass(5_000)
    expect(lane()?.paused).not.toBeNull()
    held = 9_400n
    atStake = 0n
    await pass(5_000)
    expect(lane()?.paused).toBeNull()
  })

  it('is tried again after a while, since fees fall, but not while it is refused all the time', async () => {
    for (let refused = 0; refused < 10; refused += 1) {
      maintenance.underfunded(address, 5_000n)
      await pass(15_000)
    }
    expect(lane()?.paused).not.toBeNull()
    await pass(15_000)
    expect(lane()?.paused).toBeNull()
  })

  it('is told of once, not for each refusal, and not for a trial that fails at once', async () => {
    maintenance.underfunded(address, 5_000n)
    maintenance.underfunded(address, 5_000n)
    expect(warned).toEqual([
      expect.stringContaining(
        'could not pay for a trade: up to 0.000000000000005 of the native coin (5000 wei)',
      ),
    ])
    for (let trials = 0; trials < 3; trials++) {
      await pass(30_000)
      expect(lane()?.paused).toBeNull()
      maintenance.underfunded(address, 5_000n)
      expect(lane()?.paused).not.toBeNull()
    }
    expect(warned).toHaveLength(1)
    // Once it could be used for a while it is news again.
    await pass(30_000)
    elapsedMs += 30_000
    maintenance.underfunded(address, 5_000n)
    expect(warned).toHaveLength(2)
  })

  it('is told of again once it was funded meanwhile', async () => {
    maintenance.underfunded(address, 5_000n)
    held = 5_000n
    await pass(5_000)
    expect(lane()?.paused).toBeNull()
    maintenance.underfunded(address, 7_000n)
    expect(warned).toHaveLength(2)
  })

  it('stays stopped for any other reason there is', async () => {
    lanes.pause(address, 'foreign', 'Another party uses it.')
    maintenance.underfunded(address, 5_000n)
    held = 6_000n
    elapsedMs += 10_000
    await maintenance.run()
    expect(lane()?.paused).toBe('Another party uses it.')
  })
})

describe('an account at rest', () => {
  it('costs two calls a minute', async () => {
    for (let second = 0; second < 120; second += 2) {
      elapsedMs += 2_000
      await maintenance.run()
    }
    expect(calls.length).toBeLessThanOrEqual(4)
  })

  it('that was delegated meanwhile is capped, and has its cap back when it is not any more', async () => {
    await chain.ask('anvil_setCode', address, `0xef0100${'5f'.repeat(20)}`)
    elapsedMs += 60_000
    await maintenance.run()
    expect(lane()?.cap).toBe(1)
    await chain.ask('anvil_setCode', address, '0x')
    elapsedMs += 60_000
    await maintenance.run()
    expect(lane()?.cap).toBe(4)
    maintenance.delegated(address)
    expect(lane()?.cap).toBe(1)
  })
})
