import { hash } from 'node:crypto'
import type { Hex } from '../domain/signal.ts'

/**
 * What the executor contract consumes for a signal: SHA-256 of its id, so that no two transactions can ever
 * make one trade twice.
 */
export const consumedId = (signalId: string): Hex => `0x${hash('sha256', signalId)}`
