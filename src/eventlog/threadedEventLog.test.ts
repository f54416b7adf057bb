import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFullEventLog } from '../../test/support/fullDisk.ts'
import { openTestLog } from '../../test/support/testLog.ts'
import type { OutboxEvent } from '../dispatch/protocol.ts'

let path: string
const logs: Awaited<ReturnType<typeof openTestLog>>[] = []
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'titan-log-')), 'events.sqlite')
})
afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
  rmSync(join(path, '..'), { recursive: true })
})

const event = (outboxId: number, signalId: string): OutboxEvent => ({
  outboxId,
  signalId,
  type: 'paper_execution',
  outcome: 'filled',
  code: null,
  timestampMs: 1_733_700_000_000 + outboxId,
  json: `{"type":"paper_execution","signal_id":"${signalId}"}`,
})

/** A chain's journal, as far as the log knows of one. */
function createOutbox(chainId: number) {
  const kept: OutboxEvent[] = []
  let forgotten = 0
  return {
    chainId,
    add: (signalId: string) => {
      const added = event(forgotten + kept.length + 1, signalId)
      kept.push(added)
      return added
    },
    above: (outboxId: number) => kept.filter((each) => each.outboxId > outboxId),
    mark: () => ({ journal: `journal-${chainId}`, outboxId: forgotten }),
    forget(outboxId: number) {
      forgotten = Math.max(forgotten, outboxId)
      kept.splice(0, kept.filter((each) => each.outboxId <= outboxId).length)
    },
  }
}

/** A log with the chains 1 and 137 behind it, which send again what they are asked for, two events at a time. */
async function start(over: Partial<Parameters<typeof openTestLog>[0]> = {}) {
  const outboxes = new Map([1, 137].map((chainId) => [chainId, createOutbox(chainId)]))
  const outbox = (chainId: number) => outboxes.get(chainId) as ReturnType<typeof createOutbox>
  const said: string[] = []
  const behind = new Set<number>()
  const log = await openTestLog({
    path,
    onTrouble: (level, sentence) => said.push(`${level}: ${sentence}`),
    onMissing: (chainId, above) => {
      const events = outbox(chainId).above(above)
      setImmediate(() => log.resent(chainId, events.slice(0, 2), events.length > 2))
    },
    onBehind: (chainId) => behind.add(chainId),
    onCaughtUp: (chainId) => behind.delete(chainId),
    ...over,
  })
  logs.push(log)
  const heard: string[] = []
  log.onStored((events) => {
    heard.push(...events.map(({ seq, signalId }) => `${seq} ${signalId}`))
  })
  return {
    log,
    outbox,
    heard,
    said,
    behind,
    /** A chain executes a signal. */
    execute(chainId: number, signalId: string) {
      log.append(chainId, [outbox(chainId).add(signalId)])
    },
    attach: (chainId: number) => log.attached(chainId, outbox(chainId).mark()),
    whole: () => log.read({ fromSeq: 1, limit: 1_000, chainIds: null, withNewest: true }),
  }
}
const names = (events: readonly { seq: number; signalId: string }[]) =>
  events.map(({ seq, signalId }) => `${seq} ${signalId}`)

it('gives the events of all chains one order, and tells of each once it is on disk', async () => {
  const { log, heard, execute, whole } = await start()
  execute(137, 'p-1')
  execute(1, 'e-1')
  execute(1, 'e-2')
  expect([heard, log.lastSeq(), log.mark(1)]).toEqual([[], 0, null])
  const { events } = await whole()
  expect(names(events)).toEqual(['1 p-1', '2 e-1', '3 e-2'])
  expect(heard).toEqual(names(events))
  expect([log.lastSeq(), log.mark(1)?.outboxId, log.mark(137)?.outboxId]).toEqual([3, 2, 1])
  expect(JSON.parse(events[2]?.json ?? '')).toMatchObject({ seq: 3, signal_id: 'e-2' })
})

it('knows the chain of an id from the moment its event arrives, and over a restart', async () => {
  const { log, execute } = await start()
  await expect.poll(() => log.mayKnow('p-1')).toBe(false)
  execute(137, 'p-1')
  expect([log.mayKnow('p-1'), log.mayKnow('p-2')]).toEqual([true, false])
  expect(await Promise.all([log.chainOf('p-1'), log.chainOf('p-2')])).toEqual([137, null])
  expect(await log.trade('p-1')).toMatchObject({ seq: 1, chainId: 137 })
  await log.close()

  const again = await start()
  await expect.poll(() => again.log.mayKnow('p-2')).toBe(false)
  expect(again.log.mayKnow('p-1')).toBe(true)
  expect(await again.log.chainOf('p-1')).toBe(137)
})

