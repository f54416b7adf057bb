import type { Mode } from '../domain/mode.ts'

/**
 * What is told of a signal that is being worked on and has no record yet: the fields that a LIVE record has,
 * as far as they are known. In LIVE bytes of it may have left, which its record will say.
 */
export function encodeInFlight({
  signalId,
  chainId,
  mode,
  nowMs = Date.now(),
}: {
  signalId: string
  chainId: number
  mode: Mode
  nowMs?: number
}): string {
  return JSON.stringify({
    success: null,
    mode,
    status: 'accepted',
    signal_id: signalId,
    chainId,
    sent: mode === 'PAPER' ? 'no' : 'unknown',
    final: false,
    code: null,
    error: null,
    timestamp: new Date(nowMs).toISOString(),
  })
}
