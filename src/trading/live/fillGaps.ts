import type { Attempt } from '../../domain/liveExecution.ts'
import type { Address } from '../../domain/signal.ts'
import type { Slot } from '../../lanes/slot.ts'
import type { LiveContext } from './liveContext.ts'
import { TRANSFER_GAS } from './replaceLatest.ts'

/** No-ops at one nonce, in the order of signing. */
interface Filler {
  readonly slot: Slot
  readonly attempts: Attempt[]
  sentAtBlock: number
  /** Newest block when it was first counted as mined; null while it is not. */
  minedAtBlock: number | null
}

/** Keeps lanes moving: see `createGapFiller`. */
export interface GapFiller {
  /** Fills what is open and carries on with what is out. */
  fill(): Promise<void>
  /** Takes up a filler of before a restart. */
  adopt(attempt: Attempt): void
  /** Nonces of a lane that fillers hold and that may come back by a reorg. */
  nonces(lane: Address): readonly number[]
}

const RESEND_BLOCKS = 1
const BUMP_BLOCKS = 3
/** A reorg deeper than this is beyond what any chain here has seen. */
const KEEP_BLOCKS = 128

/**
 * Fills nonces below one in use that no transaction holds, so that what waits above them moves on: a transfer of nothing to ourselves, journaled, sent again and
 * bumped like any attempt. A trade takes a gap first when one comes, so this is for the quiet times.
 */
export function createGapFiller(context: LiveContext): GapFiller {
  const fillers = new Map<string, Filler>()

  /** On disk, then out. */
  async function send(lane: Address, nonce: number, tried: readonly Attempt[]): Promise<Attempt | null> {
    const market = await context.market()
    if (!market.ok) return null
    const fees = tried.map(({ fee }) => fee)
    const fee =
      fees.length === 0
        ? market.value.quote
        : await context.bumpFee({
            market: market.value,
            tried: fees,
            gasLimit: TRANSFER_GAS,
            gasUsed: TRANSFER_GAS,
            l1FeeWei: 0n,
            trade: null,
          })
    if (fee === null) return null
    const attempt: Attempt = {
      ...context.sign({ lane, nonce, to: lane, data: '0x', gasLimit: TRANSFER_GAS, fee }),
      kind: 'filler',
      signalId: null,
      lane,
      nonce,
      fee,
      gasLimit: TRANSFER_GAS,
      signedAtBlock: context.head(),
      signedAtMs: context.now(),
    }
    await context.journal.record({ execution: null, attempt })
    context.log.warn({ lane, nonce, hash: attempt.hash }, 'A gap is filled with a no-op.')
    return attempt
  }

  async function begin(lane: Address, nonce: number): Promise<void> {
    const slot = context.lanes.fill({ address: lane, nonce })
    if (slot === null) return
    try {
      const attempt = await send(lane, nonce, [])
      if (attempt === null) return
      slot.commit(nonce)
      fillers.set(attempt.hash, {
        slot,
        attempts: [attempt],
        sentAtBlock: context.head(),
        minedAtBlock: null,
      })
      await context.broadcast({ attempt, policy: 'public', blocksWaited: 0 })
    } finally {
      slot.release()
    }
  }

  async function carryOn(name: string, filler: Filler): Promise<void> {
    const last = filler.attempts.at(-1)
    if (last === undefined) return
    const { lane, nonce } = last
    const mined = await context.minedCount(lane)
    if (mined === null) return
    if (mined > nonce) {
      if (filler.minedAtBlock === null) {
        filler.slot.settled()
        context.onSettled(lane, nonce)
        filler.minedAtBlock = context.head()
      } else if (context.head() - filler.minedAtBlock > KEEP_BLOCKS) fillers.delete(name)
      return
    }
    // A count that fell back is a lagging endpoint or a reorg; the same bytes are right for both.
    if (context.head() - last.signedAtBlock >= BUMP_BLOCKS) {
      const bumped = await send(lane, nonce, filler.attempts)
      if (bumped !== null) filler.attempts.push(bumped)
    } else if (context.head() - filler.sentAtBlock < RESEND_BLOCKS) {
      return
    }
    filler.sentAtBlock = context.head()
    await context.broadcast({ attempt: filler.attempts.at(-1) ?? last, policy: 'public', blocksWaited: 0 })
  }

  return {
    async fill() {
      try {
        for (const { address, gaps } of context.lanes.status())
          for (const nonce of gaps) await begin(address, nonce)
        for (const [name, filler] of fillers) await carryOn(name, filler)
      } catch (error) {
        context.log.error({ err: error }, 'A gap could not be filled; it is tried again at the next block.')
      }
    },
    adopt(attempt) {
      const { lane, nonce } = attempt
      const known = [...fillers.values()].find(
        ({ attempts }) => attempts[0]?.lane === lane && attempts[0].nonce === nonce,
      )
      if (known !== undefined) known.attempts.push(attempt)
      else
        fillers.set(attempt.hash, {
          slot: context.lanes.adopt({ address: lane, nonce }),
          attempts: [attempt],
          sentAtBlock: -1,
          minedAtBlock: null,
        })
    },
    nonces: (lane) =>
      [...fillers.values()].flatMap(({ attempts: [first] }) => (first?.lane === lane ? [first.nonce] : [])),
  }
}
