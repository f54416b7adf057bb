import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { swallow } from '../support/faults.ts'
import { eventually, signal } from '../support/liveTitan.ts'
import { startTitan } from '../support/startTitan.ts'
import { liveCase } from './faultRow.ts'
import { becomes, besides, minedInto, offersAt, sendForeign } from './steps.ts'

const inTheWay: string[] = []
liveCase(
  {
    row: 4,
    failure: '`replacement transaction underpriced`',
    injected: 'a foreign transaction with a higher fee holds nonce 0 in the pool',
    expected: 'not taken for a success; displaced once the foreign one is mined, no other nonce',
  },
  {
    foreign: inTheWay,
    async run(live) {
      await live.chain.automine(false)
      inTheWay.push(await sendForeign({ chain: live.chain, nonce: 0, gwei: 250 }))
      const { json } = await live.submit({ signal_id: 'row-4', wait: 'broadcast' })
      expect(json.success).toBe(false)
      await minedInto(live, 'row-4', 'displaced')
      expect(offersAt(live, 1)).toEqual([])
      return 'Displaced; nonce 1 was not touched.'
    },
  },
)

const ofTheOther: string[] = []
liveCase(
  {
    row: 22,
    failure: 'a second process with the same key',
    injected: 'a second server with the same key and a data directory of its own trades first',
    expected: 'the first signs nothing at that nonce: it stops the lane and names the other trade',
  },
  {
    foreign: ofTheOther,
    async run(live) {
      const dataDir = mkdtempSync(join(tmpdir(), 'titan-second-'))
      const second = await startTitan({ env: besides(live), dataDir })
      try {
        await eventually(async () => ((await second.get('/readyz')).status === 200 ? true : null))
        const { json } = await second.post('/execute', signal({ signal_id: 'row-22-other' }))
        ofTheOther.push(json.txHash)
        expect(json.status).toBe('included')
      } finally {
        await second.stop()
        rmSync(dataDir, { recursive: true, force: true })
      }
      const { json } = await live.submit({ signal_id: 'row-22' })
      expect(json).toMatchObject({ success: false, code: 'LANES_BUSY', sent: 'no' })
      expect(json.error).toContain(`${ofTheOther[0]} (a trade on the executor with a loan of`)
      expect(live.proxy.offered).toEqual([])
      return 'Refused; the lane names the hash and the loan of the other trade.'
    },
  },
)

const ofTheSecond: string[] = []
liveCase(
  {
    row: 22,
    failure: 'a second process with the same key',
    injected:
      'two servers with one key run; both sign nonce 0 for one signal_id, each another amount; the second lands',
    expected: 'one effect; the first tells displaced by the hash of the second, and stops the lane',
  },
  {
    foreign: ofTheSecond,
    async run(live) {
      const { chain } = live
      const dataDir = mkdtempSync(join(tmpdir(), 'titan-second-'))
      const second = await startTitan({ env: besides(live), dataDir })
      try {
        await eventually(async () => ((await second.get('/readyz')).status === 200 ? true : null))
        await chain.automine(false)
        const lost = live.proxy.inject(swallow())
        const trade = () => signal({ signal_id: 'row-22', wait: 'broadcast' })
        const answers = [await live.titan.post('/execute', trade()), await second.post('/execute', trade())]
        expect(answers.map(({ json }) => json.nonce)).toEqual([0, 0])
        ofTheSecond.push(answers[1]?.json.txHash)
        expect(offersAt(live, 0)[0]?.hash).not.toBe(ofTheSecond[0])
        const told = await minedInto(live, 'row-22', 'displaced')
        expect(told).toMatchObject({ success: false, code: 'DISPLACED' })
        expect(told.error).toContain(ofTheSecond[0])
        lost.heal()
        await eventually(async () =>
          (await second.get('/trades/row-22')).json.status === 'included' ? true : null,
        )
        const { json } = await live.submit({ signal_id: 'row-22-b' })
        expect(json).toMatchObject({ success: false, code: 'LANES_BUSY', sent: 'no' })
      } finally {
        await second.stop()
        rmSync(dataDir, { recursive: true, force: true })
      }
      return 'Included for the second alone; the first names its hash and takes no further trade.'
    },
  },
)

const outOfBand: string[] = []
liveCase(
  {
    row: 23,
    failure: 'somebody else uses the key',
    injected: 'a foreign transaction takes nonce 0 while the trade is on its way',
    expected: 'displaced, the foreign transaction named, the lane paused; other lanes go on',
  },
  {
    lanes: 2,
    foreign: outOfBand,
    async run(live) {
      await live.chain.automine(false)
      live.proxy.inject(swallow(), { times: 1 })
      await live.submit({ signal_id: 'row-23', wait: 'broadcast' })
      const [offer] = live.proxy.offered
      const account = live.lanes.indexOf(offer?.from ?? '0x') + 1
      const foreign = await sendForeign({ chain: live.chain, account, nonce: 0 })
      outOfBand.push(foreign)
      const trade = await minedInto(live, 'row-23', 'displaced')
      expect(trade).toMatchObject({ success: false, code: 'DISPLACED' })
      expect(trade.error).toContain(foreign)
      await live.chain.automine(true)
      for (const id of ['b', 'c']) {
        await live.submit({ signal_id: `row-23-${id}`, wait: 'broadcast' })
        const next = await becomes(live, `row-23-${id}`, 'included')
        expect(String(next.lane).toLowerCase()).not.toBe(offer?.from)
      }
      return 'Displaced by the named hash; later trades took the other lane.'
    },
  },
)

const whileIdle: string[] = []
liveCase(
  {
    row: 23,
    failure: 'somebody else uses the key',
    injected: 'a foreign transaction took nonce 0 of one of two idle lanes',
    expected: 'the next trades go by the other lane; the lane is paused and says which transaction it was',
  },
  {
    lanes: 2,
    foreign: whileIdle,
    async run(live) {
      await live.chain.automine(true)
      const hash = await sendForeign({ chain: live.chain, nonce: 0 })
      await eventually(async () => ((await live.chain.count(live.lanes[0] ?? '')) === 1 ? true : null))
      whileIdle.push(hash)
      await sleep(300) // an account is not asked about more often than every 250 ms
      for (const id of ['a', 'b', 'c']) {
        const { json } = await live.submit({ signal_id: `row-23-${id}` })
        expect(json.status).toBe('included')
        expect(String(json.lane).toLowerCase()).toBe(live.lanes[1])
      }
      const { json } = await live.titan.get('/health?verbose')
      expect(JSON.stringify(json)).toContain(`the first ${hash} (which sends`)
      return 'All trades took the other lane; the paused one names the hash and what it did.'
    },
  },
)
