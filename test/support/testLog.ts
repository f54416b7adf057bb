import { join } from 'node:path'
import { openThreadedEventLog } from '../../src/eventlog/threadedEventLog.ts'

/** The real event log with its thread; `over` injects what a test is about. */
export const openTestLog = ({
  path,
  ...over
}: { path: string } & Partial<Parameters<typeof openThreadedEventLog>[0]>) =>
  openThreadedEventLog({
    path,
    threadFile: join(import.meta.dirname, '../../workers/eventLog.ts'),
    retention: { keepMs: Number.MAX_SAFE_INTEGER, keepBytes: Number.MAX_SAFE_INTEGER },
    unstoredBytesMax: 64 * 1024 * 1024,
    onTrouble: () => undefined,
    onMissing: () => undefined,
    onBehind: () => undefined,
    onCaughtUp: () => undefined,
    ...over,
  })
