import { expect } from 'vitest'
import { cut, delay, rateLimit, refuse } from '../support/faults.ts'
import { devAccount, eventually, type LiveTitan } from '../support/liveTitan.ts'
import { liveCase } from './faultRow.ts'
import { LARGE } from './opportunity.ts'
import { becomes, finalised, minedInto, mineUntil, offersAt, pause, timesOffered } from './steps.ts'

for (const { depth, forgets } of [
  { depth: 1, forgets: false },
  { depth: 3, forgets: false },
  { depth: 3, forgets: true },
])
  liveCase(
    {
      row: 24,
      failure: 'a reorg takes the block of a mined transaction',
      injected: `a reorg of depth ${depth}; the node ${forgets ? 'forgets' : 'keeps'} the transaction`,
      expected: 'back to pending, the same bytes, included again at the same nonce, final only then',
    },
    {
      async run(live) {
        await live.submit({ signal_id: 'row-24', wait: 'broadcast' })
        const before = await becomes(live, 'row-24', 'included')
        await live.chain.mine(depth - 1)
        await live.chain.reorg({ depth, forgets })
        await live.until('row-24', ({ status }) => status === 'pending')
        expect(await live.trade('row-24')).toMatchObject({ final: false, block: null, profit: null })
        const after = await minedInto(live, 'row-24', 'included')
        expect(after).toMatchObject({ txHash: before.txHash, nonce: before.nonce })
        await finalised(live, 'row-24')
        expect(offersAt(live, 0)).toHaveLength(1)
        return 'Pending after the reorg, then included again: one transaction, one hash.'
      },
    },
  )

liveCase(
  {
    row: 24,
    failure: 'a reorg takes the block of a mined transaction',
    injected: 'three trades of a lane in three blocks, and a reorg of all of them',
    expected: 'all three again, each at its nonce; the next trade takes nonce 3',
  },
  {
    async run(live) {
      for (const id of ['a', 'b', 'c']) {
        await live.submit({ signal_id: `row-24-${id}`, wait: 'broadcast' })
        await becomes(live, `row-24-${id}`, 'included')
      }
      await live.chain.reorg({ depth: 3, forgets: true })
      for (const id of ['a', 'b', 'c']) await minedInto(live, `row-24-${id}`, 'included')
      await live.chain.automine(true)
      await live.submit({ signal_id: 'row-24-d', wait: 'broadcast' })
      await becomes(live, 'row-24-d', 'included')
      const nonces = (await live.chain.transactionsOf(...live.lanes)).map(({ nonce }) => nonce)
      expect(nonces).toEqual([0, 1, 2, 3])
      return 'Nonces 0 to 3, one trade each.'
    },
  },
)

liveCase(
  {
    row: 24,
    failure: 'a reorg takes the block of a mined transaction',
    injected: 'SIGKILL after inclusion, and a reorg of depth 2 while the server is down; the node forgets',
    expected: 'the restart finds the block gone and sends the same bytes; included again',
  },
  {
    async run(live) {
      await live.submit({ signal_id: 'row-24', wait: 'broadcast' })
      const before = await becomes(live, 'row-24', 'included')
      await live.chain.mine()
      await live.titan.end('SIGKILL')
      await live.chain.reorg({ depth: 2, forgets: true })
      await live.restart()
      await eventually(async () => ((await live.chain.pooled()).length > 0 ? true : null))
      await live.chain.mine()
      await live.until('row-24', ({ status, block }) => status === 'included' && block !== before.block)
      await finalised(live, 'row-24')
      expect(offersAt(live, 0)).toHaveLength(1)
      return 'Sent again after the restart, and included in another block.'
    },
  },
)

liveCase(
  {
    row: 31,
    failure: 'the chain stands still',
    injected:
      'no block for eighteen seconds while a trade is pending, longer than its bytes wait to go out again; another chain trades on',
    expected:
      'no bump, no cancel; the other chain is served; included when blocks come again (two minutes: test/faults/chainTrouble.test.ts)',
  },
  {
    chainIds: [56, 43114],
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-31', wait: 'broadcast' })
      await becomes(live, 'row-31', 'pending')
      for (let index = 0; index < 9; index++) {
        const other = { signal_id: `row-31-other-${index}`, chainId: 43114, wait: 'broadcast' }
        expect((await live.submit(other)).json).toMatchObject({ success: true })
        await becomes(live, `row-31-other-${index}`, 'included')
        await pause(2_000)
      }
      expect(offersAt(live, 0)).toHaveLength(1)
      await minedInto(live, 'row-31', 'included')
      return 'One transaction during the halt, included after it; nine trades landed beside it.'
    },
  },
)

