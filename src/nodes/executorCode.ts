import { hash } from 'node:crypto'
import type { Hex } from '../domain/signal.ts'

/** SHA-256 of the executor's runtime code; it has no immutables, so it is the same on every chain. */
const CURRENT = '090771aacb9a20160e37ab6bb6e7fee5df1a0e497d964fb9dad6ffd7800ac0d8'
/**
 * Of versions before it that take the same calls and consume the same ids. They have no treasury, and one
 * step makes their owner.
 */
const OLDER: ReadonlySet<string> = new Set([
  '23c6634bb65b8554a8a8a407d1fe5f7e06d7976763ee00ab1c70526d7bce4d27',
])

/**
 * Which version of the executor the code is; null when it is none: nothing is known then of what a call of it
 * would do.
 */
export function executorVersion(code: Hex): 'current' | 'older' | null {
  const digest = hash('sha256', Buffer.from(code.slice(2), 'hex'))
  if (digest === CURRENT) return 'current'
  return OLDER.has(digest) ? 'older' : null
}
