import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LiveTitan, startLiveTitan } from '../support/liveTitan.ts'
import { readSends, straceMissing, traceWrites } from '../support/systemCalls.ts'

const missing = straceMissing()

// A killed process loses nothing that was written, so a kill cannot show that a record was flushed: the
// system calls do.
describe.skipIf(missing !== null)(`what is on disk before bytes leave ${missing ?? ''}`.trim(), () => {
  let live: LiveTitan
  let lines: string[]
  const ids = ['durable-0', 'durable-1', 'durable-2']

  beforeAll(async () => {
    live = await startLiveTitan({ lanes: 2 })
    const trace = await traceWrites({ pid: live.titan.pid, file: join(live.titan.dataDir, 'strace') })
    await Promise.all(ids.map((id) => live.submit({ signal_id: id, wait: 'included' })))
    lines = await trace.end()
  })
  afterAll(() => live?.stop())

  it('flushes the record of every transaction to disk before it hands it to a socket', async () => {
    const sends = readSends(lines)
    const hashes = await Promise.all(ids.map(async (id) => (await live.trade(id))?.txHash))
    expect(new Set(sends.map(({ hash }) => hash))).toEqual(new Set(hashes))
    expect(sends.filter(({ onDisk }) => !onDisk)).toEqual([])
  })

  it('would find a record that is written and not flushed, and one that is flushed too late', () => {
    const isFlush = (line: string) => /f(data)?sync/.test(line)
    const isWanted = ({ onDisk }: { onDisk: boolean }) => onDisk
    expect(readSends(lines.filter((line) => !isFlush(line))).some(isWanted)).toBe(false)
    const late = [...lines.filter((line) => !isFlush(line)), ...lines.filter(isFlush)]
    expect(readSends(late).some(isWanted)).toBe(false)
  })
})