it('asks a chain for what an earlier life had not stored, and takes nothing twice', async () => {
  const first = await start()
  first.attach(1)
  await expect.poll(() => first.behind.size).toBe(0)
  first.execute(1, 'e-1')
  await first.whole()
  await first.log.close()

  const { log, outbox, behind, attach, execute, whole } = await start()
  for (const id of ['e-1', 'e-2', 'e-3', 'e-4', 'e-5', 'e-6']) outbox(1).add(id)
  attach(1)
  expect([...behind]).toEqual([1])
  execute(1, 'e-7')
  await expect.poll(() => behind.size).toBe(0)
  execute(1, 'e-8')
  expect(names((await whole()).events)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((n) => `${n} e-${n}`))
  expect(log.mark(1)).toEqual({ journal: 'journal-1', outboxId: 8 })
})

it('asks for what is missing before the events that come', async () => {
  const { log, outbox, behind, whole } = await start()
  outbox(1).add('e-1')
  log.append(1, [outbox(1).add('e-2')])
  expect([...behind]).toEqual([1])
  await expect.poll(() => behind.size).toBe(0)
  expect(names((await whole()).events)).toEqual(['1 e-1', '2 e-2'])
})

describe('a thread that ends', () => {
  it.each(['crash-before', 'crash-after'])(
    'over an event, %s it is written, is started again: nothing is lost and nothing comes twice',
    async (crash) => {
      const crashing = join(import.meta.dirname, '../../test/support/crashingLogThread.ts')
      const { log, heard, said, execute, attach, whole, behind } = await start({ threadFile: crashing })
      attach(1)
      await expect.poll(() => behind.size).toBe(0)
      execute(1, 'e-1')
      await whole()
      execute(137, crash)
      execute(1, 'e-2')
      await expect.poll(() => log.failing()).toMatch(/^The event log is being started again: .+\.$/)
      await expect(log.trade('e-1')).rejects.toThrow('being started again')
      execute(1, 'e-3')
      if (crash === 'crash-before') {
        // Given again, it ends the next thread as well, until there is one without the bug.
        await expect.poll(() => said.length, { timeout: 10_000 }).toBeGreaterThan(2)
        expect(said[0]).toBe('fatal: The thread of the event log has ended: a bug. It is started again.')
        return
      }
      await expect.poll(() => log.failing(), { timeout: 10_000 }).toBeNull()
      execute(1, 'e-4')
      const { events } = await whole()
      expect(names(events)).toEqual(['1 e-1', '2 crash-after', '3 e-2', '4 e-3', '5 e-4'])
      expect(heard).toEqual(names(events))
    },
  )
})

it('gives the thread few questions at once, however many ids are looked up meanwhile', async () => {
  const threadFile = join(import.meta.dirname, '../../test/support/heldLogThread.ts')
  const { log, said } = await start({ threadFile })
  for (let reads = 0; reads < 40; reads++) void log.trade(`e-${reads}`)
  for (let lookups = 0; lookups < 20; lookups++) await log.chainOf(`p-${lookups}`)
  expect(said.at(-1)).toContain(': 16 questions.')
})

it('says so when its disk hangs, and lets nobody wait for it', { timeout: 30_000 }, async () => {
  const threadFile = join(import.meta.dirname, '../../test/support/hangingLogThread.ts')
  const { log, said, heard, execute, whole } = await start({ threadFile })
  execute(1, 'hang-for-8-s')
  execute(1, 'e-2')
  const silent =
    'The event log does not answer: its disk may hang. What was executed is kept and will be in it.'
  await expect(log.trade('hang-for-8-s')).rejects.toThrow(silent)
  await expect(log.chainOf('hang-for-8-s')).rejects.toThrow(silent)
  expect([log.failing(), said]).toEqual([silent, [`error: ${silent}`]])
  await expect.poll(() => log.failing(), { timeout: 20_000 }).toBeNull()
  expect(names((await whole()).events)).toEqual(['1 hang-for-8-s', '2 e-2'])
  expect(heard).toEqual(['1 hang-for-8-s', '2 e-2'])
})

it('stays closed when its file was replaced while it ran, and says so once', async () => {
  const crashing = join(import.meta.dirname, '../../test/support/crashingLogThread.ts')
  const { log, said, execute, whole } = await start({ threadFile: crashing })
  execute(1, 'e-1')
  await whole()
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  execute(1, 'crash-before')
  await expect.poll(() => said.length).toBe(2)
  await sleep(1_000)
  expect(said).toHaveLength(2)
  const replaced = 'The file of the event log was replaced while the server ran; restart the server.'
  expect([said[1], log.failing(), log.full()]).toEqual([`fatal: ${replaced}`, replaced, replaced])
  await expect(log.trade('e-1')).rejects.toThrow(replaced)
})

