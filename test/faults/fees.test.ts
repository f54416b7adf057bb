import { expect } from 'vitest'
import { refuse, swallow, takeAndRefuse } from '../support/faults.ts'
import { devAccount, eventually, signal } from '../support/liveTitan.ts'
import { liveCase } from './faultRow.ts'
import {
  becomes,
  finalised,
  minedInto,
  mineUntil,
  offersAt,
  outbidsByAnEighth,
  pause,
  timesOffered,
} from './steps.ts'

const INSUFFICIENT = {
  code: -32000,
  message: 'insufficient funds for gas * price + value: balance 7, tx cost 9, overshot 2',
}

liveCase(
  {
    row: 4,
    failure: '`replacement transaction underpriced`',
    injected: 'every replacement is refused as underpriced twice',
    expected: 'each further one starts an eighth above the highest refused, both fees, one nonce',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const lost = live.proxy.inject(swallow())
      await live.submit({ signal_id: 'row-4', wait: 'broadcast' })
      const first = offersAt(live, 0)[0]
      const message = 'replacement transaction underpriced'
      let refusals = 0
      live.proxy.inject(async (payload) => {
        if (payload.calls[0]?.params[0] === first?.raw || refusals >= 2) return null
        const fault = await refuse({ code: -32000, message })(payload)
        if (fault) refusals++
        return fault
      })
      await mineUntil(live, () => (refusals >= 2 && offersAt(live, 0).length > 2 ? true : null))
      lost.heal()
      await minedInto(live, 'row-4', 'included')
      const tried = offersAt(live, 0)
      for (const [index, offer] of tried.entries())
        expect(index === 0 || outbidsByAnEighth(tried[index - 1] ?? offer, offer)).toBe(true)
      expect(offersAt(live, 1)).toEqual([])
      return 'Every replacement raised both fees by an eighth or more; one is included.'
    },
  },
)

liveCase(
  {
    row: 5,
    failure: 'the base fee rises over a flat tip',
    injected: 'the base fee jumps to 5 gwei, above the cap of what is pending',
    expected: 'one replacement lifts both fees, its cap above the new base fee and tip; included',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-5', wait: 'broadcast' })
      await mineUntil(live, async () => {
        if (offersAt(live, 0).length > 1) return true
        await live.chain.baseFee(5)
        return null
      })
      await minedInto(live, 'row-5', 'included')
      const [first, second] = offersAt(live, 0)
      if (!first || !second) throw new Error('There was no replacement.')
      expect(outbidsByAnEighth(first, second)).toBe(true)
      expect(second.maxFeePerGas).toBeGreaterThan(4_000_000_000n)
      return 'The replacement outbids both fees and covers the new base fee.'
    },
  },
)

for (const message of [
  'transaction underpriced',
  'max fee per gas less than block base fee: address 0x1, maxFeePerGas: 2, baseFee: 3',
])
  liveCase(
    {
      row: 7,
      failure: 'below the minimum, or below the base fee',
      injected: `the first sending is refused: \`${message}\``,
      expected: 'priced anew by the market at the same nonce, within the caps; included',
    },
    {
      async run(live) {
        await live.chain.automine(false)
        await live.chain.mine()
        let firstRaw: unknown = null
        live.proxy.inject((payload) => {
          const [call] = payload.calls
          if (call?.method !== 'eth_sendRawTransaction') return null
          firstRaw ??= call.params[0]
          return call.params[0] === firstRaw ? refuse({ code: -32000, message })(payload) : null
        })
        await live.submit({ signal_id: 'row-7', wait: 'broadcast' })
        await minedInto(live, 'row-7', 'included')
        expect(offersAt(live, 0).length).toBeGreaterThan(1)
        expect(offersAt(live, 1)).toEqual([])
        return 'A replacement at nonce 0 is included.'
      },
    },
  )

liveCase(
  {
    row: 8,
    failure: 'the fee cap is reached while stuck',
    injected: 'MAX_FEE_GWEI=3 and a base fee of 4 gwei, at which the trade would still pay',
    expected: 'the same bytes stay out and nothing above the cap is signed; included once the fee falls',
  },
  {
    env: { MAX_FEE_GWEI: '3' },
    async run(live) {
      await live.chain.automine(false)
      await live.submit({ signal_id: 'row-8', wait: 'broadcast' })
      for (let block = 0; block < 12; block++) {
        await live.chain.baseFee(4)
        await live.chain.mine()
        await pause(200)
      }
      const [first] = offersAt(live, 0)
      await mineUntil(live, async () => {
        await live.chain.baseFee(4)
        return timesOffered(live, first?.hash ?? '') > 1 || offersAt(live, 0).length > 1 ? true : null
      })
      await live.chain.baseFee(0.5)
      await minedInto(live, 'row-8', 'included')
      for (const { maxFeePerGas } of offersAt(live, 0))
        expect(maxFeePerGas).toBeLessThanOrEqual(3_000_000_000n)
      return 'No attempt offered more than 3 gwei; included after the fall.'
    },
  },
)

