import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { cut, dropReply, hang, hold } from '../support/faults.ts'
import { eventually, type LiveTitan, signal } from '../support/liveTitan.ts'
import { fillDisk } from '../support/smallDisk.ts'
import { startTitan } from '../support/startTitan.ts'
import { liveCase } from './faultRow.ts'
import { becomes, besides, minedInto, mineUntil, offersAt, pause } from './steps.ts'

liveCase(
  {
    row: 17,
    failure: 'a crash between reserving a nonce and signing',
    injected:
      'SIGKILL while the simulation is held: the last wait before a nonce is taken, signed and journaled in one turn',
    expected: 'the promised trade runs after the restart at nonce 0; no gap',
  },
  {
    async run(live) {
      const held = live.proxy.inject(hold(new Promise(() => {}), 'eth_call'))
      const { status } = await live.submit({ signal_id: 'row-17', wait: 'none' })
      expect(status).toBe(202)
      await eventually(async () => (held.strikes > 0 ? true : null))
      await live.titan.end('SIGKILL')
      held.heal()
      await live.restart()
      await becomes(live, 'row-17', 'included')
      await live.submit({ signal_id: 'row-17-b', wait: 'broadcast' })
      await becomes(live, 'row-17-b', 'included')
      const nonces = (await live.chain.transactionsOf(...live.lanes)).map(({ nonce }) => nonce)
      expect(nonces).toEqual([0, 1])
      return 'The promised trade at nonce 0, the next at nonce 1.'
    },
  },
)

liveCase(
  {
    row: 18,
    failure: 'a crash between signing and broadcast',
    injected: 'no bytes get through; SIGKILL; the journal has what was signed',
    expected: 'the restart sends the same bytes in the order of nonces; included',
  },
  {
    async run(live) {
      const lost = live.proxy.inject(cut())
      for (const id of ['a', 'b']) await live.submit({ signal_id: `row-18-${id}`, wait: 'broadcast' })
      const signed = [offersAt(live, 0)[0]?.hash, offersAt(live, 1)[0]?.hash]
      await live.titan.end('SIGKILL')
      lost.heal()
      await live.restart()
      for (const id of ['a', 'b']) await becomes(live, `row-18-${id}`, 'included')
      const hashes = (await live.chain.transactionsOf(...live.lanes)).map(({ hash }) => hash)
      expect(hashes).toEqual(signed)
      return 'Both signed transactions landed as they were.'
    },
  },
)

liveCase(
  {
    row: 19,
    failure: 'a crash between broadcast and journal',
    injected: 'the node mines it, the answer never comes, SIGKILL; the client sends the signal again',
    expected: 'journaled before it left: the restart finds it on chain; the second sending changes nothing',
  },
  {
    async run(live) {
      live.proxy.inject(dropReply())
      const trade = signal({ signal_id: 'row-19', wait: 'none' })
      await live.titan.post('/execute', trade)
      await eventually(async () => ((await live.chain.count(live.lanes[0] ?? '')) > 0 ? true : null))
      await live.titan.end('SIGKILL')
      live.proxy.heal()
      await live.restart()
      const again = await live.titan.post('/execute', trade)
      expect(again.json.signal_id).toBe('row-19')
      await becomes(live, 'row-19', 'included')
      expect(await live.chain.count(live.lanes[0] ?? '')).toBe(1)
      return 'Included once; the repetition was answered with it.'
    },
  },
)

liveCase(
  {
    row: 19,
    failure: 'a crash between broadcast and journal',
    injected: 'SIGKILL at the moment a replacement reaches the node',
    expected: 'the replacement is journaled too: one of the two lands, and the trade is included',
  },
  {
    async run(live) {
      await live.chain.automine(false)
      const silent = live.proxy.inject(hang())
      await live.submit({ signal_id: 'row-19', wait: 'none' })
      await mineUntil(live, () => (offersAt(live, 0).length > 1 ? true : null))
      await live.titan.end('SIGKILL')
      silent.heal()
      await live.restart()
      await minedInto(live, 'row-19', 'included')
      return 'Included once at nonce 0.'
    },
  },
)

