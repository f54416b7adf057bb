import { randomBytes } from 'node:crypto'
import type { TradingChain } from '../test/support/liveWorld.ts'
import { createLiveSignals, driveLive, type LiveSignal, type LiveStretch } from './liveLoad.ts'
import { type LiveBenchWorld, startLiveBenchWorld } from './liveWorld.ts'
import type { ServerProcess } from './serverProcess.ts'

/** A fresh world, and a way to drive its servers. */
export interface LiveStage {
  readonly world: LiveBenchWorld
  /** Signals that were never used before. */
  signals(request: { chain: TradingChain; wait: LiveSignal['wait']; count: number }): LiveSignal[]
  /** @param options.chain the automining one when absent */
  drive(options: {
    server: ServerProcess
    seconds: number
    inFlight: number
    chain?: TradingChain
    wait?: LiveSignal['wait']
    pauseMs?: number
    /** Also `lastBlock`: the newest block at the time of the last answer. */
  }): Promise<LiveStretch & { readonly lastBlock: number }>
}

/** Works in a world of its own, which ends with the work or with Ctrl-C. */
export async function onLiveStage<Outcome>({
  entry,
  work,
}: {
  /** The built server. */
  entry: string
  work: (stage: LiveStage) => Promise<Outcome>
}): Promise<Outcome> {
  const world = await startLiveBenchWorld({ entry })
  const interrupted = () => void world.stop().finally(() => process.exit(130))
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  try {
    const run = randomBytes(6).toString('hex')
    const makers = new Map(
      [world.automining, world.rhythmic].map(({ chainId }) => [
        chainId,
        createLiveSignals({ chainId, run: `${run}-${chainId}` }),
      ]),
    )
    const maker = ({ chainId }: TradingChain) => makers.get(chainId) as ReturnType<typeof createLiveSignals>
    return await work({
      world,
      signals: ({ chain, wait, count }) => Array.from({ length: count }, () => maker(chain)(wait)),
      async drive({ server, chain = world.automining, wait = 'included', ...options }) {
        const stretch = await driveLive({ url: server.url, next: () => maker(chain)(wait), ...options })
        return { ...stretch, lastBlock: await chain.head() }
      },
    })
  } finally {
    process.removeListener('SIGINT', interrupted).removeListener('SIGTERM', interrupted)
    await world.stop()
  }
}
