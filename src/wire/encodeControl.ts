import type { ControlEntry } from '../dispatch/protocol.ts'
import { checksumAddress } from './checksumAddress.ts'

/** An operator's command as it is told: what was given, when and by whom, and what came of it. */
export const controlFields = (chainId: number, entry: ControlEntry) => ({
  chainId,
  id: entry.id,
  at: new Date(entry.atMs).toISOString(),
  action: entry.action,
  lane: entry.lane && checksumAddress(entry.lane),
  signal_id: entry.signalId,
  reason: entry.reason,
  by: entry.by,
  outcome: entry.outcome,
  code: entry.code,
  sentence: entry.sentence,
  done_at: entry.doneAtMs === null ? null : new Date(entry.doneAtMs).toISOString(),
})
