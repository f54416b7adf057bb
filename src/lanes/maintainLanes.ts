import { readCount } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { inFlightMax } from './inFlightMax.ts'
import type { Lanes } from './lanes.ts'

/**
 * How often a lane at rest is maintained. A trade that comes sooner asks by itself, in the batch of its
 * simulation.
 */
const MAINTAIN_MS = 60_000
/** How often an underfunded account is asked about, while trades could use it. */
const BALANCE_MS = 2_000
/** An account that was asked about so lately is not asked again before it signs. */
const CHECKED_MS = 250

/**
 * Whether lanes may be used: by what their account holds, by who else uses it, and by how many of its
 * transactions nodes hold.
 */
export interface LaneMaintenance {
  /** Stops a lane whose account cannot pay; it resumes by itself once it holds that much, wei. */
  underfunded(lane: Address, neededWei: bigint): void
  /** A node holds fewer transactions of this account than were sent: it is delegated (EIP-7702). */
  delegated(lane: Address): void
  /**
   * Before an account at rest signs: why it must not, since another party has used it; the lane is stopped
   * then.
   */
  checkBeforeUse(lane: Address): Promise<Failure | null>
  /** Maintains lanes at rest. Never rejects. */
  run(): Promise<void>
}

/**
 * @param options.rpc reads from an endpoint that is well
 * @param options.foreignNewest names the transaction that took a nonce lately, as its hash and what it does;
 *   null when not found
 * @param options.elapsedMs of a clock that never jumps
 */
export function createLaneMaintenance({
  lanes,
  balance,
  foreignNewest,
  rpc,
  laneInFlightMax,
  delegatedInFlightMax,
  elapsedMs,
  log,
}: {
  lanes: Lanes
  balance: (lane: Address) => Promise<bigint | null>
  foreignNewest: (place: {
    lane: Address
    nonce: number
  }) => Promise<{ readonly hash: Hex; readonly what: string } | null>
  rpc: Pick<JsonRpc, 'call'>
  laneInFlightMax: number
  delegatedInFlightMax: number
  elapsedMs: () => number
  log: { error(facts: object, message: string): void; warn(facts: object, message: string): void }
}): LaneMaintenance {
  /** What each underfunded lane must hold to resume, wei. */
  const needed = new Map<Address, bigint>()
  const balanceAtMs = new Map<Address, number>()
  const maintainedAtMs = new Map<Address, number>()
  const checkedAtMs = new Map<Address, number>()
  const since = (times: ReadonlyMap<Address, number>, lane: Address) =>
    elapsedMs() - (times.get(lane) ?? Number.NEGATIVE_INFINITY)

  /** Stops a lane that another party has used: why, or null when nobody has. */
  async function findForeignUse(address: Address): Promise<Failure | null> {
    checkedAtMs.set(address, elapsedMs())
    const lane = lanes.lane(address)
    const outcome = await rpc.call('eth_getTransactionCount', [address, 'latest'])
    const count = outcome.ok ? readCount(outcome.result) : null
    // A trade may have been signed meanwhile: its nonce is held, and one that is not is foreign.
    const use = count === null || lane === null ? null : lane.resync([count])
    if (use === null) return null
    const told = `Another party uses ${address}: its nonces from ${use.lowest} on (${use.count}) went to transactions that are not ours`
    lanes.pause(address, 'foreign', `${told}.`)
    const first = await foreignNewest({ lane: address, nonce: use.lowest })
    const sentence = first === null ? `${told}.` : `${told}, the first ${first.hash} (${first.what}).`
    lanes.pause(address, 'foreign', sentence)
    log.error({ lane: address, ...use }, sentence)
    return failure('LANES_BUSY', sentence, { lane: address, nonce: use.lowest })
  }

  async function resumeFunded(address: Address): Promise<void> {
    if (!lanes.pausedFor(address, 'underfunded') || since(balanceAtMs, address) < BALANCE_MS) return
    balanceAtMs.set(address, elapsedMs())
    const held = await balance(address)
    if (held !== null && held >= (needed.get(address) ?? 0n)) lanes.resume(address, 'underfunded')
  }

  /** An account may be delegated, or not be any more, while the server runs. */
  async function readCap(address: Address): Promise<void> {
    const outcome = await rpc.call('eth_getCode', [address, 'latest'])
    if (!outcome.ok || typeof outcome.result !== 'string') return
    const code = outcome.result as Hex
    lanes.limit(
      address,
      inFlightMax({ code, configured: laneInFlightMax, delegatedMax: delegatedInFlightMax }),
    )
  }

  return {
    underfunded(lane, neededWei) {
      needed.set(lane, neededWei)
      balanceAtMs.set(lane, elapsedMs())
      const sentence = `Its account must hold ${neededWei} wei to send a trade, and holds less; it resumes by itself once it holds that much.`
      if (!lanes.pausedFor(lane, 'underfunded')) log.warn({ lane, needed_wei: `${neededWei}` }, sentence)
      lanes.pause(lane, 'underfunded', sentence)
    },
    delegated(lane) {
      lanes.limit(lane, Math.min(laneInFlightMax, delegatedInFlightMax))
    },
    async checkBeforeUse(lane) {
      const isAtRest = lanes.lane(lane)?.signedInFlight() === 0
      // Through one endpoint, in the batch of the simulation: one that does not answer must not keep a trade
      // waiting.
      return isAtRest && since(checkedAtMs, lane) >= CHECKED_MS ? await findForeignUse(lane) : null
    },
    async run() {
      await Promise.all(
        lanes.status().map(async ({ address }) => {
          await resumeFunded(address)
          const isAtRest = lanes.lane(address)?.signedInFlight() === 0
          if (!isAtRest || since(maintainedAtMs, address) < MAINTAIN_MS) return
          maintainedAtMs.set(address, elapsedMs())
          await Promise.all([findForeignUse(address), readCap(address)])
        }),
      )
    },
  }
}
