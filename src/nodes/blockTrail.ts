import type { Hex } from '../domain/signal.ts'
import { type HashSource, REMEMBERED_BLOCKS, readBlockHashes } from './blockHashes.ts'
import { type Block, readBlock } from './heads.ts'
import type { JsonRpc } from './rpc.ts'

/** The newest blocks of the chain: what they tell needs not be asked for. */
export interface BlockTrail {
  /** There is a new head. */
  see(block: Block): void
  /** The hash at a height, by the parents of the newest head; null when a block on the way is not known. */
  hashAt(height: number): Hex | null
  /** A node has told which block stands at a height that `hashAt` does not reach. */
  confirm(height: number, hash: Hex): void
  /**
   * What stood at a height when it was last linked or confirmed; null when something at or below it may have
   * changed since.
   */
  confirmedAt(height: number): Hex | null
  /**
   * Whether `hashAt` will most likely tell a height again once the blocks that were missed since are linked.
   */
  expects(height: number): boolean
  /** This moment, for `changedSince`. */
  mark(): number
  /**
   * Whether anything at or below a height may have changed since a mark: a block there was replaced, or
   * blocks were missed and could not be linked again in time. Blocks missed a moment ago are no change yet:
   * `relink` finds them.
   */
  changedSince(height: number, mark: number): boolean
  /**
   * Links the newest head to the blocks down to a height again, if that is due. A call or two for all that is
   * below. Never rejects.
   *
   * @param options.isDue something waits for it
   */
  relink(height: number, options?: { readonly isDue: boolean }): Promise<void>
  /**
   * Asks what the blocks hold that `held` does not know of yet. Never rejects.
   *
   * @param waits for each transaction that waits, the newest block when it was signed; one alone is asked for
   *   sooner than a block
   */
  learn(waits: readonly number[]): Promise<void>
  /**
   * Those of some transactions that blocks above a height hold; null when the contents of one of these blocks
   * are not known.
   *
   * @param since the newest block when the transactions were signed
   */
  held(transactions: readonly Hex[], since: number): readonly Holding[] | null
}

/** A block has it. */
export interface Holding {
  readonly transaction: Hex
  readonly blockHash: Hex
  /** How many transactions that block has. */
  readonly blockSize: number
}

interface SeenBlock {
  /** Null for a block that was missed. */
  hash: Hex | null
  /** Null when only the hash is known. */
  parentHash: Hex | null
  transactions: ReadonlySet<Hex> | null
}

/** A new head that did not follow from the one before. */
interface Loss {
  readonly revision: number
  readonly atMs: number
  /** The newest head of before. */
  readonly tip: number
  /**
   * The highest block of before that may still stand; below the tip it is a reorg, how deep is not known yet.
   */
  height: number
}

/** More than pass until a block is final where blocks are fast: half an hour of 0.25 s. */
const BLOCKS_MAX = 8_192
/** A longer gap begins a new trail. */
const GAP_MAX = 1_024
/** Contents are kept for less: more than pass while a trade is young. */
const CONTENTS_MAX = 256
/** Blocks that are asked for at once because of their contents. */
const LEARN_MAX = 64
/** So many missed blocks, or replaced ones, are asked for one by one, at once. */
const NEAR_MAX = 1
const CALLS_MAX = 8
/**
 * More are asked for together, and not more often than this: where polls skip blocks, each head leaves a gap.
 */
const RELINK_EVERY_MS = 30_000
/**
 * A state that does not remember the newest is of a replica that lags: so often at once, since another may
 * answer at the same address.
 */
const TRIES_MAX = 3
/** A block that the node did not tell is asked for again after this time. */
const RETRY_MS = 1_000
/** Missed blocks that could not be linked for so long may hide a reorg. */
const DOUBT_AFTER_MS = 60_000
/** Blocks a node may be ahead of the head while it is asked. */
const AHEAD_MAX = 32
const CHANGES_MAX = 64
const LOSSES_MAX = 256
const CONFIRMED_MAX = 10_000

/**
 * Blocks hang together by their parents. A block that was missed is asked for, one call for all trades; where
 * polls always skip some, the hashes of 256 are read in one call. Of a reorg it is known how deep it went, so
 * that what lies below is not asked for again.
 *
 * @param options.now milliseconds of a clock that never goes back
 */
