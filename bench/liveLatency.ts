import { measureBareSends } from './liveBare.ts'
import type { LiveStretch } from './liveLoad.ts'
import type { LiveStage } from './liveStage.ts'
import type { ServerProcess } from './serverProcess.ts'

const BARE_PAIRS = 60
/** Between trades of one client: few enough for the accounts to have room within a block. */
const PACE_MS = 30

/** Milliseconds of single trades on the chain that has a rhythm, one in flight. */
export async function measureLiveLatency({
  stage: { world, signals, drive },
  titan,
  rounds,
  seconds,
  say,
}: {
  stage: LiveStage
  titan: ServerProcess
  rounds: number
  seconds: number
  say: (sentence: string) => void
}): Promise<{
  /** Until a node has it. */
  acceptance: readonly number[]
  /** Of one bare simulation and one bare send, as long apart. */
  bare: readonly number[]
  /** Until a block has it. */
  inclusion: readonly number[]
}> {
  const { rhythmic: chain, executor, bareKey: key } = world
  const good = ({ latenciesMs, failures, firstFailure }: LiveStretch) => {
    if (failures > 0) say(`${failures} failed, the first: ${firstFailure}`)
    return latenciesMs
  }
  const acceptance: number[] = []
  const bare: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { rpc, chainId } = chain
    const pairs = signals({ chain, wait: 'broadcast', count: BARE_PAIRS })
    bare.push(...(await measureBareSends({ rpc, chainId, executor, key, signals: pairs, pauseMs: PACE_MS })))
    const wait = 'broadcast'
    acceptance.push(
      ...good(await drive({ server: titan, chain, inFlight: 1, pauseMs: PACE_MS, wait, seconds })),
    )
  }
  const inclusion = good(await drive({ server: titan, chain, inFlight: 1, seconds: 2 * seconds }))
  return { acceptance, bare, inclusion }
}
