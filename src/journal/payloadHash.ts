import { hash } from 'node:crypto'
import type { Signal } from '../domain/signal.ts'

/**
 * SHA-256 over what a signal asks for, without its id, so that the same id with another trade is noticed.
 * Taken over the normalised signal: two spellings of one trade (checksummed or not, either path form) are one payload.
 */
export function payloadHash(signal: Signal): string {
  const hops = signal.hops.map(
    (hop) => `${hop.protocol},${hop.router},${hop.tokenIn},${hop.tokenOut},${hop.extra}`,
  )
  return hash(
    'sha256',
    `${signal.chainId};${signal.flashSource};${signal.loanToken};${signal.loanAmount};${hops.join(';')};${signal.minProfit};` +
      `${signal.validUntilMs};${signal.maxBlock};${signal.relay};${signal.wait};${signal.expectedProfitUsd}`,
    'base64url',
  )
}
