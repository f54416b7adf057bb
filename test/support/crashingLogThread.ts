import { parentPort } from 'node:worker_threads'
import type { LogRequest } from '../../src/eventlog/logProtocol.ts'

/**
 * The event log's thread, which ends over an event of the signal `crash-before` before it is written, and
 * over one of `crash-after` once it is on disk and before anybody hears of it.
 */
parentPort?.on('message', (request: LogRequest) => {
  const signalIds = request.kind === 'append' ? request.events.map(({ signalId }) => signalId) : []
  if (signalIds.includes('crash-before')) throw new Error('a bug')
  if (!signalIds.includes('crash-after')) return
  const port = parentPort as NonNullable<typeof parentPort>
  const post = port.postMessage.bind(port)
  port.postMessage = (message) => {
    if (message.kind === 'stored') process.exit(1)
    post(message)
  }
})
await import('../../workers/eventLog.ts')
