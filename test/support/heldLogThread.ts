import { parentPort } from 'node:worker_threads'
import type { LogMessage, LogRequest } from '../../src/eventlog/logProtocol.ts'

/** An event log's thread that answers which chains have ids, and of other questions only how many it has by now. */
const port = parentPort as NonNullable<typeof parentPort>
const post = (message: LogMessage) => port.postMessage(message)
let held = 0
port.on('message', (request: LogRequest) => {
  if (request.kind === 'close') return port.close()
  if (request.kind !== 'ask') return
  const { key, question } = request
  if (question.of === 'chains') post({ kind: 'answer', key, value: question.signalIds.map(() => null) })
  else post({ kind: 'failing', reason: `${++held} questions` })
})
post({ kind: 'opened', epoch: 'e', lastSeq: 0, oldestSeq: 1, oldestMs: null, marks: [] })
