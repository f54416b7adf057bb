import { expect } from 'vitest'
import type { FaultProxy, Injection } from '../support/faultProxy.ts'
import { cut, delay, hang, rateLimit } from '../support/faults.ts'
import { eventually, type LiveTitan } from '../support/liveTitan.ts'
import {
  dead,
  failCalls,
  freeze,
  inflateCounts,
  inflateHead,
  internalError,
  mixedHeights,
  muteHeads,
  refuseSubscriptions,
  standStill,
  wrongChain,
} from '../support/nodeStates.ts'
import { liveCase } from './faultRow.ts'
import { LARGE, takeOpportunity } from './opportunity.ts'
import { finalised, minedInto, mineUntil, offersAt, pause } from './steps.ts'

const endpoint = ({ chain }: LiveTitan, index: number): FaultProxy => {
  const proxy = chain.endpoints[index]
  if (proxy === undefined) throw new Error(`There is no endpoint ${index}.`)
  return proxy
}

/** Waits until an endpoint is shown in a state. */
const stateOf = (live: LiveTitan, index: number, state: string): Promise<true> =>
  eventually(async () => {
    const { json } = await live.titan.get('/health?verbose')
    const { host } = new URL(endpoint(live, index).url)
    const endpoints: readonly { host: string; state: string }[] = json.chain_status[0].endpoints
    return endpoints.some((each) => each.host === host && each.state === state) ? true : null
  })

/** Blocks with a base fee above what the pending transaction offers, until it is replaced. */
const mineUntilReplaced = (live: LiveTitan): Promise<true> =>
  mineUntil(live, async () => {
    if (offersAt(live, 0).length > 1) return true
    await live.chain.baseFee(3)
    return null
  })

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'the first of two endpoints answers and stands still at the block before the trades',
    expected: 'the second decides: simulated on its blocks, seen in them, final by them; nothing twice',
  },
  {
    endpoints: 2,
    async run(live) {
      endpoint(live, 0).inject(standStill(await live.chain.head()))
      for (const id of ['a', 'b', 'c']) {
        await live.submit({ signal_id: `row-15-${id}`, wait: 'broadcast' })
        await minedInto(live, `row-15-${id}`, 'included')
      }
      await finalised(live, 'row-15-c')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(3)
      expect(offersAt(live, 0)).toHaveLength(1)
      return 'Three trades at nonces 0 to 2, final, though the first endpoint never moved.'
    },
  },
)

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'the opportunity goes; the first of two endpoints stands still where it was there',
    expected: 'it is seen to be behind, and nothing is signed on the old state',
  },
  {
    endpoints: 2,
    async run(live) {
      endpoint(live, 0).inject(await freeze(live.chain.rpc))
      await takeOpportunity(live.chain)
      await live.chain.mine(6)
      await stateOf(live, 0, 'behind')
      for (let index = 0; index < 3; index++) {
        const { json } = await live.submit({ signal_id: `row-15-${index}` })
        expect(json).toMatchObject({ success: false, sent: 'no' })
      }
      expect(live.chain.endpoints.flatMap(({ offered }) => offered)).toEqual([])
      return 'Shown as behind; three signals refused, nothing signed.'
    },
  },
)

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'the only endpoint is a balancer: each call is answered by one of two heights',
    expected:
      'an older answer cancels nothing and reorgs nothing: each trade is included once, by its first bytes',
  },
  {
    async run(live) {
      await live.chain.mine(4) // the executor and its lanes are in both
      live.proxy.inject(mixedHeights(live.chain.rpc, 2))
      for (const id of ['a', 'b', 'c']) {
        await live.submit({ signal_id: `row-15-${id}`, wait: 'none' })
        await minedInto(live, `row-15-${id}`, 'included')
        await live.chain.mine(3)
      }
      await finalised(live, 'row-15-c')
      for (const nonce of [0, 1, 2]) expect(offersAt(live, nonce)).toHaveLength(1)
      return 'Three transactions for three trades, all included.'
    },
  },
)

liveCase(
  {
    row: 15,
    failure: 'an endpoint lags, or `pending` lies',
    injected: 'one of two endpoints counts a million transactions of every account, over a restart',
    expected: 'nothing is signed above what the other counts; included once it tells the truth again',
  },
  {
    endpoints: 2,
    async run(live) {
      await live.submit({ signal_id: 'row-15-a', wait: 'broadcast' })
      await minedInto(live, 'row-15-a', 'included')
      const lie = endpoint(live, 1).inject(inflateCounts(1_000_000))
      await live.titan.end()
      const restarted = live.restart()
      await pause(2_000)
      lie.heal()
      await restarted
      await mineUntil(live, async () => {
        const { json } = await live.submit({ signal_id: 'row-15-b', wait: 'broadcast' })
        return json.sent === 'no' ? null : true
      })
      await minedInto(live, 'row-15-b', 'included')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(2)
      expect(live.chain.endpoints.flatMap(({ offered }) => offered).filter(({ nonce }) => nonce > 1)).toEqual(
        [],
      )
      return 'Nonces 0 and 1.'
    },
  },
)

