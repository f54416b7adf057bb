import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { swallow } from '../support/faults.ts'
import { eventually, signal } from '../support/liveTitan.ts'
import { startTitan } from '../support/startTitan.ts'
import { liveCase } from './faultRow.ts'
import { becomes, besides, minedInto, mineUntil, offersAt, sendForeign } from './steps.ts'

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
    expected: 'the first notices the foreign nonce: displaced or landed, never twice; the lane is paused',
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
      await live.submit({ signal_id: 'row-22', wait: 'broadcast' })
      const trade = await mineUntil(live, async () => {
        const found = await live.trade('row-22')
        return found?.status === 'included' || found?.status === 'displaced' ? found : null
      })
      await eventually(async () => {
        const { json } = await live.titan.get('/health?verbose')
        return JSON.stringify(json).includes('not ours') ? true : null
      })
      return `The first server's trade is ${trade.status}; its lane says why it is paused.`
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
    injected: 'a foreign transaction took nonce 0 while the lane was idle',
    expected: 'the next trade has one true outcome and the lane is paused',
  },
  {
    foreign: whileIdle,
    async run(live) {
      whileIdle.push(await sendForeign({ chain: live.chain, nonce: 0 }))
      await live.submit({ signal_id: 'row-23', wait: 'broadcast' })
      const trade = await mineUntil(live, async () => {
        const found = await live.trade('row-23')
        return found?.status === 'included' || found?.status === 'displaced' ? found : null
      })
      await mineUntil(live, async () => {
        const { json } = await live.titan.get('/health?verbose')
        return JSON.stringify(json).includes('not ours') ? true : null
      })
      return `The trade is ${trade.status}; the lane says why it is paused.`
    },
  },
)
