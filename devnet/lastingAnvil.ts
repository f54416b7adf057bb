import { setTimeout as sleep } from 'node:timers/promises'
import type { Anvil } from './startAnvil.ts'

export interface AnvilExit {
  readonly chainId: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What became of a node that had ended by itself: it runs again, or is given up for `reason`. */
export type AnvilRestart =
  | { readonly ok: true; readonly chainId: number; readonly pid: number }
  | { readonly ok: false; readonly chainId: number; readonly reason: string }

const FIRST_PAUSE_MS = 100
/** A node that ran so long was well: its next end is counted anew. */
const WELL_AFTER_MS = 60_000

/**
 * A node that is started again on its port when it ends by itself, at most `restartsMax` times in a row with doubling pauses. It forgets all that was
 * done on it: its chain begins anew.
 *
 * @param options.start starts the node, on the given port when it has one already
 * @throws what the first start throws
 */
export async function startLastingAnvil({
  start,
  restartsMax,
  onExit = () => {},
  onRestart = () => {},
}: {
  start: (options: { port: number | null; onExit: (exit: AnvilExit) => void }) => Promise<Anvil>
  restartsMax: number
  onExit?: ((exit: AnvilExit) => void) | undefined
  onRestart?: ((restart: AnvilRestart) => void) | undefined
}): Promise<Anvil> {
  let stopping = false
  let restarts = 0
  let restarting: Promise<void> | null = null
  const first = await start({ port: null, onExit: ended })
  const { chainId, rpc, pid } = first
  const port = Number(new URL(rpc).port)
  let running = first
  let startedAtMs = performance.now()

  function ended(exit: AnvilExit): void {
    onExit(exit)
    if (restartsMax > 0) restarting = restart()
  }

  async function restart(): Promise<void> {
    if (performance.now() - startedAtMs >= WELL_AFTER_MS) restarts = 0
    let reason = `it ended ${restarts + 1} times`
    while (restarts < restartsMax) {
      await sleep(FIRST_PAUSE_MS * 2 ** restarts++)
      if (stopping) return
      try {
        running = await start({ port, onExit: ended })
        startedAtMs = performance.now()
        if (!stopping) onRestart({ ok: true, chainId, pid: running.pid })
        return
      } catch (cause) {
        reason = cause instanceof Error ? cause.message : String(cause)
      }
    }
    if (!stopping) onRestart({ ok: false, chainId, reason })
  }

  return {
    chainId,
    rpc,
    pid,
    async stop() {
      stopping = true
      await restarting
      await running.stop()
    },
  }
}