const CONFIGURED_CAP = 'tx fee (1.20 ether) exceeds the configured cap (1.00 ether)'
for (const { injected, take } of [
  {
    injected: 'one of two endpoints refuses by its own fee cap, the other takes it',
    take: (live: Parameters<typeof becomes>[0]) => {
      live.chain.endpoints[0]?.inject(refuse({ code: -32000, message: CONFIGURED_CAP }))
    },
  },
  {
    injected: 'one refuses by its own fee cap, the other takes it and answers with a rate limit',
    take: (live: Parameters<typeof becomes>[0]) => {
      live.chain.endpoints[0]?.inject(refuse({ code: -32000, message: CONFIGURED_CAP }))
      live.chain.endpoints[1]?.inject(takeAndRefuse({ code: -32005, message: 'rate limited' }), { times: 1 })
    },
  },
])
  liveCase(
    {
      row: 9,
      failure: '`exceeds the configured cap` at one endpoint of several',
      injected,
      expected: 'unknown until the chain says so; one transaction',
    },
    {
      endpoints: 2,
      async run(live) {
        take(live)
        const { json } = await live.submit({ signal_id: 'row-9', wait: 'broadcast' })
        expect(json.sent).not.toBe('no')
        await becomes(live, 'row-9', 'included')
        expect(offersAt(live, 0)).toHaveLength(1)
        return 'Included; one transaction was signed.'
      },
    },
  )

liveCase(
  {
    row: 9,
    failure: '`exceeds the configured cap` at one endpoint of several',
    injected: 'the only endpoint refuses by its own fee cap, for six blocks',
    expected: 'offering more would not help: the same bytes, included once it takes them',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const capped = live.proxy.inject(refuse({ code: -32000, message: CONFIGURED_CAP }))
      await live.submit({ signal_id: 'row-9', wait: 'broadcast' })
      for (let block = 0; block < 6; block++) {
        const { strikes } = capped
        await live.chain.mine()
        await eventually(async () => (capped.strikes > strikes ? true : null))
      }
      expect(offersAt(live, 0)).toHaveLength(1)
      capped.heal()
      await minedInto(live, 'row-9', 'included')
      expect(offersAt(live, 1)).toEqual([])
      return 'One transaction, offered again unchanged, then included.'
    },
  },
)

liveCase(
  {
    row: 10,
    failure: '`insufficient funds`',
    injected: 'the only account is empty before the trade comes',
    expected: 'a coded refusal, no nonce taken; trades land after funding',
  },
  {
    prepare: (chain) => chain.ask('anvil_setBalance', devAccount(1).address, '0x7'),
    async run(live) {
      const { json } = await live.submit({ wait: 'broadcast' })
      expect(json).toMatchObject({ success: false, sent: 'no' })
      expect(json.error).toMatch(/holds|funds/)
      await live.chain.ask('anvil_setBalance', live.lanes[0], '0x56bc75e2d63100000')
      const later = await mineUntil(live, async () => {
        const again = await live.submit({ wait: 'broadcast' })
        return again.json.sent === 'no' ? null : again.json
      })
      const trade = await becomes(live, later.signal_id, 'included')
      expect(trade.nonce).toBe(0)
      return 'Refused with the balance as the reason; after funding a trade landed at nonce 0.'
    },
  },
)

liveCase(
  {
    row: 10,
    failure: '`insufficient funds`',
    injected: 'the node takes the transaction and says that it lacks the funds',
    expected: 'the chain is right: included, and the lane goes on',
  },
  {
    async run(live) {
      live.proxy.inject(takeAndRefuse(INSUFFICIENT), { times: 1 })
      await live.submit({ signal_id: 'row-10', wait: 'broadcast' })
      await becomes(live, 'row-10', 'included')
      const next = await mineUntil(live, async () => {
        const { json } = await live.submit({ wait: 'broadcast' })
        return json.code === 'LANES_BUSY' ? null : json
      })
      await becomes(live, next.signal_id, 'included')
      return 'Included; the next trade landed behind it.'
    },
  },
)

liveCase(
  {
    row: 10,
    failure: '`insufficient funds`',
    injected:
      'the account is emptied while signed bytes are under way; the node refuses them until it is funded',
    expected: 'same bytes, same nonce; no further trade over six blocks, and the key goes on afterwards',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const refusing = live.proxy.inject(async (payload) => {
        if (!payload.methods.includes('eth_sendRawTransaction')) return null
        await live.chain.ask('anvil_setBalance', live.lanes[0], '0x7')
        return refuse(INSUFFICIENT)(payload)
      })
      await live.submit({ signal_id: 'row-10-a', wait: 'broadcast' })
      for (let asked = 0; asked < 6; asked++) {
        await live.chain.mine()
        await pause(400)
        const { json } = await live.submit({ wait: 'broadcast' })
        expect(json).toMatchObject({ success: false, sent: 'no' })
      }
      expect(offersAt(live, 1)).toEqual([])
      const [first] = offersAt(live, 0)
      await mineUntil(live, () => (refusing.strikes >= 2 ? true : null))
      refusing.heal()
      await live.chain.ask('anvil_setBalance', live.lanes[0], '0x56bc75e2d63100000')
      const trade = await minedInto(live, 'row-10-a', 'included')
      expect(trade.txHash).toBe(first?.hash)
      const next = signal({ signal_id: 'row-10-c', wait: 'broadcast' })
      await mineUntil(live, async () => {
        const { json } = await live.titan.post('/execute', next)
        return json.code === 'LANES_BUSY' ? null : true
      })
      await minedInto(live, 'row-10-c', 'included')
      await finalised(live, 'row-10-c')
      return 'The same bytes landed at nonce 0; the lane went on with nonce 1.'
    },
  },
)
