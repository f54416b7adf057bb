import type { ForeignFinder } from '../src/confirmation/foreignFinder.ts'
import type { Address } from '../src/domain/signal.ts'
import { type Failure, failure } from '../src/errors/failure.ts'
import type { LaneBalances } from '../src/lanes/laneBalances.ts'
import type { Lanes } from '../src/lanes/lanes.ts'
import type { JsonRpc, RpcReader } from '../src/nodes/rpc.ts'
import type { Logger } from '../src/observability/logger.ts'
import type { LiveContext } from '../src/trading/live/liveContext.ts'
import { minedCount } from './openLanes.ts'

/** How often an account at rest is asked about, and how long before it signs again that may be ago. */
const TEND_MS = 5_000
const CHECK_MS = 250
const POOR = 'Its account cannot pay for a trade; it goes on by itself once it can.'

/** Stops lanes whose account cannot pay or is used by somebody else, and lets the poor go on once they can. */
export function createLaneCare({
  lanes,
  balances,
  foreign,
  rpc,
  readers,
  now,
  logger,
}: {
  lanes: Lanes
  balances: LaneBalances
  foreign: Pick<ForeignFinder, 'newest'>
  rpc: JsonRpc
  /** One client per endpoint. */
  readers: readonly RpcReader[]
  now: () => number
  logger: Logger
}): Pick<LiveContext, 'onPoor' | 'tendLanes' | 'checkLane'> {
  /** What each stopped lane must hold to go on, wei. */
  const poor = new Map<Address, bigint>()
  const tendedAtMs = new Map<Address, number>()
  const checkedAtMs = new Map<Address, number>()

  /** Stops a lane that somebody else has used: why, or null when nobody has. */
  async function findUse(lane: Address, through: readonly RpcReader[]): Promise<Failure | null> {
    checkedAtMs.set(lane, now())
    const counts = await Promise.all(through.map((reader) => minedCount(reader, lane)))
    const known = counts.filter((count) => count !== null)
    // A trade may have been signed meanwhile: its nonce is in the ledger, and one that is not is foreign.
    const use = known.length > 0 ? lanes.ledger(lane).resync(known).foreign : null
    if (use === null) return null
    const told = `Somebody else uses ${lane}: its nonces from ${use.lowest} on (${use.count}) went to transactions that are not ours`
    lanes.pause(lane, `${told}.`)
    const first = await foreign.newest({ lane, nonce: use.lowest })
    const sentence = first === null ? `${told}.` : `${told}, the first ${first.hash} (${first.what}).`
    lanes.pause(lane, sentence)
    logger.error({ lane, ...use }, sentence)
    return failure('LANES_BUSY', sentence, { lane, nonce: use.lowest })
  }

  return {
    onPoor(lane, neededWei) {
      const paused = lanes.status().find(({ address }) => address === lane)?.paused
      if (paused !== null && paused !== POOR) return
      poor.set(lane, neededWei)
      lanes.pause(lane, POOR)
    },
    async tendLanes() {
      const tend = async ({ address, inFlight, paused }: ReturnType<Lanes['status']>[number]) => {
        if (paused === POOR) {
          const balance = await balances.balance(address)
          if (balance !== null && balance >= (poor.get(address) ?? 0n)) lanes.resume(address)
        }
        if (inFlight > 0 || now() - (tendedAtMs.get(address) ?? 0) < TEND_MS) return
        tendedAtMs.set(address, now())
        await findUse(address, readers)
      }
      await Promise.all(lanes.status().map(tend))
    },
    async checkLane(lane) {
      const isDue = now() - (checkedAtMs.get(lane) ?? 0) >= CHECK_MS
      if (lanes.ledger(lane).inFlight() > 0 || !isDue) return null
      // In the batch of the simulation: an endpoint that does not answer must not keep a trade waiting.
      return await findUse(lane, [rpc])
    },
  }
}