for (const way of [429, -32005] as const)
  liveCase(
    {
      row: 32,
      failure: 'a provider outage looks like failing transactions',
      injected: `the endpoint limits every call (${way === 429 ? 'HTTP 429' : 'code -32005'}) while a trade is pending`,
      expected: 'nothing is cancelled, bumped or given up; included afterwards',
    },
    {
      async run(live) {
        await live.chain.automine(false)
        await live.submit({ signal_id: 'row-32', wait: 'broadcast' })
        const outage = live.proxy.inject(rateLimit(way))
        await live.chain.baseFee(30)
        await live.chain.mine()
        await mineUntil(live, () => (outage.strikes >= 4 ? true : null))
        expect(await live.trade('row-32')).toMatchObject({ status: 'pending' })
        expect(offersAt(live, 0)).toHaveLength(1)
        outage.heal()
        await minedInto(live, 'row-32', 'included')
        return 'Pending all the while, then included.'
      },
    },
  )

liveCase(
  {
    row: 32,
    failure: 'a provider outage looks like failing transactions',
    injected: 'every answer of the only endpoint takes 0.4 s, while a block comes every quarter of a second',
    expected: 'slow and true: two trades, each included once',
  },
  {
    async run(live) {
      live.proxy.inject(delay(400))
      await live.chain.automine(false)
      for (const id of ['a', 'b']) await live.submit({ signal_id: `row-32-${id}`, wait: 'none' })
      for (const id of ['a', 'b']) await minedInto(live, `row-32-${id}`, 'included')
      return 'Both included.'
    },
  },
)

liveCase(
  {
    row: 32,
    failure: 'a provider outage looks like failing transactions',
    injected: 'every connection of the only endpoint is cut while a trade is pending, and blocks pass',
    expected:
      'nothing is cancelled, bumped or given up; new trades are refused with sent: no; included afterwards',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-32', wait: 'broadcast' })
      await becomes(live, 'row-32', 'pending')
      const outage = live.proxy.inject(cut(null))
      await live.chain.baseFee(30)
      await mineUntil(live, () => (outage.strikes >= 8 ? true : null))
      const { json } = await live.submit({ signal_id: 'row-32-b' })
      expect(json).toMatchObject({ success: false, sent: 'no' })
      expect(await live.trade('row-32')).toMatchObject({ status: 'pending' })
      expect(offersAt(live, 0)).toHaveLength(1)
      await live.chain.baseFee(0.5)
      outage.heal()
      await minedInto(live, 'row-32', 'included')
      return 'Pending all the while, then included; the trade that came meanwhile was refused.'
    },
  },
)

const HOUR_MS = 3_600_000

/** The base fee jumps over what is pending: replaced after some blocks, and by nothing but blocks. */
async function replacedByBlocks(live: LiveTitan, signalId: string): Promise<void> {
  await pause(2_000)
  expect(offersAt(live, 0)).toHaveLength(1)
  let blocks = 0
  await mineUntil(live, async () => {
    if (offersAt(live, 0).length > 1) return true
    await live.chain.baseFee(3)
    expect(blocks++, 'blocks until it is replaced').toBeLessThan(40)
    return null
  })
  await minedInto(live, signalId, 'included')
}

for (const { words, ms } of [
  { words: 'an hour ahead', ms: HOUR_MS },
  { words: 'an hour behind', ms: -HOUR_MS },
])
  liveCase(
    {
      row: 33,
      failure: 'the clock is off',
      injected: `our clock is ${words}; a trade waits two seconds without a block, then the base fee jumps`,
      expected: 'timers count blocks: nothing in the two seconds, then a replacement; included',
    },
    {
      clockMs: ms,
      async run(live) {
        await live.chain.automine(false)
        await live.submit({ ...LARGE, signal_id: 'row-33', wait: 'broadcast' })
        await replacedByBlocks(live, 'row-33')
        return 'Replaced by blocks alone, and included.'
      },
    },
  )

for (const { words, ms } of [
  { words: 'jumps an hour ahead', ms: HOUR_MS },
  { words: 'jumps an hour back', ms: -HOUR_MS },
])
  liveCase(
    {
      row: 33,
      failure: 'the clock is off',
      injected: `our clock ${words} while a trade is pending; two seconds later the base fee jumps`,
      expected: 'nothing in the two seconds, then a replacement within 40 blocks; the next trade lands too',
    },
    {
      clockMs: 0,
      async run(live, setClock) {
        await live.chain.automine(false)
        await live.submit({ ...LARGE, signal_id: 'row-33-a', wait: 'broadcast' })
        setClock(ms)
        await replacedByBlocks(live, 'row-33-a')
        await live.chain.automine(true)
        await live.submit({ signal_id: 'row-33-b', wait: 'broadcast' })
        await minedInto(live, 'row-33-b', 'included')
        return 'Replaced by blocks alone, and included; so was the next trade.'
      },
    },
  )