export function createBlockTrail({
  rpc,
  hashSource = 'opcode',
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  hashSource?: HashSource
  now?: () => number
}): BlockTrail {
  /** From `first` on; above `tip` may be some that the newest head has gone back from. */
  let blocks: SeenBlock[] = []
  let first = 0
  /** Height of the newest head. */
  let tip = -1
  /**
   * From here to the tip each block names the one before as its parent; of this one itself the hash is known.
   */
  let linkedFrom = 0
  /** Contents below are forgotten. */
  let emptiedTo = 0
  /** Reorgs have changed blocks up to here, so what was signed before may be in any of them. */
  let contestedTo = -1

  let revision = 0
  /**
   * Heights from which on blocks were replaced: ascending by revision and by height, since a later and lower
   * one covers an earlier.
   */
  let changes: { readonly revision: number; readonly from: number }[] = []
  /** Where the link to the blocks below was lost and is not found again, oldest first. */
  let losses: Loss[] = []
  /** By height, in the order they were told. */
  const confirmed = new Map<number, { readonly hash: Hex; readonly revision: number }>()
  /** When many hashes were last asked for at once, and how often in a row that did not help. */
  let linkedAtMs = Number.NEGATIVE_INFINITY
  let unlinked = 0
  let retryAtMs = Number.NEGATIVE_INFINITY
  let relinking: Promise<void> | null = null

  const at = (height: number): SeenBlock | undefined => blocks[height - first]
  const top = () => first + blocks.length - 1
  const lowestRemembered = () => tip - REMEMBERED_BLOCKS + AHEAD_MAX

  function changed(from: number): void {
    revision++
    changes = [...changes.filter((change) => change.from < from), { revision, from }]
    // Two that are taken for one tell of more change than there was, never of less.
    if (changes.length > CHANGES_MAX)
      changes.splice(0, 2, { revision: changes[1]?.revision ?? revision, from: changes[0]?.from ?? 0 })
  }

  function restart({ number, parentHash }: Block): void {
    // Of a height far above there is no need to remember: there never was such a block, or all begins anew.
    contestedTo = Math.min(Math.max(contestedTo, top()), number + GAP_MAX)
    forgetBelow()
    const hasParent = number > 0
    first = hasParent ? number - 1 : number
    blocks = hasParent ? [{ hash: parentHash, parentHash: null, transactions: null }] : []
    linkedFrom = first
    tip = top()
    emptiedTo = first
  }

  /** The block at a height is this one. Replaces another one there, and all that stood on it. */
  function place(height: number, hash: Hex): SeenBlock {
    const known = at(height)
    if (known?.hash === hash) return known
    const block: SeenBlock = { hash, parentHash: null, transactions: null }
    blocks[height - first] = block
    if (known !== undefined && known.hash !== null) {
      contestedTo = Math.max(contestedTo, top())
      changed(height)
    }
    // Neither a block that was replaced nor one that was never seen can tell that nothing below has changed.
    for (const loss of losses) if (loss.height >= height) loss.height = height - 1
    return block
  }

  function see(block: Block): void {
    const { number, hash, parentHash, transactions } = block
    if (blocks.length === 0 || number < first || number - top() > GAP_MAX) restart(block)
    const stands = at(number)?.hash === hash
    const isBack = number <= tip && stands
    const follows = number === tip + 1 && at(tip)?.hash === parentHash
    if (!isBack && !follows) {
      losses.push({ revision: ++revision, atMs: now(), tip, height: tip })
      if (losses.length > LOSSES_MAX) forgetBelow()
    }
    // It goes back with the node, which has lost what stood above, or lags behind.
    if (number < tip) changed(number + 1)
    while (top() < number) blocks.push({ hash: null, parentHash: null, transactions: null })
    const seen = place(number, hash)
    if (!stands) truncate(number)
    seen.parentHash = parentHash
    if (transactions !== null) seen.transactions = new Set(transactions)
    if ((!isBack && !follows) || number < linkedFrom) linkedFrom = number
    tip = number
    extend()
    if (blocks.length > BLOCKS_MAX) drop(top() - BLOCKS_MAX + 1)
    for (; emptiedTo < tip - CONTENTS_MAX; emptiedTo++) {
      const old = at(emptiedTo)
      if (old !== undefined) old.transactions = null
    }
  }

  /** Forgets what is above a height: it stood on another block. */
  function truncate(height: number): void {
    if (top() > height) contestedTo = Math.max(contestedTo, top())
    blocks.length = height - first + 1
  }

  /** Follows the parents down as far as they are known. */
  function extend(): void {
    for (;;) {
      const parentHash = linkedFrom > first ? at(linkedFrom)?.parentHash : null
      if (!parentHash) break
      linkedFrom--
      place(linkedFrom, parentHash)
    }
    for (const { tip, height } of losses) if (height >= linkedFrom && height < tip) changed(height + 1)
    losses = losses.filter(({ height }) => height < linkedFrom)
    if (losses.length === 0 || linkedFrom > first) return
    // Everything that was known has been replaced, and how far below that goes cannot be known.
    forgetBelow()
  }

  /** Gives up what was known before the link was lost: anything may have changed there. */
  function forgetBelow(): void {
    changed(0)
    losses = []
  }

  /** Forgets what is below a height. */
  function drop(height: number): void {
    blocks.splice(0, height - first)
    first = height
    linkedFrom = Math.max(linkedFrom, first)
    extend()
  }

  function changedSince(height: number, mark: number): boolean {
    // Without a head nothing is followed.
    if (blocks.length === 0) return true
    if (changes.some((change) => change.revision > mark && change.from <= height)) return true
    const lost = losses.find((loss) => loss.revision > mark)
    return (
      lost !== undefined &&
      (losses.some(({ tip, height }) => height < tip) || now() - lost.atMs >= DOUBT_AFTER_MS)
    )
  }

  /**
   * What stood at a height before the link was lost, if that is not long ago and nothing there was replaced.
   */
  function stoodAt(height: number): Hex | null {
    const lost = losses.find((loss) => loss.height >= height)
    if (lost === undefined || changedSince(height, lost.revision - 1)) return null
    return at(height)?.hash ?? null
  }

  /** Takes the parent of a block down, and what it holds. */
  function fill(block: Block): void {
    const known = at(block.number)
    if (known === undefined || known.hash !== block.hash) return
    known.parentHash = block.parentHash
    if (block.transactions !== null && block.number > emptiedTo)
      known.transactions = new Set(block.transactions)
    if (block.number === linkedFrom) extend()
  }

  async function askBlock(height: number): Promise<Block | null> {
    const hash = at(height)?.hash ?? null
    const outcome =
      hash === null
        ? await rpc.call('eth_getBlockByNumber', [`0x${height.toString(16)}`, false])
        : await rpc.call('eth_getBlockByHash', [hash, false])
    const block = outcome.ok ? readBlock(outcome.result) : null
    return block?.number === height ? block : null
  }

  async function relinkTo(height: number, isDue: boolean): Promise<void> {
    if (now() < retryAtMs) return
    for (let calls = 0; calls < CALLS_MAX && linkedFrom > Math.max(first, height); calls++) {
      const linked = linkedFrom
      let near = 0
      while (near <= NEAR_MAX && at(linked - 1 - near)?.hash === null) near++
      if (near <= NEAR_MAX) {
        const block = await askBlock(linked)
        if (block !== null) fill(block)
      } else {
        if (now() - linkedAtMs < (isDue ? duePauseMs() : RELINK_EVERY_MS) || linked <= lowestRemembered())
          return
        linkedAtMs = now()
        await relinkMany(Math.max(first, height - 1))
        unlinked = linkedFrom < linked ? 0 : unlinked + 1
      }
      if (linkedFrom < linked) continue
      // No answer, or of another chain.
      retryAtMs = now() + RETRY_MS
      return
    }
  }

  /** Until many hashes are asked for again while something waits for them; growing while they do not help. */
  const duePauseMs = () => (unlinked === 0 ? 0 : Math.min(RETRY_MS * 2 ** (unlinked - 1), RELINK_EVERY_MS))

  /** Links by hashes that one call remembers, if they are of the chain that is followed. */
  async function relinkMany(lowest: number): Promise<void> {
    const from = Math.max(lowest, lowestRemembered())
    const to = linkedFrom
    if (to - from < 1) return
    const read = () => readBlockHashes({ rpc, source: hashSource, from, to })
    let hashes = await read()
    for (let tries = 1; tries < TRIES_MAX && hashes?.at(-1) === null; tries++) hashes = await read()
    // Heads may have come meanwhile: it must be linked to the newest still.
    const isLinked = linkedFrom <= to && to <= tip
    if (hashes === null || !isLinked || at(to)?.hash !== hashes[to - from]) return
    while (linkedFrom > from) {
      const parent = hashes[linkedFrom - 1 - from] ?? null
      const block = at(linkedFrom)
      if (parent === null || block === undefined) return
      block.parentHash = parent
      extend()
    }
  }

  return {
    see,
    hashAt: (height) => (height >= linkedFrom && height <= tip ? (at(height)?.hash ?? null) : null),
    confirm(height, hash) {
      confirmed.delete(height)
      confirmed.set(height, { hash, revision })
      if (confirmed.size > CONFIRMED_MAX) confirmed.delete(confirmed.keys().next().value as number)
    },
    confirmedAt(height) {
      const told = confirmed.get(height)
      if (told !== undefined && !changedSince(height, told.revision)) return told.hash
      return stoodAt(height)
    },
    expects(height) {
      // Beyond what one call remembers the link is not found again.
      const lost = losses.find((loss) => loss.height >= height)
      return lost !== undefined && lost.height > lowestRemembered() && stoodAt(height) !== null
    },
    mark: () => revision,
    changedSince,
    relink(height, { isDue } = { isDue: false }) {
      relinking ??= relinkTo(height, isDue).finally(() => {
        relinking = null
      })
      return relinking
    },
    async learn(waits) {
      const covered = waits.filter((since) => blocks.length > 0 && since + 1 >= first && since > contestedTo)
      if (covered.length < 2) return
      const unknown: number[] = []
      for (let height = Math.min(...covered) + 1; height <= tip; height++)
        if (at(height)?.transactions === null) unknown.push(height)
      if (unknown.length > LEARN_MAX) return
      const answers = await Promise.all(unknown.map(askBlock))
      // From the newest down, so that each is held against the parent that the one above names.
      for (const block of answers.toReversed()) if (block !== null) fill(block)
    },
    held(transactions, since) {
      if (tip < since || linkedFrom > since + 1 || since <= contestedTo) return null
      const held: Holding[] = []
      for (let height = since + 1; height <= tip; height++) {
        const { hash: blockHash = null, transactions: known = null } = at(height) ?? {}
        if (known === null || blockHash === null) return null
        for (const transaction of transactions)
          if (known.has(transaction)) held.push({ transaction, blockHash, blockSize: known.size })
      }
      return held
    },
  }
}
