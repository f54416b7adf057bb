import { readCount } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { nativeText } from '../domain/tokenAmount.ts'
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
/**
 * A lane that could not pay is tried again after this time, whatever its account holds: the fee may have
 * fallen, and a trade that it cannot pay is refused before it is signed. Longer than bytes that a node
 * refuses wait to be sent again, so that a node that still refuses them says so first.
 */
const TRIAL_MS = 30_000

/** What an account holds at a block. */
export interface Funds {
  readonly fundsWei: bigint
  readonly block: number
}

/**
 * Whether lanes may be used: by what their account holds, by who else uses it, and by how many of its
 * transactions nodes hold.
 */
export interface LaneMaintenance {
  /**
   * Stops a lane whose account cannot pay; it resumes by itself once it can, or for a trial.
   *
   * @param neededWei of a trade and of all that the lane has at stake
   */
  underfunded(lane: Address, neededWei: bigint): void
  /** A node holds fewer transactions of this account than were sent: it is delegated (EIP-7702). */
  delegated(lane: Address): void
  /**
   * Before an account at rest signs: why it must not, since another party has used it; the lane is stopped
   * then. An account that has paid for our own transactions and nothing else is not asked about: every
   * transaction costs its sender gas. (An EIP-7702 authorisation that somebody else pays for uses a nonce and
   * costs the account nothing: `run` finds that, or the node that refuses the nonce.)
   *
   * @param funds what the account holds at the block that the trade was simulated on; null when it was not
   *   simulated, and so will not be signed
   */
  checkBeforeUse(lane: Address, funds: Promise<Funds | null>): Promise<Failure | null>
  /** Maintains lanes at rest. Never rejects. */
  run(): Promise<void>
}

/**
 * @param options.atStakeWei what a lane's transactions in flight may still cost
 * @param options.paidWei what a lane's account has paid by receipts up to a block
 * @param options.minedCounts of every endpoint that is well and answers
 * @param options.rpc reads from an endpoint that is well
 * @param options.foreignNewest names the transaction that took a nonce lately, as its hash and what it does;
 *   null when not found
 * @param options.elapsedMs of a clock that never jumps
 */
export function createLaneMaintenance({
  lanes,
  balance,
  atStakeWei,
  paidWei,
  minedCounts,
  foreignNewest,
  rpc,
  laneInFlightMax,
  delegatedInFlightMax,
  elapsedMs,
  log,
}: {
  lanes: Lanes
  balance: (lane: Address) => Promise<bigint | null>
  atStakeWei: (lane: Address) => bigint
  paidWei: (lane: Address, toBlock: number) => bigint
  minedCounts: (lane: Address) => Promise<readonly { readonly count: number }[]>
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
  /** What an underfunded lane must hold beside what it has at stake, wei. */
  const costWei = new Map<Address, bigint>()
  const underfundedAtMs = new Map<Address, number>()
  const triedAtMs = new Map<Address, number>()
  /** Counts that one endpoint alone has told, so that each is logged once. */
  const doubted = new Map<Address, number>()
  const balanceAtMs = new Map<Address, number>()
  const maintainedAtMs = new Map<Address, number>()
  /** What accounts held when nobody else had used them, and had paid by then. */
  const ownUse = new Map<Address, { readonly fundsWei: bigint; readonly paidWei: bigint }>()
  const since = (times: ReadonlyMap<Address, number>, lane: Address) =>
    elapsedMs() - (times.get(lane) ?? Number.NEGATIVE_INFINITY)

  /** Stops a lane that another party has used, and says why. */
  async function findForeignUse(address: Address): Promise<Failure | 'none' | 'unread'> {
    ownUse.delete(address)
    const lane = lanes.lane(address)
    const outcome = await rpc.call('eth_getTransactionCount', [address, 'latest'])
    const count = outcome.ok ? readCount(outcome.result) : null
    if (count === null || lane === null) return 'unread'
    if (count <= lane.minedCount()) return 'none'
    // One endpoint may be wrong, and a lane that believed it would sign behind a gap.
    const counts = (await minedCounts(address)).map((told) => told.count)
    if (counts.length === 0) return 'unread'
    const agreed = Math.min(...counts)
    if (agreed < count && doubted.get(address) !== count) {
      doubted.set(address, count)
      log.warn({ lane: address, count, counts }, 'One endpoint counts more as mined than all do.')
    }
    // A trade may have been signed meanwhile: its nonce is held, and one that is not is foreign.
    const use = lane.resync([agreed])
    if (use === null) return 'none'
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
    if (since(underfundedAtMs, address) >= TRIAL_MS) {
      triedAtMs.set(address, elapsedMs())
      lanes.resume(address, 'underfunded')
      return
    }
    balanceAtMs.set(address, elapsedMs())
    const held = await balance(address)
    // What is at stake now: what has settled meanwhile is paid from the balance already.
    const neededWei = (costWei.get(address) ?? 0n) + atStakeWei(address)
    if (held !== null && held >= neededWei) lanes.resume(address, 'underfunded')
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
      const besideWei = neededWei - atStakeWei(lane)
      costWei.set(lane, besideWei)
      balanceAtMs.set(lane, elapsedMs())
      underfundedAtMs.set(lane, elapsedMs())
      const sentence = `Its account could not pay for a trade: up to ${nativeText(neededWei)} with what was in flight. It resumes by itself once it holds ${nativeText(besideWei)} beside what is in flight, and is tried again ${TRIAL_MS / 1_000} s after the last refusal.`
      // A trial that fails at once is no news.
      if (!lanes.pausedFor(lane, 'underfunded') && since(triedAtMs, lane) >= TRIAL_MS)
        log.warn({ lane, needed_wei: `${neededWei}` }, sentence)
      lanes.pause(lane, 'underfunded', sentence)
    },
    delegated(lane) {
      lanes.limit(lane, Math.min(laneInFlightMax, delegatedInFlightMax))
    },
    async checkBeforeUse(lane, funds) {
      if (lanes.lane(lane)?.signedInFlight() !== 0) return null
      const before = ownUse.get(lane)
      // Through one endpoint, in the batch of the simulation: one that does not answer must not keep a trade
      // waiting.
      const asked = before === undefined ? findForeignUse(lane) : null
      const held = await funds
      // What was not simulated is not signed, and a node that did not answer is not waited for a second time.
      if (before && held === null) return null
      const now = held && { fundsWei: held.fundsWei, paidWei: paidWei(lane, held.block) }
      if (before && now && before.fundsWei - now.fundsWei === now.paidWei - before.paidWei) return null
      const found = await (asked ?? findForeignUse(lane))
      // One that differs without foreign use pays for what no receipt tells: the next trade asks at once.
      if (found === 'none' && asked !== null && now !== null) ownUse.set(lane, now)
      return typeof found === 'string' ? null : found
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
