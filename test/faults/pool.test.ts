import { expect } from 'vitest'
import {
  cut,
  dropReply,
  hang,
  refuse,
  swallow,
  takeAndFail,
  takeAndForget,
  takeAndRefuse,
  wrongHash,
} from '../support/faults.ts'
import { eventually, type LiveTitan } from '../support/liveTitan.ts'
import { liveCase } from './faultRow.ts'
import { becomes, finalised, minedInto, mineUntil, offersAt, timesOffered } from './steps.ts'

liveCase(
  {
    row: 3,
    failure: '`already known`',
    injected: 'the node takes the first sending and answers `already known`',
    expected: 'sent: yes, included once',
  },
  {
    async run(live) {
      live.proxy.inject(takeAndRefuse({ code: -32000, message: 'already known' }))
      const { json } = await live.submit({ signal_id: 'row-3', wait: 'broadcast' })
      expect(json).toMatchObject({ success: true, sent: 'yes' })
      await becomes(live, 'row-3', 'included')
      return 'Included.'
    },
  },
)

for (const message of [
  'intrinsic gas too low: gas 21000, minimum needed 53000',
  'oversized data: transaction size 131099, limit 131072',
])
  liveCase(
    {
      row: 11,
      failure: 'a permanent refusal after a nonce was taken',
      injected: `the node refuses every trade with \`${message}\`, and takes no-ops`,
      expected: 'the trade ends without effect, a no-op burns its nonce, the next trade lands at nonce 1',
    },
    {
      async run(live) {
        const refusing = live.proxy.inject((payload) => {
          const offer = live.proxy.offered.at(-1)
          return offer?.to === live.chain.executor ? refuse({ code: -32000, message })(payload) : null
        })
        await live.submit({ signal_id: 'row-11', wait: 'broadcast' })
        const trade = await minedInto(live, 'row-11', 'cancelled')
        expect(trade).toMatchObject({ success: false, nonce: 0 })
        refusing.heal()
        await live.submit({ signal_id: 'row-11-b', wait: 'broadcast' })
        const next = await becomes(live, 'row-11-b', 'included')
        expect(next.nonce).toBe(1)
        return 'Cancelled by a no-op at nonce 0; the next trade is at nonce 1.'
      },
    },
  )

liveCase(
  {
    row: 13,
    failure: 'the pool drops a transaction in silence',
    injected: 'the node takes it, answers with its hash, and forgets it',
    expected: 'the same bytes again, whatever else; included',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      live.proxy.inject(takeAndForget(live.chain.rpc), { times: 1 })
      await live.submit({ signal_id: 'row-13', wait: 'broadcast' })
      const [first] = offersAt(live, 0)
      await live.chain.mine(2)
      await eventually(async () => (timesOffered(live, first?.hash ?? '') > 1 ? true : null))
      const trade = await minedInto(live, 'row-13', 'included')
      expect(trade.txHash).toBe(first?.hash)
      expect(offersAt(live, 1)).toEqual([])
      return 'Offered again unchanged, and included at nonce 0.'
    },
  },
)

liveCase(
  {
    row: 13,
    failure: 'the pool drops a transaction in silence',
    injected: 'every sending is swallowed for four blocks, over a SIGKILL of the server',
    expected: 'the restart sends the journaled bytes again; included',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const lost = live.proxy.inject(swallow())
      await live.submit({ signal_id: 'row-13', wait: 'broadcast' })
      await live.chain.mine(4)
      await live.restart('SIGKILL')
      lost.heal()
      await minedInto(live, 'row-13', 'included')
      expect(offersAt(live, 1)).toEqual([])
      return 'Included at nonce 0.'
    },
  },
)

liveCase(
  {
    row: 14,
    failure: '`already known` for hours and never mined',
    injected: 'one endpoint says `already known` to everything and passes nothing on; six blocks',
    expected: 'replacements at the same nonce within the caps; included once one gets through',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const stuck = live.proxy.inject(refuse({ code: -32000, message: 'already known' }))
      await live.submit({ signal_id: 'row-14', wait: 'broadcast' })
      await mineUntil(live, () => (offersAt(live, 0).length >= 3 ? true : null))
      stuck.heal()
      await minedInto(live, 'row-14', 'included')
      await finalised(live, 'row-14')
      expect(offersAt(live, 1)).toEqual([])
      return 'Replaced at nonce 0 and included.'
    },
  },
)

for (const { injected, inject } of [
  {
    injected: 'the node takes the transaction and the connection closes without an answer',
    inject: () => dropReply(),
  },
  {
    injected: 'the node takes the transaction and a gateway answers HTTP 502 with a page',
    inject: (live: LiveTitan) => takeAndFail(live.chain.rpc),
  },
  { injected: 'the node never answers and never saw it', inject: () => hang() },
  { injected: 'the connection is reset before the node sees it', inject: () => cut() },
  { injected: 'the answer names another hash, and nothing was taken', inject: () => wrongHash() },
])
  liveCase(
    {
      row: 16,
      failure: 'a timeout or reset while sending',
      injected,
      expected: 'sent: unknown, the same bytes again, one effect',
    },
    {
      async run(live) {
        live.proxy.inject(inject(live), { times: 1 })
        const { json } = await live.submit({ signal_id: 'row-16', wait: 'broadcast' })
        expect(json).toMatchObject({ success: false, sent: 'unknown' })
        await becomes(live, 'row-16', 'included')
        expect(offersAt(live, 0)).toHaveLength(1)
        expect(offersAt(live, 1)).toEqual([])
        return 'Unknown at first, then included: one transaction.'
      },
    },
  )

liveCase(
  {
    row: 16,
    failure: 'a timeout or reset while sending',
    injected: 'the first of two endpoints is silent, the second takes it',
    expected: 'the first acceptance counts at once',
  },
  {
    endpoints: 2,
    async run(live) {
      live.chain.endpoints[0]?.inject(hang())
      const { json } = await live.submit({ signal_id: 'row-16', wait: 'broadcast' })
      expect(json).toMatchObject({ success: true, sent: 'yes' })
      await becomes(live, 'row-16', 'included')
      return 'Accepted by one, included.'
    },
  },
)
