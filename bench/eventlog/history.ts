/**
 * `node bench/eventlog/history.ts [trades]`: pages of the history over HTTP when it is long, and what they do to
 * signals. The log is filled by its own code; front-end, event log and its thread are the server's, the chains
 * say back what they are given.
 */
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openEventStore } from '../../src/eventlog/eventStore.ts'
import { sampleRequest } from '../../test/support/sampleSignal.ts'
import { openTestLog } from '../../test/support/testLog.ts'
import { startTransportServer } from '../../test/support/transportServer.ts'
import { journalFileSystem, makeBenchFolder } from '../benchFolder.ts'
import { percentile } from '../percentile.ts'
import { fillLog } from './fillLog.ts'

const trades = Number(process.argv[2] ?? 1_000_000)
const STEPS = 10
const REQUESTS = 300

const folder = await makeBenchFolder()
const path = join(folder, 'events.sqlite')
const store = openEventStore({ path })
const perEvent = Array.from({ length: STEPS }, (_, step) =>
  fillLog({ store, from: (trades / STEPS) * step, to: (trades / STEPS) * (step + 1) }),
)
store.close()
const bytes = (await stat(path)).size
console.log(
  `${trades} trades on ${await journalFileSystem()}: ${(bytes / 1e9).toFixed(2)} GB, ${Math.round(bytes / trades)} bytes each; appended in µs each, by tenths: ${perEvent.map((us) => us.toFixed(1)).join(' ')}`,
)

const startedMs = performance.now()
const events = await openTestLog({ path })
const openMs = performance.now() - startedMs
const server = await startTransportServer({ events })
while (events.mayKnow('an id that nobody has')) await new Promise((resolve) => setTimeout(resolve, 50))
console.log(
  `open after ${openMs.toFixed(0)} ms, all ids known after ${((performance.now() - startedMs) / 1_000).toFixed(1)} s`,
)

async function timed(url: string, init?: RequestInit): Promise<number> {
  const startMs = performance.now()
  const answer = await fetch(server.url + url, init)
  await answer.text()
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`)
  return performance.now() - startMs
}

const tell = (what: string, times: readonly number[]) =>
  console.log(
    `${what}: p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms, most ${percentile(times, 1).toFixed(2)} ms`,
  )

async function repeat(work: (place: number) => Promise<number>): Promise<number[]> {
  const times: number[] = []
  for (let place = 0; place < REQUESTS; place++) times.push(await work(place))
  return times
}

const somewhere = () => Math.floor(Math.random() * trades)
for (const query of [
  'chain=137',
  'outcome=failed',
  'outcome=open',
  'chain=8453&outcome=failed',
  'chain=1&outcome=open',
  '',
])
  for (const from of ['the start', 'anywhere'])
    tell(
      `GET /trades?${query} from ${from}`,
      await repeat(() => timed(`/trades?${query}&from=${from === 'anywhere' ? somewhere() : 0}`)),
    )
const { events: sample } = await events.read({
  fromSeq: somewhere(),
  limit: 300,
  chainIds: null,
  withNewest: false,
})
tell('GET /trades/{signal_id}', await repeat((place) => timed(`/trades/${sample[place]?.signalId}`)))
tell(
  'a look for the chain of a known id',
  await repeat(async (place) => {
    const startMs = performance.now()
    await events.chainOf(sample[place]?.signalId ?? '')
    return performance.now() - startMs
  }),
)

const signal = (place: number) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ ...sampleRequest, signal_id: `bench-${place}-${Math.random()}` }),
})
const execute = (place: number) => timed('/execute', signal(place))
await repeat(execute)
tell('POST /execute alone', await repeat(execute))
let polling = true
const polls = Array.from({ length: 4 }, async () => {
  while (polling) await timed(`/trades?chain=137&outcome=failed&from=${somewhere()}`)
})
tell('POST /execute while four clients page through the history', await repeat(execute))
polling = false
await Promise.all(polls)
await server.stop()
await rm(folder, { recursive: true })