for (const dies of [false, true])
  for (const place of [0, 1])
    liveCase(
      {
        row: 15,
        failure: 'an endpoint lags, or `pending` lies',
        injected: `the ${place === 0 ? 'first' : 'second'} of two endpoints tells a head a million too high, ${
          dies ? 'alone at first, and dies' : 'and fails every call it is to run'
        }`,
        expected: 'the other is followed: a trade is signed on its blocks, included and final by them',
      },
      {
        endpoints: 2,
        async prepare({ endpoints }) {
          endpoints[place]?.inject(inflateHead(1_000_000))
          if (dies) await endpoints[1 - place]?.refuse(true)
          else endpoints[place]?.inject(failCalls())
        },
        async run(live) {
          if (dies) {
            endpoint(live, place).inject(dead())
            await endpoint(live, 1 - place).refuse(false)
          }
          await mineUntil(live, async () => {
            const { json } = await live.submit({ signal_id: 'row-15', wait: 'broadcast' })
            return json.sent === 'no' ? null : true
          })
          await minedInto(live, 'row-15', 'included')
          await finalised(live, 'row-15')
          expect(await live.chain.count(live.lanes[0] ?? '')).toBe(1)
          return 'One trade at nonce 0, final.'
        },
      },
    )

const TROUBLES: readonly (readonly [string, (node: string) => Injection | Promise<Injection>])[] = [
  ['dead', () => dead()],
  ['limited by HTTP 429', () => rateLimit(429)],
  ['silent', () => hang(null)],
  ['slow (2 s)', () => delay(2_000)],
  ['frozen', freeze],
  ['failing with HTTP 500 and a JSON body', () => internalError()],
]

for (const place of [0, 1])
  for (const [words, make] of TROUBLES)
    liveCase(
      {
        row: 32,
        failure: 'a provider outage looks like failing transactions',
        injected: `the ${place === 0 ? 'first' : 'second'} of two endpoints is ${words} while a trade must be replaced`,
        expected: 'it is replaced through the other, and included',
      },
      {
        endpoints: 2,
        async run(live) {
          await live.chain.automine(false)
          await live.submit({ ...LARGE, signal_id: 'row-32', wait: 'broadcast' })
          endpoint(live, place).inject(await make(live.chain.rpc))
          await mineUntilReplaced(live)
          await minedInto(live, 'row-32', 'included')
          expect(offersAt(live, 1)).toEqual([])
          return 'Replaced at nonce 0 and included while it lasted.'
        },
      },
    )

for (const [words, make] of TROUBLES.slice(0, 3))
  liveCase(
    {
      row: 32,
      failure: 'a provider outage looks like failing transactions',
      injected: `the second of two endpoints is ${words} while a trade stops paying`,
      expected: 'a no-op takes its nonce through the other',
    },
    {
      endpoints: 2,
      async run(live) {
        const { chain } = live
        await chain.automine(false)
        const keep: Injection = (payload) => {
          const offer = live.chain.endpoints.flatMap(({ offered }) => offered).at(-1)
          return offer?.to === chain.executor ? cut()(payload) : null
        }
        for (const proxy of chain.endpoints) proxy.inject(keep)
        await live.submit({ ...LARGE, signal_id: 'row-32', wait: 'broadcast' })
        await chain.automine(true)
        await takeOpportunity(chain)
        endpoint(live, 1).inject(await make(chain.rpc))
        const trade = await minedInto(live, 'row-32', 'cancelled')
        expect(trade).toMatchObject({ success: false, code: 'CANCELLED' })
        expect(await chain.count(live.lanes[0] ?? '')).toBe(1)
        return 'Cancelled by a no-op at nonce 0 while it lasted.'
      },
    },
  )

liveCase(
  {
    row: 32,
    failure: 'a provider outage looks like failing transactions',
    injected:
      'one of two endpoints refuses connections from the start, and they change places after a restart',
    expected: 'each time the other serves: a trade is included',
  },
  {
    endpoints: 2,
    prepare: (chain) => chain.endpoints[0]?.refuse(true) ?? Promise.resolve(),
    async run(live) {
      await live.submit({ signal_id: 'row-32-a', wait: 'broadcast' })
      await minedInto(live, 'row-32-a', 'included')
      await live.titan.end()
      await endpoint(live, 0).refuse(false)
      await endpoint(live, 1).refuse(true)
      await live.restart()
      await live.submit({ signal_id: 'row-32-b', wait: 'broadcast' })
      await minedInto(live, 'row-32-b', 'included')
      return 'Both included.'
    },
  },
)

