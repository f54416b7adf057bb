import type { Inclusion } from '../domain/liveExecution.ts'
import { quantityOf, readHash } from '../domain/rpcValues.ts'
import type { Hex } from '../domain/signal.ts'
import type { BlockTrail, Holding } from '../nodes/blockTrail.ts'
import type { RpcOutcome, RpcReader } from '../nodes/rpc.ts'
import { askBlockReceipts } from './blockReceipts.ts'
import { type MinedReceipt, type ReadReceipt, readReceipt } from './minedReceipt.ts'

/** One execution as the chain is asked about it. */
export interface Position {
  /** Hashes of every attempt at the nonce. */
  readonly hashes: readonly Hex[]
  /** The block it was last seen in; null when it was not. */
  readonly inclusion: Inclusion | null
  /** The newest block when its first bytes went out: later ones may hold it. */
  readonly since: number
  /** Whether nodes are asked: only where the blocks that were seen do not tell, in any case, or not now. */
  readonly ask: 'if_unseen' | 'always' | 'never'
}

/** What the chain says of one position. */
export type Finding =
  /**
   * A block on the canonical chain holds one of our hashes; `receipt` is null when it is the one known
   * already.
   */
  | { readonly kind: 'mined'; readonly receipt: MinedReceipt | null; readonly final: boolean }
  /**
   * No block holds one of our hashes, as far as the blocks that were seen or the node tell. `replaced`:
   * another block stands where the one stood that held it. `asked`: a node has said so.
   */
  | { readonly kind: 'absent'; readonly replaced: boolean; readonly asked: boolean }
  /** Some answer is missing, so nothing is concluded. */
  | { readonly kind: 'unknown'; readonly reason: string }

/**
 * Asks about all positions at once; every call leaves in the same batches. A receipt of any of our hashes is
 * what counts; a block that was seen is held against the canonical one at its height. What the blocks that
 * were seen tell is not asked for. Any answer that fails to come makes that finding `unknown`: rows 1, 15 and
 * 25 of the failure table were lost by others on an answer that was taken for a no.
 *
 */
export async function readChain({
  rpc,
  trail,
  finalBlock,
  positions,
}: {
  rpc: RpcReader
  trail: BlockTrail
  /** The newest block that is final; null when that cannot be known. */
  finalBlock: () => Promise<number | null>
  positions: readonly Position[]
}): Promise<readonly Finding[]> {
  const blockHashes = new Map<number, Promise<RpcOutcome>>()

  /** Which block stands at a height, asked for once for all positions. */
  async function askHash(height: number): Promise<Hex | null> {
    const asked = blockHashes.get(height) ?? rpc.call('eth_getBlockByNumber', [quantityOf(height), false])
    blockHashes.set(height, asked)
    const outcome = await asked
    const hash = outcome.ok ? readHash((outcome.result as { hash?: unknown } | null)?.hash) : null
    if (hash !== null) trail.confirm(height, hash)
    return hash
  }

  /**
   * Which block stands at a height: asked for where the trail neither reaches it nor knows that nothing there
   * has changed since it was told.
   */
  const canonicalHash = async (height: number): Promise<Hex | null> =>
    trail.hashAt(height) ?? trail.confirmedAt(height) ?? (await askHash(height))

  /**
   * The final block has passed it, and it stands there still: by the trail, else it is asked for once more.
   */
  async function isFinal({ block, blockHash }: Inclusion): Promise<boolean> {
    const final = await finalBlock()
    if (final === null || block > final) return false
    const linked = trail.hashAt(block)
    if (linked === null && trail.expects(block)) return false
    return (linked ?? (await askHash(block))) === blockHash
  }

  /** At once when one could be called final by it. */
  async function relink(): Promise<void> {
    if (included.length === 0) return
    const final = await finalBlock()
    const isDue = final !== null && included.some((block) => block <= final && trail.hashAt(block) === null)
    await trail.relink(Math.min(...included), { isDue })
  }

  async function readReceiptOf(hash: Hex, holding: Holding | undefined): Promise<ReadReceipt> {
    const known = holding && (await blockReceipt(holding))
    if (known !== undefined) return readReceipt({ result: known, hash })
    const outcome = await rpc.call('eth_getTransactionReceipt', [hash])
    return outcome.ok ? readReceipt({ result: outcome.result, hash }) : unread(outcome)
  }

  async function find({ hashes, inclusion, ask }: Position, index: number): Promise<Finding> {
    if (inclusion !== null) {
      const canonical = await canonicalHash(inclusion.block)
      // A node that does not know the height lags behind, or cannot be read: no reorg is concluded from that.
      if (canonical === null) return { kind: 'unknown', reason: `no endpoint tells block ${inclusion.block}` }
      if (canonical === inclusion.blockHash)
        return { kind: 'mined', receipt: null, final: await isFinal(inclusion) }
    }
    const held = holdings[index] ?? null
    const isLeft = held === null ? ask === 'never' : held.length === 0 && ask !== 'always'
    if (inclusion === null && isLeft) return { kind: 'absent', replaced: false, asked: false }
    const outcomes = await Promise.all(
      held?.length
        ? held.map((holding) => readReceiptOf(holding.transaction, holding))
        : hashes.map((hash) => readReceiptOf(hash, undefined)),
    )
    const mined = outcomes.find((outcome) => outcome.kind === 'mined')
    if (mined !== undefined) {
      const { block, blockHash } = mined.receipt.inclusion
      // Another block stands there: an endpoint that has not caught up yet tells what we know to be gone.
      if (blockHash === inclusion?.blockHash || (trail.hashAt(block) ?? blockHash) !== blockHash)
        return {
          kind: 'unknown',
          reason: `an endpoint still tells of a block ${block} that has left the chain`,
        }
      trail.confirm(block, blockHash)
      // A node that lags may tell of a block that has left the chain: nothing is final by a receipt alone.
      return { kind: 'mined', receipt: mined.receipt, final: await isFinal(mined.receipt.inclusion) }
    }
    const bad = outcomes.find((outcome) => outcome.kind === 'malformed')
    if (bad !== undefined) return { kind: 'unknown', reason: bad.reason }
    // The block that was seen to hold it, and its receipt is late: it is not absent.
    if (held?.length) return { kind: 'unknown', reason: 'a block holds it, and its receipt is not told yet' }
    return { kind: 'absent', replaced: inclusion !== null, asked: true }
  }

  const waiting = positions.filter(({ inclusion, ask }) => inclusion === null && ask !== 'never')
  const included = positions.flatMap(({ inclusion }) => (inclusion === null ? [] : [inclusion.block]))
  await Promise.all([trail.learn(waiting.map(({ since }) => since)), relink()])
  const holdings = positions.map(({ inclusion, hashes, since }) =>
    inclusion === null ? trail.held(hashes, since) : null,
  )
  const blockReceipt = askBlockReceipts({ rpc, holdings: holdings.flatMap((held) => held ?? []) })
  return await Promise.all(positions.map(find))
}

const unread = (outcome: Exclude<RpcOutcome, { ok: true }>) => ({
  kind: 'malformed' as const,
  reason:
    outcome.kind === 'rpc'
      ? `the node refuses a receipt: ${outcome.error.message}`
      : outcome.failure.sentence,
})
