import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultProxy, Injection } from '../support/faultProxy.ts'
import { delay, rateLimit } from '../support/faults.ts'
import {
  dead,
  freeze,
  internalError,
  lagBehind,
  mixedHeights,
  muteAll,
  muteHeads,
  refuseSubscriptions,
} from '../support/nodeStates.ts'

/** What one endpoint of several can come to; each ends by itself. */
const TROUBLES: Readonly<Record<string, (node: string) => Injection | Promise<Injection>>> = {
  frozen: freeze,
  behind: (node) => lagBehind(node, 2),
  'of mixed heights': (node) => mixedHeights(node, 2),
  dead,
  'limited by 429': () => rateLimit(429),
  'limited by -32005': () => rateLimit(-32005),
  'failing inside': internalError,
  slow: () => delay(2_000),
  silent: muteAll,
  'mute about heads': muteHeads,
  'without subscriptions': refuseSubscriptions,
}
const LASTS_MS = 4_000
const PAUSE_MS = 3_000

export interface NodeTroubles {
  /** How often each happened. */
  readonly happened: Readonly<Record<string, number>>
  /** Ends the one that lasts; none comes after it. */
  stop(): Promise<void>
}

/** Now and then one endpoint of a chain, never two at once, has a trouble for up to four seconds. */
export function troubleNodes({
  chains,
  random,
}: {
  /** The endpoints of each chain; one that is alone is left in peace. */
  chains: readonly (readonly FaultProxy[])[]
  random: () => number
}): NodeTroubles {
  const stopping = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const happened: Record<string, number> = {}
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T

  async function trouble(endpoints: readonly FaultProxy[]): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(random() * PAUSE_MS)
      const proxy = pick(endpoints)
      const name = pick([...Object.keys(TROUBLES), 'refusing connections'])
      happened[name] = (happened[name] ?? 0) + 1
      const make = TROUBLES[name]
      if (make === undefined) await proxy.refuse(true)
      else proxy.inject(await make(proxy.node))
      await pause(random() * LASTS_MS)
      proxy.heal()
      await proxy.refuse(false)
    }
  }
  const running = Promise.all(chains.filter((endpoints) => endpoints.length > 1).map(trouble))
  return {
    happened,
    async stop() {
      stopping.abort()
      await running
    },
  }
}
