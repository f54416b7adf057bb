import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { makeFullEventLog } from '../support/fullDisk.ts'
import { readJson } from '../support/readJson.ts'
import { openTestLog } from '../support/testLog.ts'
import { startTransportServer, type TransportServer } from '../support/transportServer.ts'

const folder = mkdtempSync(join(tmpdir(), 'titan-full-'))
let server: TransportServer
afterEach(async () => {
  await server.stop()
  rmSync(folder, { recursive: true })
})

it('denies nothing that exists while the event log cannot be written', async () => {
  const path = join(folder, 'events.sqlite')
  makeFullEventLog({ path, room: 'room' })
  const events = await openTestLog({ path })
  server = await startTransportServer({ events })
  const get = (of: string) => fetch(server.url + of)
  const append = (outboxId: number, signalId: string) =>
    events.append(1, [
      {
        outboxId,
        signalId,
        type: 'paper_execution',
        outcome: 'filled',
        code: null,
        timestampMs: 1_733_700_000_000,
        json: JSON.stringify({ type: 'paper_execution', signal: { signal_id: signalId } }),
      },
    ])

  // One trade is executed; its event does not reach the disk.
  append(1, 'traded')
  await expect.poll(() => events.failing()).not.toBeNull()
  for (const of of ['/trades/traded', '/trades', '/trades?format=csv', '/events']) {
    const answer = await get(of)
    expect([of, answer.status, answer.headers.get('retry-after')]).toEqual([of, 503, '1'])
    expect(await readJson(answer)).toMatchObject({
      code: 'JOURNAL_UNAVAILABLE',
      retryable: true,
      error:
        'The event log cannot be written: database or disk is full. What was executed is kept and will be in it.',
    })
  }
  expect(await readJson(await get('/health'))).toMatchObject({ status: 'degraded' })
  const ready = await get('/readyz')
  expect(ready.status).toBe(503)
  expect(await readJson(ready)).toMatchObject({
    ready: false,
    status: 'degraded',
    reason: expect.stringContaining('database or disk is full'),
    chains_ready: 2,
  })

  // The disk has room again: all of it is there, in order.
  append(2, 'room')
  await expect.poll(async () => (await get('/readyz')).status, { timeout: 20_000 }).toBe(200)
  expect(await readJson(await get('/trades/traded'))).toMatchObject({ seq: 1 })
  expect(await readJson(await get('/events'))).toMatchObject({
    events: [{ seq: 1, signal: { signal_id: 'traded' } }, { seq: 2 }],
    next_seq: 3,
  })
  expect(await readJson(await get('/health'))).toMatchObject({ status: 'healthy' })
})
