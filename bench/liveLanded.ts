import { executorInterface } from '../test/support/devnetTrades.ts'
import { cpuSeconds } from './cpuTime.ts'
import { type LiveStage, onLiveStage } from './liveStage.ts'
import type { LiveBenchWorld } from './liveWorld.ts'
import type { ServerProcess } from './serverProcess.ts'

/** Each server is tried with these, and the best is used. */
const IN_FLIGHT = [4, 16, 32] as const
const WARM_UP_SECONDS = 1

/** One stretch of one server. */
export interface Landed {
  readonly perSecond: number
  /** Processor time per landed trade, µs: of the chain's node and of the server. */
  readonly cpuMicros: { readonly node: number; readonly server: number }
}

export interface LandedRound {
  readonly titan: Landed
  readonly peer: Landed
  readonly ratio: number
}

/**
 * Trades that land, blocks at once. Each round is on a chain of its own, because the devnet's node works out
 * the whole state anew for every block and so gets slower with all that the chain holds; the peer has the
 * younger chain.
 */
export async function measureLanded({
  entry,
  rounds,
  seconds,
  say,
}: {
  entry: string
  rounds: number
  seconds: number
  say: (sentence: string) => void
}): Promise<{ inFlight: { titan: number; peer: number }; rounds: LandedRound[] }> {
  const landed = async (
    { world, drive }: LiveStage,
    server: ServerProcess,
    inFlight: number,
  ): Promise<Landed> => {
    const from = await world.automining.head()
    const used = () => ({ node: cpuSeconds(world.automining.pid), server: cpuSeconds(server.pid) })
    const before = used()
    const stretch = await drive({ server, inFlight, seconds })
    if (stretch.firstFailure !== null) say(`${stretch.failures} failed, the first: ${stretch.firstFailure}`)
    const count = await countLanded(world, { from, to: stretch.lastBlock })
    if (count < stretch.successes)
      throw new Error(`${stretch.successes} were said to be landed, ${count} are.`)
    const after = used()
    const micros = (part: 'node' | 'server') => Math.round(((after[part] - before[part]) * 1e6) / count)
    const perSecond = Number(((count * 1_000) / stretch.elapsedMs).toFixed(1))
    return { perSecond, cpuMicros: { node: micros('node'), server: micros('server') } }
  }
  const round = (inFlight: { titan: number; peer: number }) =>
    onLiveStage({
      entry,
      async work(stage) {
        const { world, drive } = stage
        const peer = await world.startPeer()
        const titan = await world.startTitan()
        const [theirs, ours] = [
          { server: peer, inFlight: inFlight.peer },
          { server: titan, inFlight: inFlight.titan },
        ]
        for (const side of [theirs, ours]) await drive({ ...side, seconds: WARM_UP_SECONDS })
        const figures = {
          peer: await landed(stage, theirs.server, theirs.inFlight),
          titan: await landed(stage, ours.server, ours.inFlight),
        }
        return { ...figures, ratio: figures.titan.perSecond / figures.peer.perSecond }
      },
    })

  const best = { titan: { inFlight: 0, perSecond: 0 }, peer: { inFlight: 0, perSecond: 0 } }
  for (const inFlight of IN_FLIGHT) {
    const figures = await round({ titan: inFlight, peer: inFlight })
    for (const side of ['titan', 'peer'] as const) {
      const { perSecond } = figures[side]
      if (perSecond > best[side].perSecond) best[side] = { inFlight, perSecond }
    }
    say(
      `with ${inFlight} in flight: Titan ${figures.titan.perSecond}, the peer ${figures.peer.perSecond} landed/s`,
    )
  }
  const inFlight = { titan: best.titan.inFlight, peer: best.peer.inFlight }
  const done: LandedRound[] = []
  for (let number = 1; number <= rounds; number++) {
    const figures = await round(inFlight)
    done.push(figures)
    say(
      `round ${number} of ${rounds}: Titan ${figures.titan.perSecond}, the peer ${figures.peer.perSecond} landed/s`,
    )
  }
  return { inFlight, rounds: done }
}

/**
 * Trades with an effect in the blocks after `from` up to `to`, by the executor's own logs: one server works
 * at a time. What lands after the last answer is in no figure, since no time is counted for it.
 */
async function countLanded(
  { automining, executor }: LiveBenchWorld,
  { from, to }: { from: number; to: number },
): Promise<number> {
  const [fromBlock, toBlock] = [`0x${(from + 1).toString(16)}`, `0x${to.toString(16)}`]
  const topics = [executorInterface.getEvent('ArbitrageExecuted')?.topicHash]
  const filter = { address: executor, fromBlock, toBlock, topics }
  const logs = await automining.ask<unknown[]>('eth_getLogs', filter)
  return logs.length
}
