import { expect } from 'vitest'
import type { Hex } from '../../src/domain/signal.ts'
import { readTransaction } from '../support/faultProxy.ts'
import { hold, swallow } from '../support/faults.ts'
import { eventually } from '../support/liveTitan.ts'
import { liveCase } from './faultRow.ts'
import { DAI_TRADE, takeOpportunity } from './opportunity.ts'
import { finalised, minedInto, mineUntil, offersAt, outbidsByAnEighth, pause } from './steps.ts'

liveCase(
  {
    row: 26,
    failure: 'a cancel races the original',
    injected: 'the trade stops paying, and the original is mined just before its cancel arrives',
    expected: 'what was mined decides: the trade reverted, nothing else at its nonce',
  },
  {
    async run(live) {
      const { chain, proxy } = live
      const lost = proxy.inject(swallow())
      await live.submit({ signal_id: 'row-26', wait: 'broadcast' })
      const [first] = offersAt(live, 0)
      await takeOpportunity(chain)
      proxy.inject(async ({ calls }) => {
        const offer = proxy.offered.at(-1)
        if (calls[0]?.method !== 'eth_sendRawTransaction' || offer?.to === chain.executor) return null
        lost.heal()
        await chain.ask('eth_sendRawTransaction', first?.raw).catch(() => {})
        return null
      })
      const trade = await minedInto(live, 'row-26', 'reverted')
      expect(trade).toMatchObject({ success: false, txHash: first?.hash, profit: '0' })
      expect(offersAt(live, 0).some(({ to, from }) => to === from)).toBe(true)
      await finalised(live, 'row-26')
      return 'Reverted by its own receipt, though a cancel was sent.'
    },
  },
)

liveCase(
  {
    row: 26,
    failure: 'a cancel races the original',
    injected: 'the cancel is mined, a reorg takes it back, and the original is mined in its place',
    expected: 'the outcome follows the chain: cancelled, then reverted',
  },
  {
    async run(live) {
      const { chain, proxy } = live
      const swallowed = swallow()
      const lost = proxy.inject((payload) =>
        payload.methods.includes('eth_sendRawTransaction') && proxy.offered.at(-1)?.to === chain.executor
          ? swallowed(payload)
          : null,
      )
      await live.submit({ signal_id: 'row-26', wait: 'broadcast' })
      const [first] = offersAt(live, 0)
      await takeOpportunity(chain)
      await minedInto(live, 'row-26', 'cancelled')
      lost.heal()
      await chain.reorg({ depth: 3, forgets: true })
      await chain.ask('eth_sendRawTransaction', first?.raw)
      await chain.mine()
      const trade = await minedInto(live, 'row-26', 'reverted')
      expect(trade.txHash).toBe(first?.hash)
      await finalised(live, 'row-26')
      return 'Cancelled at first, reverted in the end.'
    },
  },
)

liveCase(
  {
    row: 27,
    failure: 'a gap behind a cancelled trade',
    injected: 'the trade at nonce 0 never reaches the pool and stops paying; another waits at nonce 1',
    expected: 'a no-op burns nonce 0, the trade at nonce 1 lands; no nonce is freed',
  },
  {
    async run(live) {
      const { chain, proxy } = live
      const swallowed = swallow()
      const lost = proxy.inject((payload) => {
        const offer = proxy.offered.at(-1)
        return offer?.nonce === 0 && offer.to === chain.executor ? swallowed(payload) : null
      })
      await live.submit({ signal_id: 'row-27-a', wait: 'broadcast' })
      await live.submit({ signal_id: 'row-27-b', ...DAI_TRADE, wait: 'broadcast' })
      await takeOpportunity(chain)
      await minedInto(live, 'row-27-a', 'cancelled')
      await minedInto(live, 'row-27-b', 'included')
      lost.heal()
      const onChain = await chain.transactionsOf(...live.lanes)
      expect(onChain.map(({ nonce, to }) => [nonce, to === chain.executor])).toEqual([
        [0, false],
        [1, true],
      ])
      return 'A no-op at nonce 0, the trade at nonce 1.'
    },
  },
)

