import type { JsonRpc, RpcOutcome } from '../chain/rpc.ts'
import type { Finality } from '../config/chainConfig.ts'
import type { Inclusion } from '../domain/liveExecution.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type MinedReceipt, readHash, readReceipt } from './minedReceipt.ts'
import { readCount } from './quantity.ts'

/** One execution as the chain is asked about it. */
export interface Position {
  readonly lane: Address
  readonly nonce: number
  /** Hashes of every attempt at the nonce. */
  readonly hashes: readonly Hex[]
  /** The block it was last seen in; null when it was not. */
  readonly inclusion: Inclusion | null
}

/** What the chain says of one position. */
export type Finding =
  /** A block on the canonical chain holds one of our hashes; `receipt` is null when it is the one known already. */
  | { readonly kind: 'mined'; readonly receipt: MinedReceipt | null; readonly final: boolean }
  /**
   * No block holds one of our hashes; mined counts of the lane at `latest`, one of each endpoint. `replaced`: another block stands where the one stood that
   * held it.
   */
  | { readonly kind: 'absent'; readonly minedCounts: readonly number[]; readonly replaced: boolean }
  /** Some answer is missing, so nothing is concluded. */
  | { readonly kind: 'unknown'; readonly reason: string }

/**
 * Asks about all positions at once; every call leaves in the same batches. A receipt of any of our hashes is what counts; a block that was seen is held
 * against the canonical one at its height, once per block. Any answer that fails to come makes that finding `unknown`: rows 1, 15 and 25 of the
 * failure table were lost by others on an answer that was taken for a no.
 *
 * @param options.readers one client per endpoint: mined counts are wanted from at least two where there are two
 */
export async function readChain({
  rpc,
  readers,
  finality,
  head,
  positions,
}: {
  rpc: Pick<JsonRpc, 'call'>
  readers: readonly Pick<JsonRpc, 'call'>[]
  finality: Finality
  head: number
  positions: readonly Position[]
}): Promise<readonly Finding[]> {
  const blockHashes = new Map<number | string, Promise<{ number: number; hash: Hex } | null>>()
  const counts = new Map<Address, Promise<readonly number[]>>()

  function blockAt(at: number | 'finalized' | 'safe'): Promise<{ number: number; hash: Hex } | null> {
    const known = blockHashes.get(at)
    if (known !== undefined) return known
    const tag = typeof at === 'number' ? `0x${at.toString(16)}` : at
    const asked = rpc.call('eth_getBlockByNumber', [tag, false]).then(readBlock)
    blockHashes.set(at, asked)
    return asked
  }

  function minedCounts(lane: Address): Promise<readonly number[]> {
    const known = counts.get(lane)
    if (known !== undefined) return known
    const asked = Promise.all(
      readers.map(async (reader) => {
        const outcome = await reader.call('eth_getTransactionCount', [lane, 'latest'])
        return outcome.ok ? readCount(outcome.result) : null
      }),
    ).then((readings) => readings.filter((reading) => reading !== null))
    counts.set(lane, asked)
    return asked
  }

  async function isFinal(block: number): Promise<boolean> {
    if ('depth' in finality) return head - block >= finality.depth
    const final = await blockAt(finality.tag)
    return final !== null && block <= final.number
  }

  async function find({ lane, nonce, hashes, inclusion }: Position): Promise<Finding> {
    if (inclusion !== null) {
      const canonical = await blockAt(inclusion.block)
      // A node that does not know the height lags behind, or cannot be read: no reorg is concluded from that.
      if (canonical === null) return { kind: 'unknown', reason: `no endpoint tells block ${inclusion.block}` }
      if (canonical.hash === inclusion.blockHash)
        return { kind: 'mined', receipt: null, final: await isFinal(inclusion.block) }
    }
    const outcomes = await Promise.all(
      hashes.map(async (hash) => {
        const outcome = await rpc.call('eth_getTransactionReceipt', [hash])
        return outcome.ok ? readReceipt({ result: outcome.result, hash }) : unread(outcome)
      }),
    )
    const mined = outcomes.find((outcome) => outcome.kind === 'mined')
    if (mined !== undefined) {
      const { block, blockHash } = mined.receipt.inclusion
      // Its own block was just seen to be another one: an endpoint that has not caught up yet tells what we know to be gone.
      if (blockHash === inclusion?.blockHash)
        return {
          kind: 'unknown',
          reason: `an endpoint still tells of a block ${block} that has left the chain`,
        }
      // A node that lags may tell of a block that has left the chain: nothing is final by a receipt alone.
      const final = (await isFinal(block)) && (await blockAt(block))?.hash === blockHash
      return { kind: 'mined', receipt: mined.receipt, final }
    }
    const bad = outcomes.find((outcome) => outcome.kind === 'malformed')
    if (bad !== undefined) return { kind: 'unknown', reason: bad.reason }
    const readings = await minedCounts(lane)
    if (readings.length < readers.length)
      return {
        kind: 'unknown',
        reason: `an endpoint does not tell the mined count of ${lane} (nonce ${nonce})`,
      }
    return { kind: 'absent', minedCounts: readings, replaced: inclusion !== null }
  }

  return await Promise.all(positions.map(find))
}

const unread = (outcome: Exclude<RpcOutcome, { ok: true }>) => ({
  kind: 'malformed' as const,
  reason:
    outcome.kind === 'rpc'
      ? `the node refuses a receipt: ${outcome.error.message}`
      : outcome.failure.sentence,
})

function readBlock(outcome: RpcOutcome): { number: number; hash: Hex } | null {
  if (!outcome.ok) return null
  const { number, hash } = (outcome.result ?? {}) as { number?: unknown; hash?: unknown }
  const height = readCount(number)
  const id = readHash(hash)
  return height === null || id === null ? null : { number: height, hash: id }
}
