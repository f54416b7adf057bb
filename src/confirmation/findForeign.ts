import { verifyAuthorization } from 'ethers'
import { quantityOf, readCount, readHash, readQuantity } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** A transaction that took a nonce of an account. */
export interface ForeignTransaction {
  readonly hash: Hex
  readonly block: number
  /** Null when it creates a contract. */
  readonly to: Address | null
  readonly input: Hex
  readonly valueWei: bigint
  /**
   * It is another account's, and carries an authorisation that this account has signed; that takes a nonce
   * too (EIP-7702).
   */
  readonly isAuthorisation: boolean
}

/** What a search has found so far. `exhausted`: nodes keep too little to tell, or the blocks are too many. */
export type ForeignFound =
  | { readonly kind: 'found'; readonly transaction: ForeignTransaction }
  | { readonly kind: 'searching' }
  | { readonly kind: 'exhausted' }

/** Searches for what took the nonces of an account. */
export type FindForeign = (place: {
  readonly account: Address
  readonly nonce: number
  /** Where it is expected at the earliest; the search goes further back where nodes keep that state. */
  readonly fromBlock: number
  readonly toBlock: number
}) => Promise<ForeignFound>

/** Blocks read in one check, with all their transactions, and for one nonce. */
const WALK_MAX = 16
const WALK_TOTAL_MAX = 4_096
/** Searches remembered. */
const WALKS_MAX = 1_000

/** A walk over blocks, carried on by every check. */
interface Walk {
  readonly from: number
  readonly to: number
  next: number
  /** Carries an authorisation for the nonce; it took it unless a transaction of the account itself did. */
  authorised: ForeignTransaction | null
  isOver: boolean
}

type Told = Readonly<Record<string, unknown>> | null

/**
 * Three ways, the cheapest first. `eth_getTransactionBySenderAndNonce` (erigon, reth, besu) answers at once.
 * Where state is kept, the block in which the mined count passed the nonce is found by halves, and holds the
 * transaction, or another's that carries an authorisation for it. State is pruned long before blocks are, so
 * what is left is to read the blocks from where it is expected on, some at each check.
 *
 * @param options.chainId an authorisation is valid on this chain or, with zero, on every one
 */
