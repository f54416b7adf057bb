import { once } from 'node:events'
import { MessageChannel } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { succeed } from '../errors/failure.ts'
import type { OutboxEvent, ThreadMessage, Totals } from './protocol.ts'
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
const forgotten = { journal: 'j', outboxId: 40 }
const outboxAbove = () => []
const onControl = async () => succeed([])
const answer = { success: true, httpStatus: 200, body: '{}', replayed: false }

it('begins with its journal and the totals, then sends what one turn of the event loop collects in one message', async () => {
  const { port1, port2 } = new MessageChannel()
  const received: ThreadMessage[] = []
  port1.on('message', (message: ThreadMessage) => received.push(message))
  const channel = createThreadChannel({
    port: port2,
    totals: () => totals,
    forgotten,
    outboxAbove,
    onStored: () => undefined,
    onControl,
  })
  for (const key of [11, 12, 13]) channel.settled({ key, answer }, null)
  channel.rpc({ host: '127.0.0.1:1', method: 'eth_call', calls: 24, seconds: 0.004, ok: true })
  channel.close()
  await once(port1, 'close')

  expect(received.map(({ kind }) => kind)).toEqual(['attached', 'settled', 'settled', 'rpc'])
  expect(received[0]).toMatchObject({ forgotten })
  expect(received[1]).toMatchObject({ settled: [], totals })
  expect(received[2]).toMatchObject({ settled: [{ key: 11 }, { key: 12 }, { key: 13 }], totals: null })
})

it('hears how far its events are stored', async () => {
  const { port1, port2 } = new MessageChannel()
  const stored = new Promise<number>((resolve) => {
    createThreadChannel({
      port: port2,
      totals: () => totals,
      forgotten,
      outboxAbove,
      onStored: resolve,
      onControl,
    })
  })
  port1.postMessage({ kind: 'stored', outboxId: 42, keptSinceMs: null })
  expect(await stored).toBe(42)
  port1.close()
})

it('sends again what is asked for, a bounded number at a time, behind what it had collected', async () => {
  const { port1, port2 } = new MessageChannel()
  const event = (outboxId: number): OutboxEvent => ({
    outboxId,
    signalId: `s-${outboxId}`,
    type: 'paper_execution',
    outcome: 'filled',
    code: null,
    timestampMs: 0,
    json: '{}',
  })
  const outbox = Array.from({ length: 1_500 }, (_, place) => event(41 + place))
  const channel = createThreadChannel({
    port: port2,
    totals: () => totals,
    forgotten,
    outboxAbove: (above, limit) => outbox.filter(({ outboxId }) => outboxId > above).slice(0, limit),
    onStored: () => undefined,
    onControl,
  })
  const heard: string[] = []
  const all = new Promise<void>((resolve) => {
    port1.on('message', (message: ThreadMessage) => {
      if (message.kind === 'settled' && message.events.length > 0) heard.push('live')
      if (message.kind !== 'resent') return
      const last = message.events.at(-1)?.outboxId ?? 0
      heard.push(`${message.events.length} to ${last}, ${message.more ? 'more' : 'all'}`)
      if (message.more) {
        port1.postMessage({ kind: 'resend', aboveOutboxId: last })
        channel.events(outbox.slice(-1))
      } else resolve()
    })
  })
  port1.postMessage({ kind: 'resend', aboveOutboxId: 40 })
  await all
  expect(heard).toEqual(['1000 to 1040, more', 'live', '500 to 1540, all'])
  port1.close()
})
