import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFullEventLog } from '../../test/support/fullDisk.ts'
import type { OutboxEvent } from '../dispatch/protocol.ts'
import type { EventLog, StoredEvent } from './eventLog.ts'
import { openSqliteEventLog } from './sqliteEventLog.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'titan-events-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (): EventLog =>
  openSqliteEventLog({
    path: join(folder, 'events.sqlite'),
    onFlushError: (error) => {
      throw error
    },
  })

const event = (outboxId: number, signalId: string, over: Partial<OutboxEvent> = {}): OutboxEvent => ({
  outboxId,
  signalId,
  type: 'paper_execution',
  outcome: 'filled',
  code: null,
  timestampMs: 1_733_700_000_000 + outboxId,
  json: `{"type":"paper_execution","signal_id":"${signalId}"}`,
  ...over,
})

describe('openSqliteEventLog', () => {
  it('gives events of all chains one order without holes, with seq in the message', () => {
    const log = open()
    log.append(137, [event(1, 'p-1')])
    log.append(10, [event(1, 'o-1'), event(2, 'o-2')])
    const all = log.read({ fromSeq: 1, limit: 10 })
    expect(all.map(({ seq, chainId, signalId }) => [seq, chainId, signalId])).toEqual([
      [1, 137, 'p-1'],
      [2, 10, 'o-1'],
      [3, 10, 'o-2'],
    ])
    expect(JSON.parse(all[2]?.json ?? '')).toEqual({ seq: 3, type: 'paper_execution', signal_id: 'o-2' })
    expect(log.read({ fromSeq: 2, limit: 1 }).map(({ seq }) => seq)).toEqual([2])
    log.close()
  })

  it('stores an event once although its chain sends it again after a restart', () => {
    const first = open()
    const { epoch } = first
    first.append(137, [event(1, 'p-1'), event(2, 'p-2')])
    first.append(137, [event(2, 'p-2')])
    first.close()

    const second = open()
    expect(second.epoch).toBe(epoch)
    expect(second.storedOutboxId(137)).toBe(2)
    expect(second.storedOutboxId(10)).toBe(0)
    second.append(137, [event(1, 'p-1'), event(2, 'p-2'), event(3, 'p-3')])
    expect(second.read({ fromSeq: 1, limit: 10 }).map(({ signalId }) => signalId)).toEqual([
      'p-1',
      'p-2',
      'p-3',
    ])
    second.close()
  })

  it('tells listeners after the commit, in order, all of a flush at once', () => {
    const log = open()
    const heard: (readonly StoredEvent[])[] = []
    log.onStored((events) => heard.push(events))
    log.append(1, [event(1, 'e-1')])
    log.append(10, [event(7, 'o-7')])
    expect(heard).toEqual([])
    expect(log.lastSeq()).toBe(0)
    log.read({ fromSeq: 1, limit: 1 })
    expect(heard.map((events) => events.map(({ seq }) => seq))).toEqual([[1, 2]])
    expect(log.lastSeq()).toBe(2)
    log.close()
  })

  it('knows the chain of an id from the moment its event arrives', () => {
    const log = open()
    log.append(42161, [event(1, 'arb-1')])
    expect(log.chainOf('arb-1')).toBe(42161)
    expect(log.chainOf('arb-2')).toBeNull()
    log.read({ fromSeq: 1, limit: 1 })
    expect(log.chainOf('arb-1')).toBe(42161)
    log.close()
  })

  it('says why it cannot be written, keeps what waits, and writes it later in its order', async () => {
    const path = join(folder, 'full.sqlite')
    makeFullEventLog({ path, room: 'p-3' })
    const errors: unknown[] = []
    const log = openSqliteEventLog({ path, onFlushError: (error) => errors.push(error) })
    const heard: string[] = []
    log.onStored((events) => heard.push(...events.map(({ signalId }) => signalId)))
    expect(log.failing()).toBeNull()
    log.append(137, [event(1, 'p-1'), event(2, 'p-2')])
    expect(log.trade('p-1')).toBeNull()
    expect(log.failing()).toMatch(/^The event log cannot be written: database or disk is full\. /)
    expect(log.chainOf('p-1')).toBe(137)
    // Readers leave the disk alone: it is tried again at intervals, however many there are.
    for (let reads = 0; reads < 50; reads++) log.read({ fromSeq: 1, limit: 1 })
    expect(errors).toHaveLength(1)

    log.append(137, [event(3, 'p-3')])
    await expect.poll(() => log.failing(), { timeout: 20_000 }).toBeNull()
    expect(heard).toEqual(['p-1', 'p-2', 'p-3'])
    expect(log.read({ fromSeq: 1, limit: 9 }).map(({ seq }) => seq)).toEqual([1, 2, 3])
    expect(log.storedOutboxId(137)).toBe(3)
    log.close()
  })

  it('finds a trade by id and filters the history', () => {
    const log = open()
    log.append(1, [event(1, 'e-1'), event(2, 'e-2', { outcome: 'failed', code: 'UNPROFITABLE' })])
    log.append(10, [event(1, 'o-1')])
    expect(log.trade('e-2')).toMatchObject({ seq: 2, code: 'UNPROFITABLE' })
    expect(log.trade('nothing')).toBeNull()
    const ids = (query: Parameters<EventLog['trades']>[0]) =>
      log.trades(query).map(({ signalId }) => signalId)
    expect(ids({ chainId: 1, limit: 9 })).toEqual(['e-1', 'e-2'])
    expect(ids({ outcome: 'filled', limit: 9 })).toEqual(['e-1', 'o-1'])
    expect(ids({ chainId: 1, outcome: 'filled', limit: 9 })).toEqual(['e-1'])
    expect(ids({ fromSeq: 2, limit: 1 })).toEqual(['e-2'])
    log.close()
  })
})
