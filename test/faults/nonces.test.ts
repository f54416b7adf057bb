import { expect } from 'vitest'
import { dropReply, failMethod, hideReceipts, refuse, swallow, takeAndRefuse } from '../support/faults.ts'
import { standStill } from '../support/nodeStates.ts'
import { liveCase } from './faultRow.ts'
import { LOSING_TRADE } from './opportunity.ts'
import { becomes, finalised, minedInto, mineUntil, offersAt, pause, timesOffered } from './steps.ts'

liveCase(
  {
    row: 1,
    failure: '`nonce too low` on a first send',
    injected: 'the node mines the transaction and answers `nonce too low`',
    expected: 'the receipt of our hash decides: included, no second nonce',
  },
  {
    async run(live) {
      live.proxy.inject(takeAndRefuse({ code: -32000, message: 'nonce too low' }), { times: 1 })
      const { json } = await live.submit({ signal_id: 'row-1' })
      expect(json.sent).not.toBe('no')
      await becomes(live, 'row-1', 'included')
      expect(offersAt(live, 1)).toEqual([])
      return 'Included by its own receipt; nonce 1 was not touched.'
    },
  },
)

liveCase(
  {
    row: 1,
    failure: '`nonce too low` on a first send',
    injected: 'the same, and receipts cannot be read for ten blocks',
    expected: 'no decision while the chain cannot be read; then included',
  },
  {
    async run(live) {
      live.proxy.inject(takeAndRefuse({ code: -32000, message: 'nonce too low' }), { times: 1 })
      const blind = live.proxy.inject(failMethod('eth_getTransactionReceipt'))
      await live.submit({ signal_id: 'row-1', wait: 'broadcast' })
      await mineUntil(live, () => (blind.strikes >= 3 ? true : null))
      await live.chain.mine(10)
      const asked = blind.strikes
      await mineUntil(live, () => (blind.strikes > asked + 2 ? true : null))
      expect(await live.trade('row-1')).toMatchObject({ final: false })
      expect(['signed', 'pending']).toContain((await live.trade('row-1'))?.status)
      blind.heal()
      await minedInto(live, 'row-1', 'included')
      return 'Open as long as receipts failed, then included.'
    },
  },
)

liveCase(
  {
    row: 2,
    failure: '`nonce too low` on a replacement',
    injected: 'the first attempt is mined just before its replacement arrives',
    expected: 'the first attempt counts; nothing is sent at another nonce',
  },
  {
    async run(live) {
      const { chain, proxy } = live
      await chain.automine(false)
      const lost = proxy.inject(swallow())
      await live.submit({ signal_id: 'row-2', wait: 'broadcast' })
      const [first] = offersAt(live, 0)
      proxy.inject(async ({ calls }) => {
        const [call] = calls
        if (call?.method !== 'eth_sendRawTransaction' || call.params[0] === first?.raw) return null
        lost.heal()
        await chain.ask('eth_sendRawTransaction', first?.raw)
        await chain.mine()
        return null
      })
      const trade = await minedInto(live, 'row-2', 'included')
      const tried = offersAt(live, 0)
      expect(tried.length).toBeGreaterThan(1)
      expect(trade.txHash).toBe(first?.hash)
      await finalised(live, 'row-2')
      expect(offersAt(live, 1)).toEqual([])
      return 'The first attempt is included; its replacement was refused and nothing followed.'
    },
  },
)

liveCase(
  {
    row: 12,
    failure: '`nonce too high`',
    injected: 'one refusal `nonce too high: next nonce 0, tx nonce 1`, as after a burst in the wrong order',
    expected: 'the same bytes again, then included',
  },
  {
    async run(live) {
      const message = 'nonce too high: next nonce 0, tx nonce 1'
      live.proxy.inject(refuse({ code: -32000, message }), { times: 1 })
      await live.submit({ signal_id: 'row-12', wait: 'broadcast' })
      await becomes(live, 'row-12', 'included')
      const [only, ...others] = offersAt(live, 0)
      expect(others).toEqual([])
      expect(timesOffered(live, only?.hash ?? '')).toBeGreaterThan(1)
      return 'One transaction, offered again unchanged, included.'
    },
  },
)

