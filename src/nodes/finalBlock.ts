import type { Finality } from '../config/chainConfig.ts'
import { readHead } from './heads.ts'
import type { JsonRpc, RpcOutcome } from './rpc.ts'

/**
 * Pauses between two readings of the tag: it moves once in minutes on most chains, and how late that is
 * noticed costs nothing.
 */
const PAUSE_MS = { first: 2_000, last: 120_000 }
/** A tag that has not moved for so long is stuck, until it moves again. */
const STUCK_AFTER_MS = 1_800_000
/** One that could not be read for so long since the start is not served. */
const UNSERVED_AFTER_MS = 60_000
/**
 * An endpoint that lags shows the tag so many blocks below where it was; more is another chain or nonsense.
 */
const BACK_MAX = 1_024

/** The newest block that no reorg takes back. */
export interface FinalBlock {
  /** Null while that cannot be known. */
  (): Promise<number | null>
  /** Why depth stands in for the chain's tag, in a sentence; null while the tag is used. */
  note(): string | null
}

/**
 * By the chain's tag or by depth. A tag that the node does not serve, that does not move, or that is nonsense
 * (no number, above the head, far below where it was) is replaced by the profile's depth after a time, with a
 * note, until it can be used. What was final stays final, unless the head goes back below it.
 *
 * @param options.onNote told when depth stands in for the tag, and null when it does not any more
 * @param options.now milliseconds of a clock that never goes back
 */
export function createFinalBlock({
  rpc,
  finality,
  head,
  onNote = () => {},
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  finality: Finality
  head: () => number
  onNote?: (note: string | null) => void
  now?: () => number
}): FinalBlock {
  if (!('tag' in finality)) {
    const byDepth = async () => head() - finality.depth
    return Object.assign(byDepth, { note: () => null })
  }
  const { tag, fallbackDepth } = finality
  let final: number | null = null
  let readAtMs = Number.NEGATIVE_INFINITY
  let pauseMs = PAUSE_MS.first
  /**
   * The readings since the tag last moved: the time of the first and of the newest, and what is wrong with
   * that.
   */
  let trouble: { readonly sinceMs: number; readonly untilMs: number; readonly reason: string } | null = null
  let reading: Promise<void> | null = null

  async function read(): Promise<void> {
    readAtMs = now()
    const told = readTag({
      outcome: await rpc.call('eth_getBlockByNumber', [tag, false]),
      tag,
      head: head(),
      final,
    })
    if (typeof told === 'number' && told > (final ?? -1)) {
      if (whyDepth() !== null) onNote(null)
      final = told
      trouble = null
      pauseMs = Math.max(pauseMs / 2, PAUSE_MS.first)
      return
    }
    const reason = typeof told === 'string' ? told : `its \`${tag}\` block stands still at ${final}`
    const isKnown = whyDepth() !== null
    trouble = { sinceMs: trouble?.sinceMs ?? readAtMs, untilMs: now(), reason }
    if (!isKnown && whyDepth() !== null) onNote(note())
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS.last)
  }

  /** Why the tag is not waited for any longer; null while it is. */
  function whyDepth(): string | null {
    const patienceMs = final === null ? UNSERVED_AFTER_MS : STUCK_AFTER_MS
    return trouble !== null && trouble.untilMs - trouble.sinceMs >= patienceMs ? trouble.reason : null
  }

  function note(): string | null {
    const why = whyDepth()
    return (
      why &&
      `Blocks are taken for final at a depth of ${fallbackDepth}, since the node does not tell: ${why}.`
    )
  }

  /** A chain whose head is below has begun anew, or an endpoint has told of a head that there never was. */
  function forgetAboveHead(): void {
    if (final === null || final <= head()) return
    if (whyDepth() !== null) onNote(null)
    final = null
    trouble = null
    pauseMs = PAUSE_MS.first
    readAtMs = Number.NEGATIVE_INFINITY
  }

  async function finalBlock(): Promise<number | null> {
    forgetAboveHead()
    if (reading === null && now() - readAtMs >= pauseMs)
      reading = read().finally(() => {
        reading = null
      })
    // Only the very first answer is waited for: an older value is only too low, and a node that has none is
    // not waited for again.
    if (final === null && trouble === null) await reading
    const deep = whyDepth() === null ? null : Math.max(final ?? 0, head() - fallbackDepth)
    const newest = deep ?? final
    return newest !== null && newest <= head() ? newest : null
  }

  return Object.assign(finalBlock, { note })
}

/** The number of the tag's block, or what is wrong with the answer. */
function readTag({
  outcome,
  tag,
  head,
  final,
}: {
  outcome: RpcOutcome
  tag: string
  head: number
  final: number | null
}): number | string {
  if (!outcome.ok)
    return outcome.kind === 'rpc'
      ? `it refuses \`${tag}\` (${outcome.error.message})`
      : `\`${tag}\` cannot be read (${outcome.failure.sentence})`
  const block = readHead(outcome.result)
  if (block === null || block.number < 0) return `it has no \`${tag}\` block`
  if (block.number > head) return `its \`${tag}\` block ${block.number} is above the head ${head}`
  if (final !== null && block.number < final - BACK_MAX)
    return `its \`${tag}\` block went back from ${final} to ${block.number}`
  return block.number
}
