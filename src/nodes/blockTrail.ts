import type { Hex } from '../domain/signal.ts'
import { type Block, readBlock } from './heads.ts'
import type { JsonRpc } from './rpc.ts'

/** The newest blocks of the chain: what they tell needs not be asked for. */
export interface BlockTrail {
  /** There is a new head. */
  see(block: Block): void
  /** The hash at a height, by the parents of the newest head; null when a block on the way was not seen. */
  hashAt(height: number): Hex | null
  /**
   * Asks what the blocks hold that `held` does not know of yet. Never rejects.
   *
   * @param waits for each transaction that waits, the newest block when it was signed; one alone is asked for sooner than a block
   */
  learn(waits: readonly number[]): Promise<void>
  /**
   * Those of some transactions that blocks above a height hold; null when the contents of one of these blocks are not known.
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

/** A block between two heads was not seen: nothing is known of it at first. */
interface SeenBlock {
  hash: Hex | null
  parentHash: Hex | null
  transactions: ReadonlySet<Hex> | null
}

/** More than pass until a block is final where blocks are fast: 15 minutes of 0.25 s. */
const BLOCKS_MAX = 4_096
/** Contents are kept for less: more than pass while a trade is young. */
const CONTENTS_MAX = 256
const UNSEEN: Readonly<SeenBlock> = { hash: null, parentHash: null, transactions: null }

/** Blocks hang together by their parents. One that does not follow from the ones before (a reorg) begins a new trail. */
export function createBlockTrail({ rpc }: { rpc: Pick<JsonRpc, 'call'> }): BlockTrail {
  let blocks: SeenBlock[] = []
  /** Height of the oldest one. */
  let first = 0
  /** From here to the newest each names the one before as its parent. */
  let linkedFrom = 0
  /** Contents below are forgotten. */
  let emptiedTo = 0
  /** Reorgs have changed blocks up to here, so what was signed before may be in any of them. */
  let contestedTo = -1

  const at = (height: number): SeenBlock | undefined => blocks[height - first]
  const newest = () => first + blocks.length - 1

  /** Whether every block after it is here, seen or not. */
  const isCovered = (since: number) => blocks.length > 0 && since + 1 >= first && since > contestedTo

  function see(block: Block): void {
    const { number, hash } = block
    const gap = number - newest()
    if (at(number)?.hash === hash) blocks.length = number - first + 1
    else if (blocks.length > 0 && gap > 0 && gap < CONTENTS_MAX)
      for (let height = newest() + 1; height <= number; height++) blocks.push({ ...UNSEEN })
    else restart(number)
    if (gap !== 1) linkedFrom = number
    fill(block)
    if (blocks.length > BLOCKS_MAX) drop(newest() - BLOCKS_MAX + 1)
    for (; emptiedTo < number - CONTENTS_MAX; emptiedTo++) {
      const old = at(emptiedTo)
      if (old !== undefined) old.transactions = null
    }
  }

  function restart(height: number): void {
    contestedTo = Math.max(contestedTo, newest())
    blocks = [{ ...UNSEEN }]
    first = height
    emptiedTo = height
  }

  /** Forgets what is below a height. */
  function drop(height: number): void {
    blocks.splice(0, height - first)
    first = height
    linkedFrom = Math.max(linkedFrom, first)
  }

  /** Puts down what is known of a block now; those before and after must fit. */
  function fill({ number, hash, parentHash, transactions }: Block): void {
    const block = at(number)
    const [before, after] = [at(number - 1), at(number + 1)]
    if (block === undefined || (after?.parentHash ?? hash) !== hash) return
    block.hash = hash
    block.parentHash = parentHash
    if (transactions !== null) block.transactions = new Set(transactions)
    if ((before?.hash ?? parentHash) !== parentHash) {
      contestedTo = Math.max(contestedTo, number)
      drop(number)
    }
    while (linkedFrom > first && at(linkedFrom - 1)?.hash === at(linkedFrom)?.parentHash) linkedFrom--
  }

  return {
    see,
    hashAt(height) {
      if (height === linkedFrom - 1) return at(linkedFrom)?.parentHash ?? null
      return height >= linkedFrom ? (at(height)?.hash ?? null) : null
    },
    async learn(waits) {
      const covered = waits.filter(isCovered)
      if (covered.length < 2) return
      const unknown: number[] = []
      for (let height = Math.min(...covered) + 1; height <= newest(); height++)
        if (at(height)?.transactions === null) unknown.push(height)
      await Promise.all(
        unknown.map(async (height) => {
          const hash = at(height)?.hash ?? null
          const outcome =
            hash === null
              ? await rpc.call('eth_getBlockByNumber', [`0x${height.toString(16)}`, false])
              : await rpc.call('eth_getBlockByHash', [hash, false])
          const block = outcome.ok ? readBlock(outcome.result) : null
          if (block?.number === height && (at(height)?.hash ?? block.hash) === block.hash) fill(block)
        }),
      )
    },
    held(transactions, since) {
      if (!isCovered(since)) return null
      const held: Holding[] = []
      for (let height = since + 1; height <= newest(); height++) {
        const { hash: blockHash = null, transactions: known = null } = at(height) ?? {}
        if (known === null || blockHash === null) return null
        for (const transaction of transactions)
          if (known.has(transaction)) held.push({ transaction, blockHash, blockSize: known.size })
      }
      return held
    },
  }
}
