import { parentPort } from 'node:worker_threads'
import type { LogRequest } from '../../src/eventlog/logProtocol.ts'

/** The event log's thread, which stands still for 8 s over the signal `hang-for-8-s`, as in an fsync that hangs. */
parentPort?.on('message', (request: LogRequest) => {
  const isIt = request.kind === 'append' && request.events.some(({ signalId }) => signalId === 'hang-for-8-s')
  if (isIt) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 8_000)
})
await import('../../workers/eventLog.ts')
