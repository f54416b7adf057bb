import type { ChainStatus } from '../dispatch/protocol.ts'

/**
 * Writes a line when a chain becomes ready or unavailable, and when the reason changes; nothing for the
 * reports between, which come with every block.
 */
export function createChainStateLog(logger: {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}): (status: ChainStatus) => void {
  /** By chain: null is ready, a sentence is why it is not. */
  const told = new Map<number, string | null>()
  return ({ chainId, name, state, reason, stale, notes }) => {
    // The sentence tells the age, which grows.
    const why = state === 'ready' && stale !== null ? 'stale' : reason
    if (state === 'starting' || told.get(chainId) === why) return
    told.set(chainId, why)
    if (why === 'stale')
      logger.warn({ chainId, reason: stale }, `${name} refuses signals: its newest block is too old.`)
    else if (state === 'ready') logger.info({ chainId, notes }, `${name} is ready.`)
    else logger.warn({ chainId, reason }, `${name} is unavailable.`)
  }
}
