/**
 * `node bench/eventlog/replay.ts [subscribers] [missed]`: how late new events come to those who follow while many
 * come back at once and read what they missed. Subscribers are in processes of their own; front-end, event log
 * and its thread are the server's.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import { openEventStore } from '../../src/eventlog/eventStore.ts'
import { openTestLog } from '../../test/support/testLog.ts'
import { startTransportServer } from '../../test/support/transportServer.ts'
import { journalFileSystem, makeBenchFolder } from '../benchFolder.ts'
import { percentile } from '../percentile.ts'
import { fillLog } from './fillLog.ts'

const FOLLOWERS = 5
const EVERY_MS = 10
const QUIET_MS = 5_000
const nowMs = () => performance.timeOrigin + performance.now()

const [role, ...args] = process.argv.slice(2)
if (role === 'away') await away(String(args[0]), Number(args[1]))
else if (role === 'follow') await follow(String(args[0]))
else await bench(Number(role ?? 200), Number(args[0] ?? 10_000))

/** Comes back with many sockets at once, and says when all of them have everything. */
async function away(url: string, subscribers: number): Promise<void> {
  const whole = Array.from({ length: subscribers }, async () => {
    const socket = new WebSocket(url)
    let next = 1
    await new Promise<void>((resolve, reject) => {
      let last = Number.POSITIVE_INFINITY
      socket.on('error', reject)
      socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
      socket.on('message', (data) => {
        const text = String(data)
        if (text.startsWith('{"type":"connected"'))
          socket.send(JSON.stringify({ type: 'subscribe', id: 1, channels: ['trades'], from_seq: 1 }))
        else if (text.startsWith('{"type":"subscribed"')) last = JSON.parse(text).seq
        else if (last < Number.POSITIVE_INFINITY && /^\{"(seq|prev_seq)"/.test(text)) {
          const seq = Number(/"seq":(\d+)/.exec(text)?.[1])
          if (seq !== next) reject(new Error(`${seq} came for ${next}`))
          next = seq + 1
          if (seq >= last) resolve()
        }
      })
    })
    socket.removeAllListeners('close')
    socket.terminate()
  })
  await Promise.all(whole)
  process.send?.('whole')
  process.disconnect()
}

/** Sends how late each new event came, in ms, when asked. */
async function follow(url: string): Promise<void> {
  let late: number[] = []
  const sockets = Array.from({ length: FOLLOWERS }, () => {
    const socket = new WebSocket(url)
    socket.on('message', (data) => {
      const at = /"at":([\d.]+)/.exec(String(data))?.[1]
      if (at !== undefined) late.push(nowMs() - Number(at))
    })
    return socket
  })
  await Promise.all(sockets.map((socket) => once(socket, 'open')))
  process.on('message', () => {
    process.send?.(late)
    late = []
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.([])
}

async function bench(subscribers: number, missed: number): Promise<void> {
  const folder = await makeBenchFolder()
  const path = join(folder, 'events.sqlite')
  const store = openEventStore({ path })
  fillLog({ store, from: 0, to: missed })
  store.close()
  const events = await openTestLog({ path })
  const server = await startTransportServer({ events })
  const followers = fork(import.meta.filename, ['follow', server.wsUrl])
  const heard = async (): Promise<number[]> => (await once(followers, 'message'))[0] as number[]
  await heard()
  // The same up to where they are handed to the sockets: what is above is the clients' share of the processors.
  let sent: number[] = []
  events.onStored((stored) => {
    for (const { json } of stored) sent.push(nowMs() - Number(/"at":([\d.]+)/.exec(json)?.[1]))
  })
  let outboxId = 0
  const appending = setInterval(() => {
    outboxId++
    events.append(999, [
      {
        outboxId,
        signalId: `live-${outboxId}`,
        type: 'paper_execution',
        outcome: 'filled',
        code: null,
        timestampMs: Date.now(),
        json: `{"type":"paper_execution","at":${nowMs()}}`,
      },
    ])
  }, EVERY_MS)
  const tell = async (what: string) => {
    const answer = heard()
    followers.send('tell')
    const late = await answer
    const figures = (times: readonly number[]) =>
      `p50 ${percentile(times, 0.5).toFixed(1)} ms, p99 ${percentile(times, 0.99).toFixed(1)} ms, most ${percentile(times, 1).toFixed(1)} ms`
    console.log(
      `${what}: ${sent.length} events, stored and sent after ${figures(sent)}; with the followers after ${figures(late)}`,
    )
    sent = []
  }
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  await tell(`on ${await journalFileSystem()}, ${FOLLOWERS} followers alone`)
  const startedMs = performance.now()
  const reader = fork(import.meta.filename, ['away', server.wsUrl, String(subscribers)])
  await once(reader, 'message')
  const seconds = (performance.now() - startedMs) / 1_000
  await tell(
    `while ${subscribers} came back and read ${missed} events each (${seconds.toFixed(1)} s, ${Math.round((subscribers * missed) / seconds)} events a second)`,
  )
  clearInterval(appending)
  followers.disconnect()
  await server.stop()
  await rm(folder, { recursive: true })
}