liveCase(
  {
    row: 35,
    failure: 'a private relay accepts and never includes',
    injected: 'the relay keeps everything for ever; policy private_then_public',
    expected: 'after the private blocks public, same nonce, higher fee; included',
  },
  {
    relay: { includes: false },
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-35', relay: 'private_then_public', wait: 'broadcast' })
      expect(live.proxy.offered).toEqual([])
      const kept = readTransaction(live.relay?.kept[0] as Hex)
      await minedInto(live, 'row-35', 'included')
      const [shown] = offersAt(live, 0)
      expect(shown && outbidsByAnEighth(kept, shown)).toBe(true)
      expect(shown?.nonce).toBe(kept.nonce)
      return 'Kept by the relay, then shown to the nodes for more at nonce 0, and included.'
    },
  },
)

liveCase(
  {
    row: 35,
    failure: 'a private relay accepts and never includes',
    injected: 'the relay keeps everything for ever; policy private',
    expected: 'never shown to a node; after the private blocks a no-op takes the nonce',
  },
  {
    relay: { includes: false },
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-35', relay: 'private', wait: 'broadcast' })
      const trade = await minedInto(live, 'row-35', 'cancelled')
      expect(trade).toMatchObject({ success: false, code: 'CANCELLED' })
      for (const { to, from } of live.proxy.offered) expect(to).toBe(from)
      return 'Cancelled by a no-op; no node saw the trade.'
    },
  },
)

liveCase(
  {
    row: 35,
    failure: 'a private relay accepts and never includes',
    injected: 'SIGKILL while the relay is unreachable; it is back after the restart',
    expected: 'the same bytes go to the relay, and to no node; included',
  },
  {
    relay: { includes: true },
    async run(live) {
      await live.chain.automine(false)
      live.relay?.refuse(true)
      await live.submit({ signal_id: 'row-35', relay: 'private', wait: 'none' })
      await eventually(async () => ((live.relay?.calls.length ?? 0) > 0 ? true : null))
      await live.titan.end('SIGKILL')
      await live.chain.mine()
      live.relay?.refuse(false)
      await live.restart()
      await minedInto(live, 'row-35', 'included')
      expect(live.proxy.offered).toEqual([])
      return 'Included through the relay; no node was sent it.'
    },
  },
)

liveCase(
  {
    row: 36,
    failure: 'the opportunity is gone',
    injected: 'valid_until passes while the simulation is held up',
    expected: 'refused before a nonce is taken',
  },
  {
    async run(live) {
      const until = pause(1_200)
      const slow = live.proxy.inject(hold(until, 'eth_call'), { times: 2 })
      const answer = live.submit({ signal_id: 'row-36', valid_until: Date.now() + 400 })
      await eventually(async () => (slow.strikes > 0 ? true : null))
      const { json } = await answer
      expect(json).toMatchObject({ success: false, sent: 'no', code: 'EXPIRED' })
      expect(live.proxy.offered).toEqual([])
      return 'Refused with EXPIRED, nothing signed.'
    },
  },
)

for (const { injected, expected, ends, isKept } of [
  {
    injected: 'valid_until passes while no node takes the transaction',
    expected: 'a no-op takes the nonce: cancelled',
    ends: 'cancelled',
    isKept: false,
  },
  {
    injected:
      'valid_until passes while the transaction is stuck, and it is mined just before its cancel arrives',
    expected: 'the executor refuses by its deadline: reverted, nothing traded',
    ends: 'reverted',
    isKept: true,
  },
])
  liveCase(
    { row: 36, failure: 'the opportunity is gone', injected, expected },
    {
      async run(live) {
        const { chain, proxy } = live
        await chain.automine(false)
        const swallowed = swallow()
        proxy.inject(async (payload) => {
          const offer = proxy.offered.at(-1)
          if (!payload.methods.includes('eth_sendRawTransaction')) return null
          if (offer?.to === chain.executor) return swallowed(payload)
          if (isKept) {
            const raw = offersAt(live, 0)[0]?.raw
            await chain.ask('eth_sendRawTransaction', raw).catch(() => {})
            await chain.mine()
          }
          return null
        })
        await live.submit({ signal_id: 'row-36', valid_until: Date.now() + 1_500, wait: 'broadcast' })
        expect(offersAt(live, 0)).toHaveLength(1)
        await pause(2_000)
        await mineUntil(live, () => (offersAt(live, 0).some(({ to, from }) => to === from) ? true : null))
        await minedInto(live, 'row-36', ends)
        return `The trade is ${ends}.`
      },
    },
  )
