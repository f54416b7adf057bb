import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { succeed } from '../errors/failure.ts'
import type { ThreadMessage, Totals } from './protocol.ts'
import { createThreadChannel } from './threadChannel.ts'

const totals: Totals = {
  totalSignals: 7,
  executed: 0,
  paperExecuted: 5,
  failed: 2,
  unpriced: 1,
  profitUsdE8: 123n,
  expectedProfitUsd: 9,
}
const onControl = async () => succeed([])
const answer = { success: true, httpStatus: 200, body: '{}', replayed: false }

it('begins with the totals, then sends what one turn of the event loop collects in one message', async () => {
  const { port1, port2 } = new MessageChannel()
  const received: ThreadMessage[] = []
  port1.on('message', (message: ThreadMessage) => received.push(message))
  const channel = createThreadChannel({
    port: port2,
    totals: () => totals,
    onStored: () => undefined,
    onControl,
  })
  for (const key of [11, 12, 13]) channel.settled({ key, answer }, null)
  channel.rpc({ host: '127.0.0.1:1', method: 'eth_call', calls: 24, seconds: 0.004, ok: true })
  channel.close()
  await once(port1, 'close')

  expect(received.map(({ kind }) => kind)).toEqual(['settled', 'settled', 'rpc'])
  expect(received[0]).toMatchObject({ settled: [], totals })
  expect(received[1]).toMatchObject({ settled: [{ key: 11 }, { key: 12 }, { key: 13 }], totals: null })
})

it('hears how far its events are stored', async () => {
  const { port1, port2 } = new MessageChannel()
  const stored = new Promise<number>((resolve) => {
    createThreadChannel({ port: port2, totals: () => totals, onStored: resolve, onControl })
  })
  port1.postMessage({ kind: 'stored', outboxId: 42 })
  expect(await stored).toBe(42)
  port1.close()
})
