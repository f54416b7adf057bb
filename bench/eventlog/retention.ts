/**
 * `node bench/eventlog/retention.ts [events] [keep MiB]`: writes many more events than are kept, as fast as the log
 * takes them, while clients that were away come back and read what there is. Memory, disk and descriptors must stay
 * where they are. Front-end, event log and its thread are the server's; ends with code 1 when a client misses one.
 */
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { WebSocket } from 'ws'
import type { OutboxEvent } from '../../src/dispatch/protocol.ts'
import { openTestLog } from '../../test/support/testLog.ts'
import { startTransportServer } from '../../test/support/transportServer.ts'
import { journalFileSystem, makeBenchFolder } from '../benchFolder.ts'
import { sampleEvent } from './fillLog.ts'

const MIB = 1024 * 1024
const total = Number(process.argv[2] ?? 200_000)
const keepMb = Number(process.argv[3] ?? 50)
const TOLD = 10
const GROUP = 200
/** Events that are on their way to the log at most. */
const AHEAD = 5_000

const folder = await makeBenchFolder()
const path = join(folder, 'events.sqlite')
const events = await openTestLog({
  path,
  retention: { keepMs: Number.MAX_SAFE_INTEGER, keepBytes: keepMb * MIB },
  onTrouble: (level, sentence) => console.error(level, sentence),
})
const server = await startTransportServer({ events })
let gaps = 0
let readBack = 0

/** A client that was away since `fromSeq`; resolves when it has everything up to what was the end. */
async function comeBack(fromSeq: number): Promise<void> {
  const socket = new WebSocket(server.wsUrl)
  let [next, last] = [fromSeq, Number.POSITIVE_INFINITY]
  socket.on('open', () =>
    socket.send(JSON.stringify({ type: 'subscribe', id: 1, channels: ['trades'], from_seq: fromSeq })),
  )
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code) => reject(new Error(`closed with ${code}`)))
    socket.on('message', (data) => {
      const message = JSON.parse(String(data))
      if (message.type === 'subscribed') last = message.seq
      else if (message.type === 'gap') {
        gaps++
        next = message.oldest
      } else if (message.type === 'paper_execution' && last < Number.POSITIVE_INFINITY) {
        if (message.seq !== next) reject(new Error(`${message.seq} came for ${next}`))
        next = message.seq + 1
        readBack++
        if (message.seq >= last) resolve()
      }
    })
  })
  socket.removeAllListeners('close')
  socket.close()
  await once(socket, 'close')
}

function tell(written: number, sinceMs: number): void {
  const bytes = (name: string) => statSync(path + name, { throwIfNoEntry: false })?.size ?? 0
  const { rss } = process.memoryUsage()
  const files = readdirSync('/proc/self/fd').length
  console.log(
    `${written} written (${Math.round((total / TOLD / (performance.now() - sinceMs)) * 1_000)}/s), ${events.lastSeq() - events.oldestSeq() + 1} kept; ` +
      `database ${(bytes('') / MIB).toFixed(0)} MiB, log ${(bytes('-wal') / MIB).toFixed(0)} MiB, memory ${(rss / MIB).toFixed(0)} MiB, ${files} files; ${readBack} read back after ${gaps} gaps`,
  )
}

console.log(`${total} events on ${await journalFileSystem()}, ${keepMb} MiB of them kept`)
let written = 0
for (let part = 0; part < TOLD; part++) {
  const startedMs = performance.now()
  const end = (total / TOLD) * (part + 1)
  const away = part === 0 ? Promise.resolve() : comeBack(Math.max(1, events.oldestSeq() - 1_000 * (part % 2)))
  while (written < end) {
    const groups = new Map<number, OutboxEvent[]>()
    for (const stop = written + GROUP; written < stop; written++) {
      const { chainId, event } = sampleEvent(written)
      groups.set(chainId, [...(groups.get(chainId) ?? []), event])
    }
    for (const [chainId, group] of groups) events.append(chainId, group)
    while (written - events.lastSeq() > AHEAD) await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await away
  tell(written, startedMs)
}
await server.stop()
await rm(folder, { recursive: true })