liveCase(
  {
    row: 21,
    failure: 'one intent is prepared twice',
    injected:
      'the same signal six times at once, and once more after it landed; then another trade under its id',
    expected: 'one transaction; the others get its state; the other trade is a conflict',
  },
  {
    lanes: 3,
    async run(live) {
      const trade = signal({ signal_id: 'row-21', wait: 'included' })
      const answers = await Promise.all(Array.from({ length: 6 }, () => live.titan.post('/execute', trade)))
      await becomes(live, 'row-21', 'included')
      for (const { json } of answers) expect(['IN_FLIGHT', 'NOT_SETTLED', null]).toContain(json.code)
      const again = await live.titan.post('/execute', trade)
      expect(again.json).toMatchObject({ success: true, status: 'included' })
      const other = await live.titan.post('/execute', signal({ signal_id: 'row-21' }))
      expect(other.json).toMatchObject({ success: false, code: 'SIGNAL_ID_CONFLICT' })
      expect(await live.chain.transactionsOf(...live.lanes)).toHaveLength(1)
      return 'One transaction on three lanes; the conflict is refused.'
    },
  },
)

liveCase(
  {
    row: 22,
    failure: 'a second process with the same key',
    injected: 'a second server is started on the same data directory',
    expected: 'refused at start, with the reason; the first goes on',
  },
  {
    async run(live) {
      const second = startTitan({ env: besides(live), dataDir: live.titan.dataDir })
      await expect(second).rejects.toThrow(/in use by another process|one data directory/)
      await live.submit({ signal_id: 'row-22', wait: 'broadcast' })
      await becomes(live, 'row-22', 'included')
      return 'The second does not start; the first trades.'
    },
  },
)

liveCase(
  {
    row: 37,
    failure: 'the journal cannot be written',
    injected: 'every commit fails as on a full disk; later the disk has room again',
    expected:
      'nothing leaves; a coded refusal; /readyz says why; the same signal lands once the disk takes it',
  },
  {
    async run(live) {
      await live.titan.end()
      alterJournal(
        live,
        "CREATE TRIGGER full BEFORE UPDATE ON totals BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
      )
      await live.restart()
      const trade = signal({ signal_id: 'row-37', wait: 'included' })
      const { json } = await live.titan.post('/execute', trade)
      expect(json).toMatchObject({ success: false, code: 'JOURNAL_UNAVAILABLE' })
      expect(live.proxy.offered).toEqual([])
      const { reason } = await eventually(async () => {
        const { json } = await live.titan.get('/readyz?verbose')
        return json.ready ? null : json.checks[0]
      })
      expect(reason).toContain('cannot be written: database or disk is full')
      await live.titan.end()
      alterJournal(live, 'DROP TRIGGER full')
      await live.restart()
      await live.titan.post('/execute', trade)
      await becomes(live, 'row-37', 'included')
      expect(offersAt(live, 0)).toHaveLength(1)
      return 'Refused with JOURNAL_UNAVAILABLE, nothing sent; then included at nonce 0.'
    },
  },
)

/** What SQLite needs to start, and room for some commits. */
const SMALL_DISK_BYTES = 3 * 1024 * 1024

liveCase(
  {
    row: 37,
    failure: 'the journal cannot be written',
    injected:
      'the disk is full (ENOSPC) after a signal was promised (202) and before it is signed; then it has room again',
    expected: 'nothing leaves, others are refused with a code; the promised trade lands without a restart',
  },
  {
    disk: { bytes: SMALL_DISK_BYTES },
    // The promise outlasts the full disk; what waits for a node is asked again meanwhile.
    env: { RPC_TIMEOUT_MS: '20000' },
    async run(live) {
      const simulated = Promise.withResolvers<void>()
      const held = live.proxy.inject(hold(simulated.promise, 'eth_call'))
      const { status } = await live.submit({ signal_id: 'row-37-a', wait: 'none' })
      expect(status).toBe(202)
      await eventually(async () => (held.strikes > 0 ? true : null))
      const free = fillDisk({ folder: live.titan.dataDir })
      held.heal()
      simulated.resolve()
      const { json } = await live.submit({ signal_id: 'row-37-b' })
      expect(json).toMatchObject({ success: false, code: 'JOURNAL_UNAVAILABLE', sent: 'no' })
      await pause(1_500)
      expect(live.proxy.offered).toEqual([])
      free()
      await minedInto(live, 'row-37-a', 'included')
      await mineUntil(live, async () => {
        const { json } = await live.submit({ signal_id: 'row-37-c' })
        return json.success ? true : null
      })
      return 'Nothing sent while it was full; then the promised trade landed, and another after it.'
    },
  },
)

function alterJournal(live: LiveTitan, sql: string): void {
  const db = new DatabaseSync(join(live.titan.dataDir, 'live', `chain-${live.chain.chainId}.sqlite`))
  db.exec(sql)
  db.close()
}