liveCase(
  {
    row: 33,
    failure: 'the clock is off',
    injected: 'our clock is an hour behind, and valid_until passed a minute ago',
    expected: 'the deadline is held against the time of the block: refused, no nonce',
  },
  {
    clockMs: -HOUR_MS,
    async run(live) {
      const validUntilMs = Date.now() - 60_000
      const { json } = await live.submit({ signal_id: 'row-33', valid_until: validUntilMs })
      expect(json).toMatchObject({ success: false, sent: 'no', code: 'EXPIRED' })
      expect(live.proxy.offered).toEqual([])
      return 'Refused with EXPIRED.'
    },
  },
)

liveCase(
  {
    row: 29,
    failure: 'many are stuck at once',
    injected: 'seven trades on one lane while no block comes',
    expected: 'four in flight at most, the rest waits unsigned; all land, no gap',
  },
  {
    env: { LANE_IN_FLIGHT_MAX: '4' },
    async run(live) {
      await live.chain.automine(false)
      const ids = Array.from({ length: 7 }, (_, index) => `row-29-${index}`)
      const answers = ids.map((id) =>
        live.submit({ signal_id: id, amount: String(150_000_000 + Number(id.at(-1)) * 7), wait: 'none' }),
      )
      await Promise.all(answers)
      await live.chain.ask('eth_blockNumber')
      await pause(1_000)
      expect(new Set(live.proxy.offered.map(({ nonce }) => nonce)).size).toBe(4)
      for (const id of ids) await minedInto(live, id, 'included')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(7)
      return 'Four nonces were out during the halt; seven trades landed at nonces 0 to 6.'
    },
  },
)

liveCase(
  {
    row: 30,
    failure: 'an account with delegated code (EIP-7702)',
    injected: 'the lane delegates (0xef0100…), three trades come at once',
    expected: 'one in flight at a time; all land',
  },
  {
    prepare: (chain) =>
      chain.ask('anvil_setCode', devAccount(1).address, `0xef0100${chain.executor.slice(2)}`),
    async run(live) {
      await live.chain.automine(false)
      const ids = ['row-30-a', 'row-30-b', 'row-30-c']
      await Promise.all(ids.map((id) => live.submit({ signal_id: id, wait: 'none' })))
      await mineUntil(live, async () => {
        expect((await live.chain.pooled()).length).toBeLessThanOrEqual(1)
        const trades = await Promise.all(ids.map(live.trade))
        return trades.every((trade) => trade?.status === 'included') ? true : null
      })
      expect(timesOffered(live, offersAt(live, 0)[0]?.hash ?? '')).toBeGreaterThan(0)
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(3)
      return 'Never more than one in the pool; three trades landed.'
    },
  },
)

liveCase(
  {
    row: 30,
    failure: 'an account with delegated code (EIP-7702)',
    injected:
      'the lane delegates while the server runs; the node refuses a second one in flight; three trades come at once',
    expected: 'one in flight at a time from then on; all land, no gap',
  },
  {
    async run(live) {
      const { chain } = live
      await live.submit({ signal_id: 'row-30-a', wait: 'broadcast' })
      await minedInto(live, 'row-30-a', 'included')
      await chain.automine(false)
      await chain.ask('anvil_setCode', live.lanes[0], `0xef0100${chain.executor.slice(2)}`)
      live.proxy.inject(async (payload) => {
        if (!payload.methods.includes('eth_sendRawTransaction')) return null
        const sent = live.proxy.offered.at(-1)
        const others = (await chain.pooled()).filter((hash) => hash !== sent?.hash)
        const isNext = sent?.nonce === (await chain.count(live.lanes[0] ?? ''))
        return others.length > 0 && !isNext ? refuse(DELEGATED)(payload) : null
      })
      const ids = ['row-30-b', 'row-30-c', 'row-30-d']
      await Promise.all(ids.map((id) => live.submit({ signal_id: id, wait: 'none' })))
      for (const id of ids) await minedInto(live, id, 'included')
      expect(await chain.count(live.lanes[0] ?? '')).toBe(4)
      return 'Four trades at nonces 0 to 3.'
    },
  },
)

/** geth, core/txpool/legacypool: `ErrInflightTxLimitReached`. */
const DELEGATED = { code: -32000, message: 'in-flight transaction limit reached for delegated accounts' }