liveCase(
  {
    row: 12,
    failure: '`nonce too high`',
    injected: 'the pool loses nonce 0 and keeps nonces 1 and 2 behind it',
    expected: 'nonce 0 is sent again, and all three land',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      live.proxy.inject(swallow(), { times: 1 })
      for (const id of ['a', 'b', 'c']) await live.submit({ signal_id: `row-12-${id}`, wait: 'broadcast' })
      for (const id of ['a', 'b', 'c']) await minedInto(live, `row-12-${id}`, 'included')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(3)
      return 'Three trades at nonces 0, 1 and 2.'
    },
  },
)

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'one of two endpoints stands still at the block before the trades, also over a restart',
    expected: 'the higher count holds: no nonce is used twice',
  },
  {
    endpoints: 2,
    async run(live) {
      const [, laggard] = live.chain.endpoints
      laggard?.inject(standStill(await live.chain.head()))
      for (const id of ['a', 'b']) {
        await live.submit({ signal_id: `row-15-${id}`, wait: 'broadcast' })
        await becomes(live, `row-15-${id}`, 'included')
      }
      await live.restart('SIGTERM')
      await live.submit({ signal_id: 'row-15-c', wait: 'broadcast' })
      await becomes(live, 'row-15-c', 'included')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(3)
      return 'Nonces 0, 1 and, after the restart, 2.'
    },
  },
)

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'after inclusion the only endpoint goes back to a replica that lags behind that block',
    expected: 'a block that is not known there is no reorg: the trade stays included',
  },
  {
    async run(live) {
      const before = await live.chain.head()
      await live.submit({ signal_id: 'row-15', wait: 'broadcast' })
      await becomes(live, 'row-15', 'included')
      await live.chain.mine()
      await pause(1_200)
      const lagging = live.proxy.inject(standStill(before))
      const asked = lagging.strikes
      await mineUntil(live, () => (lagging.strikes >= asked + 4 ? true : null))
      await pause(1_500)
      expect(await live.trade('row-15')).toMatchObject({ status: 'included' })
      lagging.heal()
      await finalised(live, 'row-15')
      expect(timesOffered(live, offersAt(live, 0)[0]?.hash ?? '')).toBe(1)
      return 'Included all the while; nothing was sent again.'
    },
  },
)

liveCase(
  {
    row: 25,
    failure: 'the receipt is missing though the nonce has passed',
    injected: 'the endpoint counts the transaction and hides its receipt for ten blocks',
    expected: 'no decision: neither foreign nor failed; then included',
  },
  {
    async run(live) {
      const hidden = live.proxy.inject(hideReceipts())
      await live.submit({ signal_id: 'row-25', wait: 'broadcast' })
      for (let block = 0; block < 10; block++) {
        const asked = hidden.strikes
        await live.chain.mine()
        await mineUntil(live, () => (hidden.strikes > asked ? true : null))
      }
      expect((await live.trade('row-25'))?.status).not.toBe('displaced')
      hidden.heal()
      await minedInto(live, 'row-25', 'included')
      return 'Open as long as the receipt was missing, then included.'
    },
  },
)

liveCase(
  {
    row: 28,
    failure: 'the nonce counter drifts upwards',
    injected: 'three trades that lose, one whose every reply is lost, and a restart after each',
    expected: 'refused trades take no nonce; one that may have left keeps its own',
  },
  {
    async run(live) {
      for (const id of ['a', 'b', 'c']) {
        const { json } = await live.submit({ signal_id: `row-28-${id}`, ...LOSING_TRADE })
        expect(json).toMatchObject({ success: false, sent: 'no' })
      }
      await live.restart()
      live.proxy.inject(dropReply(), { times: 1 })
      await live.submit({ signal_id: 'row-28-d', wait: 'broadcast' })
      await live.restart()
      await becomes(live, 'row-28-d', 'included')
      await live.submit({ signal_id: 'row-28-e', wait: 'broadcast' })
      await becomes(live, 'row-28-e', 'included')
      const trades = await live.chain.transactionsOf(...live.lanes)
      expect(trades.map(({ nonce }) => nonce)).toEqual([0, 1])
      return 'Nonces 0 and 1 for the two trades that paid.'
    },
  },
)
