import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Wallet } from 'ethers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { callRpc } from '../../devnet/callRpc.ts'
import { swallow } from '../support/faults.ts'
import { devAccount, type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'
import { auditTruth } from './auditTruth.ts'
import { sendForeign } from './steps.ts'

let live: LiveTitan
let path: string
beforeAll(async () => {
  live = await startLiveTitan()
  await live.submit({ signal_id: 'first' })
  await live.submit({ signal_id: 'second' })
  path = join(live.titan.dataDir, 'live', `chain-${live.chain.chainId}.sqlite`)
  await live.end()
})
afterAll(() => live?.stop())

const audit = (foreign: readonly string[] = []) => auditTruth({ live, foreign })

/** Runs SQL on the journal of the server that has ended. */
function alter(sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

it('finds nothing in a journal that is true', async () => {
  expect(await audit()).toBe('2 trades')
})

it.each([
  {
    lie: 'a transaction that is not journaled',
    sql: "UPDATE attempts SET hash = 'x' || hash WHERE signal_id = 'first'",
    undo: "UPDATE attempts SET hash = substr(hash, 2) WHERE signal_id = 'first'",
    found: 'is on chain and not journaled',
  },
  {
    lie: 'two signals at one nonce',
    sql: "UPDATE attempts SET nonce = 0 WHERE signal_id = 'second'",
    undo: "UPDATE attempts SET nonce = 1 WHERE signal_id = 'second'",
    found: 'belongs to one signal',
  },
  {
    lie: 'one signal at two nonces',
    sql: "UPDATE attempts SET signal_id = 'first', hash = hash WHERE signal_id = 'second'",
    undo: "UPDATE attempts SET signal_id = 'second' WHERE nonce = 1",
    found: 'has one nonce',
  },
  {
    lie: 'a landed trade that is journaled as denied',
    sql: "UPDATE executions SET state = 'denied' WHERE signal_id = 'first'",
    undo: "UPDATE executions SET state = 'included' WHERE signal_id = 'first'",
    found: 'first is denied',
  },
  {
    lie: 'a trade that is journaled as included and is not there',
    sql: "UPDATE executions SET signal_id = 'nobody' WHERE signal_id = 'first'",
    undo: "UPDATE executions SET signal_id = 'first' WHERE signal_id = 'nobody'",
    found: 'nobody is included',
  },
])('finds $lie', async ({ sql, undo, found }) => {
  alter(sql)
  await expect(audit()).rejects.toThrow(found)
  alter(undo)
  expect(await audit()).toBe('2 trades')
})

it('finds what somebody else sent, unless it is told, and what waits behind a gap', async () => {
  const foreign = await sendForeign({ chain: live.chain, nonce: 2 })
  await live.chain.mine()
  await expect(audit()).rejects.toThrow('is on chain and not journaled')
  expect(await audit([foreign])).toBe('2 trades, 1 foreign')
  await live.chain.automine(false)
  await sendForeign({ chain: live.chain, nonce: 5 })
  await expect(audit([foreign])).rejects.toThrow('behind a missing nonce')
})

it('finds bytes that left before their record was on disk', async () => {
  const raw = await new Wallet(devAccount(1).privateKey).signTransaction({
    type: 2,
    chainId: 56,
    nonce: 71,
    to: devAccount(6).address,
  })
  live.proxy.inject(swallow())
  await callRpc({ rpc: live.proxy.url, method: 'eth_sendRawTransaction', params: [raw], timeoutMs: 5_000 })
  await expect(audit()).rejects.toThrow('left before their record')
})
