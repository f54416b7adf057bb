import { quantityOf, readCount, readHash } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { BlockTrail } from '../nodes/blockTrail.ts'
import type { JsonRpc, RpcReader } from '../nodes/rpc.ts'
import { describeForeign } from './describeForeign.ts'
import { createFindForeign, type ForeignTransaction } from './findForeign.ts'

/** A nonce that another party may have taken. */
interface Place {
  readonly lane: Address
  readonly nonce: number
}

/** A transaction that took a nonce: `what` it does follows its hash in a sentence. */
export interface NamedTransaction {
  readonly hash: Hex
  readonly what: string
}

/**
 * The nonce was taken in a final block, by none of our transactions; by which one cannot be found any more.
 */
export interface UnnamedTransaction {
  readonly hash: null
}

/** Finds out who else uses the accounts. */
export interface ForeignFinder {
  /**
   * The transaction that took a nonce after block `since`, once its block is final; null before. It may be
   * one of `hashes`, ours at the nonce, whose receipt nodes do not keep any more.
   */
  final(
    place: Place & { readonly since: number; readonly hashes: readonly Hex[] },
  ): Promise<NamedTransaction | UnnamedTransaction | null>
  /** The same of a nonce that was taken lately, final or not. */
  newest(place: Place): Promise<NamedTransaction | null>
}

/** Blocks that are searched for a transaction whose receipt should be kept. */
const SAMPLES_MAX = 16
const KNOWN_MAX = 1_000

/**
 * @param options.readers one client per endpoint: that a nonce is taken is believed when every one that
 *   answers, and at least half of them, says so
 */
export function createForeignFinder({
  rpc,
  readers,
  chainId,
  executor,
  head,
  trail,
  finalBlock,
  readExecute,
}: {
  rpc: Pick<JsonRpc, 'call'>
  readers: readonly RpcReader[]
  chainId: number
  executor: Address
  head: () => number
  trail: Pick<BlockTrail, 'mark' | 'changedSince'>
  finalBlock: () => Promise<number | null>
  /** Reads a call of the executor's `execute`. */
  readExecute: Parameters<typeof describeForeign>[0]['readExecute']
}): ForeignFinder {
  const search = createFindForeign({ rpc, chainId })
  /** Found once, while nodes still keep that state. By lane and nonce. */
  const known = new Map<string, ForeignTransaction>()
  /** The head at which every endpoint first counted past a nonce of which no transaction can be found. */
  const passed = new Map<string, { readonly head: number; readonly mark: number }>()

  const nameOf = ({ lane, nonce }: Place) => `${lane}/${nonce}`
  function remember<T>(map: Map<string, T>, name: string, value: T): void {
    map.set(name, value)
    if (map.size > KNOWN_MAX) map.delete(map.keys().next().value as string)
  }
  async function find(place: Place, range: { fromBlock: number; toBlock: number }) {
    const transaction = known.get(nameOf(place))
    if (transaction !== undefined) return { kind: 'found' as const, transaction }
    const found = await search({ account: place.lane, nonce: place.nonce, ...range })
    if (found.kind === 'found') remember(known, nameOf(place), found.transaction)
    return found
  }
  const named = (transaction: ForeignTransaction): NamedTransaction => ({
    hash: transaction.hash,
    what: describeForeign({ transaction, executor, readExecute }),
  })

  /**
   * Whether a transaction stands in its block still; null when that cannot be read. Blocks are kept longer
   * than receipts.
   */
  async function stands({ hash, block }: ForeignTransaction): Promise<boolean | null> {
    const outcome = await rpc.call('eth_getBlockByNumber', [quantityOf(block), false])
    const told = outcome.ok ? (outcome.result as { transactions?: unknown } | null)?.transactions : null
    return Array.isArray(told) ? told.some((each) => readHash(each) === hash) : null
  }

  /** Whether nodes keep receipts from a block on, tried with a transaction of then. */
  async function keepsReceipts(since: number): Promise<boolean> {
    for (let height = since; height < since + SAMPLES_MAX; height++) {
      const outcome = await rpc.call('eth_getBlockByNumber', [quantityOf(height), false])
      const told = outcome.ok ? (outcome.result as { transactions?: readonly unknown[] } | null) : null
      const hash = readHash(told?.transactions?.[0])
      if (hash === null) continue
      const receipt = await rpc.call('eth_getTransactionReceipt', [hash])
      return receipt.ok && receipt.result !== null
    }
    return false
  }

  /** Every endpoint that answers counts past the nonce and has none of our transactions in a block. */
  async function isTakenByOthers({
    lane,
    nonce,
    hashes,
  }: Place & { hashes: readonly Hex[] }): Promise<boolean> {
    const told = await Promise.all(
      readers.map(async (reader) => {
        const [counted, ...receipts] = await Promise.all([
          reader.call('eth_getTransactionCount', [lane, 'latest']),
          ...hashes.map((hash) => reader.call('eth_getTransactionReceipt', [hash])),
        ])
        const count = counted.ok ? readCount(counted.result) : null
        if (count === null || receipts.some(({ ok }) => !ok)) return null
        return count > nonce && receipts.every((receipt) => receipt.ok && receipt.result === null)
      }),
    )
    const answers = told.filter((answer) => answer !== null)
    return answers.length * 2 >= readers.length && answers.length > 0 && answers.every(Boolean)
  }

  /**
   * Proof without a name: taken at a head that has become final since, and nodes that would know a receipt of
   * ours have none.
   */
  async function isProven(
    place: Place & { since: number; hashes: readonly Hex[] },
    final: number,
  ): Promise<boolean> {
    const name = nameOf(place)
    if (!(await isTakenByOthers(place))) {
      passed.delete(name)
      return false
    }
    const first = passed.get(name)
    if (first === undefined || trail.changedSince(first.head, first.mark)) {
      remember(passed, name, { head: head(), mark: trail.mark() })
      return false
    }
    return first.head <= final && (await keepsReceipts(place.since))
  }

  return {
    async final(place) {
      const fromBlock = Math.max(0, place.since - 1)
      const found = await find(place, { fromBlock, toBlock: head() })
      const final = await finalBlock()
      if (final === null) return null
      if (found.kind === 'exhausted') return (await isProven(place, final)) ? { hash: null } : null
      if (found.kind === 'searching' || found.transaction.block > final) return null
      const isThere = await stands(found.transaction)
      // A reorg took it away meanwhile.
      if (isThere === false) known.delete(nameOf(place))
      return isThere ? named(found.transaction) : null
    },
    async newest(place) {
      // The count that told of it may be of a block that has not been announced yet.
      const outcome = await rpc.call('eth_blockNumber', [])
      const newest = Math.max(head(), (outcome.ok && readCount(outcome.result)) || 0)
      const found = await find(place, { fromBlock: newest, toBlock: newest })
      return found.kind === 'found' ? named(found.transaction) : null
    },
  }
}
