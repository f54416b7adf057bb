import { setTimeout as sleep } from 'node:timers/promises'
import type { TradingChain } from '../support/liveWorld.ts'

/** Blocks of one chain, a steady time apart. */
export interface BlockRhythm {
  /** Does something between two blocks. */
  between<T>(work: () => Promise<T>): Promise<T>
  stop(): Promise<void>
}

/**
 * Makes the blocks of a chain in the place of its node's own timer: a block that anvil's timer makes during
 * `anvil_reorg` can be lost, though the next one stands on it.
 */
export async function startBlockRhythm({
  chain,
  everyMs,
}: {
  chain: TradingChain
  everyMs: number
}): Promise<BlockRhythm> {
  await chain.ask('anvil_setIntervalMining', 0)
  const stopping = new AbortController()
  let last: Promise<unknown> = Promise.resolve()
  function between<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const next = sleep(everyMs, undefined, { signal: stopping.signal }).catch(() => {})
      await between(() => chain.mine()).catch(() => {}) // with the next one
      await next
    }
  }
  const running = run()
  return {
    between,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