/**
 * Blocks at the rhythm the chain is known for, with a fee above what is pending, until it is replaced. How
 * many it took.
 */
async function blocksUntilReplaced(live: LiveTitan): Promise<number> {
  for (let blocks = 1; ; blocks++) {
    await live.chain.baseFee(3)
    await live.chain.mine()
    await pause(750)
    if (offersAt(live, 0).length > 1) return blocks
    if (blocks === 40) throw new Error('Forty blocks, and nothing was replaced.')
  }
}
/** Ten and some: a poll that comes ten times as seldom as blocks finds only the first of these. */
const SOON_BLOCKS = 14

for (const { injected, spoil } of [
  {
    injected:
      'the subscription of the only endpoint (WebSocket) falls silent, its socket open, while a trade is pending',
    spoil: async (live: LiveTitan) => {
      live.proxy.inject(muteHeads())
    },
  },
  {
    injected:
      'the only endpoint (WebSocket) loses its connections, and refuses to announce blocks from then on',
    spoil: async (live: LiveTitan) => {
      live.proxy.inject(refuseSubscriptions())
      await live.proxy.refuse(true)
      await live.proxy.refuse(false)
    },
  },
])
  liveCase(
    {
      row: 32,
      failure: 'a provider outage looks like failing transactions',
      injected,
      expected: `new blocks are found by asking: replaced within ${SOON_BLOCKS} blocks of a fee that has jumped`,
    },
    {
      endpoints: ['ws'],
      async run(live) {
        await live.chain.automine(false)
        await live.submit({ ...LARGE, signal_id: 'row-32', wait: 'broadcast' })
        await spoil(live)
        expect(await blocksUntilReplaced(live)).toBeLessThanOrEqual(SOON_BLOCKS)
        await minedInto(live, 'row-32', 'included')
        return 'Replaced in time, and included.'
      },
    },
  )

liveCase(
  {
    row: 32,
    failure: 'a provider outage looks like failing transactions',
    injected: 'two endpoints by WebSocket and IPC; the first loses every connection while a trade is pending',
    expected: 'the other announces and answers: replaced and included',
  },
  {
    endpoints: ['ws', 'ipc'],
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ ...LARGE, signal_id: 'row-32', wait: 'broadcast' })
      await endpoint(live, 0).refuse(true)
      await mineUntilReplaced(live)
      await minedInto(live, 'row-32', 'included')
      return 'Replaced through the IPC socket, and included.'
    },
  },
)

liveCase(
  {
    row: 39,
    failure: 'an endpoint serves another chain',
    injected: 'the second of two endpoints is of chain 5, over a restart',
    expected: 'no signed bytes go to it, and it is shown as what it is; trades land by the first',
  },
  {
    endpoints: 2,
    async prepare(chain) {
      chain.endpoints[1]?.inject(wrongChain(5))
    },
    async run(live) {
      for (const id of ['a', 'b']) {
        await live.submit({ signal_id: `row-39-${id}`, wait: 'broadcast' })
        await minedInto(live, `row-39-${id}`, 'included')
        await live.restart('SIGTERM')
      }
      expect(endpoint(live, 1).offered).toEqual([])
      await stateOf(live, 1, 'wrong_chain')
      return 'Two trades by the first endpoint; the second got no bytes and is shown as wrong_chain.'
    },
  },
)

/** Takes what there is to earn: behind it the same trade loses. */
const WHOLE_USDC = 8_000_000_000

liveCase(
  {
    row: 40,
    failure: 'several signals for one opportunity',
    injected:
      '200 signals with ids of their own for a trade that can be made once, on four lanes, before the next block',
    expected: 'one inclusion; the others are refused with a reason and cost nothing',
  },
  {
    lanes: 4,
    async run(live) {
      await live.chain.automine(false)
      const ids = Array.from({ length: 200 }, (_, index) => `row-40-${index}`)
      const answers = await Promise.all(
        ids.map((id, index) =>
          live.submit({ signal_id: id, amount: String(WHOLE_USDC + (index % 2) * index * 7), wait: 'none' }),
        ),
      )
      for (const { status, json } of answers) expect([status < 300, json.sent]).toEqual([true, 'no'])
      const trades = await mineUntil(live, async () => {
        const found = await Promise.all(ids.map(live.trade))
        return found.every(
          (each) =>
            each !== null &&
            each.status !== 'accepted' &&
            each.status !== 'signed' &&
            each.status !== 'pending',
        )
          ? found
          : null
      })
      const included = trades.filter((each) => each?.status === 'included')
      expect(included).toHaveLength(1)
      for (const each of trades)
        if (each?.status !== 'included')
          expect(each).toMatchObject({ status: 'denied', sent: 'no', success: false })
      expect(await live.chain.transactionsOf(...live.lanes)).toHaveLength(1)
      return 'One transaction, included; 199 refused before anything was signed.'
    },
  },
)