export function createFindForeign({
  rpc,
  chainId,
}: {
  rpc: Pick<JsonRpc, 'call'>
  chainId: number
}): FindForeign {
  const walks = new Map<string, Walk>()
  let knowsBySender = true

  async function result(method: string, params: readonly unknown[]): Promise<unknown> {
    const outcome = await rpc.call(method, params)
    if (!outcome.ok && outcome.kind === 'rpc' && method === 'eth_getTransactionBySenderAndNonce')
      knowsBySender = false
    return outcome.ok ? outcome.result : null
  }

  async function bySender(account: Address, nonce: number): Promise<ForeignTransaction | null> {
    if (!knowsBySender) return null
    const told = await result('eth_getTransactionBySenderAndNonce', [account, quantityOf(nonce)])
    // Some providers give the hash alone.
    const transaction = typeof told === 'string' ? await result('eth_getTransactionByHash', [told]) : told
    const block = readCount((transaction as Told)?.blockNumber)
    return block !== null && isOwn(transaction as Told, account, nonce)
      ? read(transaction as Told, block, false)
      : null
  }

  /**
   * The block in which the count passed the nonce, and the lowest in which it is known to have; null where no
   * state tells.
   */
  async function byState({
    account,
    nonce,
    fromBlock,
    toBlock,
  }: Parameters<FindForeign>[0]): Promise<{ readonly block: number | null; readonly passed: number | null }> {
    const hasPassed = async (block: number): Promise<boolean | null> => {
      const count = readCount(await result('eth_getTransactionCount', [account, quantityOf(block)]))
      return count === null ? null : count > nonce
    }
    const unknown = (passed: number | null) => ({ block: null, passed })
    if ((await hasPassed(toBlock)) !== true) return unknown(null)
    let [low, high] = [Math.min(fromBlock, toBlock), toBlock]
    for (let step = 1; low > 0; step *= 2) {
      const passed = await hasPassed(low - 1)
      if (passed === null) return unknown(high)
      if (!passed) break
      high = low - 1
      low = Math.max(0, low - 1 - step)
    }
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const passed = await hasPassed(middle)
      if (passed === null) return unknown(high)
      if (passed) high = middle
      else low = middle + 1
    }
    return { block: high, passed: high }
  }

  /** The transactions of a block that took or could take the nonce. */
  async function inBlock(block: number, account: Address, nonce: number) {
    const told = (await result('eth_getBlockByNumber', [quantityOf(block), true])) as Told
    if (!Array.isArray(told?.transactions)) return null
    const transactions = told.transactions as Told[]
    const own = transactions.find((transaction) => isOwn(transaction, account, nonce))
    const authorised = transactions.find((transaction) => authorises(transaction, account, nonce))
    const isPast = transactions.some(
      (transaction) => isFrom(transaction, account) && (readCount(transaction?.nonce) ?? 0) > nonce,
    )
    return {
      own: own ? read(own, block, false) : null,
      authorised: authorised ? read(authorised, block, true) : null,
      isPast,
    }
  }

  function authorises(transaction: Told, account: Address, nonce: number): boolean {
    const list = transaction?.authorizationList
    if (!Array.isArray(list)) return false
    return list.some((authorisation: Told) => {
      if (readCount(authorisation?.nonce) !== nonce) return false
      const signedFor = readCount(authorisation?.chainId)
      if (signedFor !== 0 && signedFor !== chainId) return false
      return authorityOf(authorisation, { chainId: signedFor, nonce }) === account
    })
  }

  async function walkOn({
    account,
    nonce,
    fromBlock,
    toBlock,
  }: Parameters<FindForeign>[0]): Promise<ForeignFound> {
    const name = `${account}/${nonce}/${fromBlock}`
    const walk: Walk = walks.get(name) ?? {
      from: fromBlock,
      to: toBlock,
      next: fromBlock,
      authorised: null,
      isOver: false,
    }
    walks.set(name, walk)
    if (walks.size > WALKS_MAX) walks.delete(walks.keys().next().value as string)
    const last = Math.min(walk.to, walk.next + WALK_MAX - 1)
    const heights = Array.from({ length: Math.max(0, last - walk.next + 1) }, (_, index) => walk.next + index)
    const blocks = walk.isOver
      ? []
      : await Promise.all(heights.map((height) => inBlock(height, account, nonce)))
    for (const block of blocks) {
      // A block that cannot be read is asked for again.
      if (block === null) return { kind: 'searching' }
      if (block.own !== null) return { kind: 'found', transaction: block.own }
      walk.authorised ??= block.authorised
      walk.next++
      if (block.isPast || walk.next - walk.from >= WALK_TOTAL_MAX) {
        walk.isOver = true
        break
      }
    }
    if (!walk.isOver && walk.next <= walk.to) return { kind: 'searching' }
    return walk.authorised ? { kind: 'found', transaction: walk.authorised } : { kind: 'exhausted' }
  }

  return async (place) => {
    const { account, nonce } = place
    const told = await bySender(account, nonce)
    if (told !== null) return { kind: 'found', transaction: told }
    const { block, passed } = await byState(place)
    if (block !== null) {
      const found = await inBlock(block, account, nonce)
      const transaction = found?.own ?? found?.authorised ?? null
      return transaction === null ? { kind: 'searching' } : { kind: 'found', transaction }
    }
    return passed === null ? { kind: 'searching' } : await walkOn({ ...place, toBlock: passed })
  }
}

const isFrom = (transaction: Told, account: Address) =>
  typeof transaction?.from === 'string' && transaction.from.toLowerCase() === account
const isOwn = (transaction: Told, account: Address, nonce: number) =>
  isFrom(transaction, account) && readCount(transaction?.nonce) === nonce

/** Who signed an authorisation; null when it is malformed. */
function authorityOf(
  authorisation: Told,
  { chainId, nonce }: { chainId: number; nonce: number },
): Address | null {
  const { address, r, s, yParity, v } = (authorisation ?? {}) as Readonly<Record<string, string>>
  try {
    const signature = { r: word(r), s: word(s), yParity: Number(yParity ?? v) as 0 | 1 }
    return verifyAuthorization(
      { address: String(address), chainId, nonce },
      signature,
    ).toLowerCase() as Address
  } catch {
    return null
  }
}

/** A quantity as 32 bytes. */
const word = (value: unknown): string => `0x${(readQuantity(value) ?? 0n).toString(16).padStart(64, '0')}`

function read(transaction: Told, block: number, isAuthorisation: boolean): ForeignTransaction | null {
  const { hash, to, input, value } = transaction ?? {}
  const taken = readHash(hash)
  if (taken === null) return null
  return {
    hash: taken,
    block,
    to: typeof to === 'string' ? (to.toLowerCase() as Address) : null,
    input: typeof input === 'string' ? (input.toLowerCase() as Hex) : '0x',
    valueWei: readQuantity(value) ?? 0n,
    isAuthorisation,
  }
}