describe('while the disk refuses', () => {
  it('says why, answers from what is stored, and writes all of it later in its order', async () => {
    makeFullEventLog({ path, room: 'p-3' })
    const { log, heard, said, execute, whole } = await start()
    execute(137, 'p-1')
    execute(137, 'p-2')
    expect(await log.trade('p-1')).toBeNull()
    expect(log.failing()).toBe(
      'The event log cannot be written: database or disk is full. What was executed is kept and will be in it.',
    )
    expect(await log.chainOf('p-1')).toBe(137)
    // Readers leave the disk alone: it is tried again at intervals, however many there are.
    for (let reads = 0; reads < 50; reads++) await whole()
    expect(said).toHaveLength(1)

    execute(137, 'p-3')
    await expect.poll(() => log.failing(), { timeout: 20_000 }).toBeNull()
    expect(heard).toEqual(['1 p-1', '2 p-2', '3 p-3'])
    expect(log.mark(137)?.outboxId).toBe(3)
  })

  it('leaves to the journals what is more than it may keep, takes no signals, and heals with nothing lost (1.22)', async () => {
    makeFullEventLog({ path, room: 'none' })
    const { log, behind, execute, whole } = await start({ unstoredBytesMax: 2_000 })
    const ids = Array.from({ length: 200 }, (_, place) => `e-${place + 1}`)
    for (const id of ids) execute(1, id)
    execute(137, 'p-1')
    await expect.poll(() => log.failing()).not.toBeNull()
    expect(log.full()).toMatch(/^The event log cannot be written: .* \d\d events wait to be written, as many/)
    expect([...behind]).toEqual([1, 137])
    expect(log.mayKnow('e-200')).toBe(true)

    const db = new DatabaseSync(path)
    db.exec('DROP TRIGGER full')
    db.close()
    await expect.poll(() => behind.size, { timeout: 20_000 }).toBe(0)
    expect([log.full(), log.failing()]).toEqual([null, null])
    const { events } = await whole()
    expect(events.filter(({ chainId }) => chainId === 1).map(({ signalId }) => signalId)).toEqual(ids)
    expect(events).toHaveLength(201)
  })
})

describe('a file that was put back to an older state (F19, 1.21)', () => {
  it('has another epoch when a chain has forgotten what it lacks', async () => {
    const first = await start()
    const outbox = first.outbox(1)
    first.attach(1)
    await expect.poll(() => first.behind.size).toBe(0)
    first.execute(1, 'e-1')
    await first.whole()
    const epoch = first.log.epoch()
    await first.log.close()
    copyFileSync(path, `${path}.old`)

    const second = await start()
    for (const id of ['e-1', 'e-2', 'e-3']) second.outbox(1).add(id)
    second.attach(1)
    await expect.poll(() => second.log.lastSeq()).toBe(3)
    expect(second.log.epoch()).toBe(epoch)
    await second.log.close()
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    copyFileSync(`${path}.old`, path)

    const third = await start()
    for (const id of ['e-1', 'e-2', 'e-3', 'e-4']) third.outbox(1).add(id)
    third.outbox(1).forget(3)
    third.attach(1)
    await expect.poll(() => third.behind.size).toBe(0)
    expect(third.log.epoch()).not.toBe(epoch)
    expect(names((await third.whole()).events)).toEqual(['1 e-1', '2 e-4'])
    expect(third.said.join()).toContain('The event log was put back to an older state')
    expect(outbox.mark().outboxId).toBe(0)
  })
})

it('says since when the history is kept, once retention has taken of it', async () => {
  const { log, execute, whole } = await start()
  for (let place = 0; place < 20; place++) execute(1, `e-${place}`)
  await whole()
  expect([log.oldestSeq(), log.keptSinceMs()]).toEqual([1, null])
  await log.close()
  const again = await start({ retention: { keepMs: 1_000, keepBytes: Number.MAX_SAFE_INTEGER } })
  await expect.poll(() => again.log.oldestSeq()).toBe(20)
  expect(again.log.keptSinceMs()).toBe(1_733_700_000_020)
  expect(await again.log.read({ fromSeq: 3, limit: 9, chainIds: null, withNewest: true })).toMatchObject({
    fromSeq: 20,
    events: [{ seq: 20 }],
  })
  expect(await again.log.trade('e-3')).toBeNull()
})

it('cannot be opened twice, and says so', async () => {
  await start()
  await expect(openTestLog({ path })).rejects.toThrow('is in use by another process')
})
