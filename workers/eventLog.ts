import { parentPort, workerData } from 'node:worker_threads'
import { thrownText } from '../src/errors/thrown.ts'
import { type EventStore, openEventStore } from '../src/eventlog/eventStore.ts'
import type { EventLogThreadData, LogMessage } from '../src/eventlog/logProtocol.ts'
import { serveEventLog } from '../src/eventlog/serveEventLog.ts'

const { path, ids, retention } = workerData as EventLogThreadData
const port = parentPort
if (port === null) throw new Error('The event log needs a thread of its own.')

function open(): EventStore | string {
  try {
    return openEventStore({ path })
  } catch (error) {
    return thrownText(error)
  }
}

const store = open()
if (typeof store === 'string') port.postMessage({ kind: 'refused', reason: store } satisfies LogMessage)
else serveEventLog({ port, store, ids, retention })
