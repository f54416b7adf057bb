import { createFreshValue } from '../domain/freshValue.ts'
import type { Address } from '../domain/signal.ts'
import type { UsdE8 } from '../domain/usd.ts'
import { type Failure, failure } from '../errors/failure.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import type { NodeError } from '../nodes/nodeErrors.ts'
import type { JsonRpc, RpcError, RpcOutcome } from '../nodes/rpc.ts'

/** What one whole token is worth. */
export interface TokenPrice {
  /** 1e-8 USD per whole token. */
  readonly priceE8: UsdE8
  readonly decimals: number
}

/**
 * A price that is known, one that does not exist, or one that could not be learnt now. The last two are never
 * taken for each other.
 */
export type Price =
  | ({ readonly kind: 'known' } & TokenPrice)
  /** There is no price of the token on this chain; `why` is a sentence. */
  | { readonly kind: 'none'; readonly why: string }
  /** `NODE_UNAVAILABLE`: no node has told. */
  | { readonly kind: 'unread'; readonly failure: Failure }

export interface Prices {
  /** Never rejects. */
  usdE8(token: Address): Promise<Price>
  /**
   * The same for the books: where the price cannot be read, the newest that was. A trade that has landed is
   * told at an older price rather than at none; no trade is made on one.
   */
  newestUsdE8(token: Address): Promise<Price>
}

// aave-v3-core: contracts/misc/AaveOracle.sol and contracts/interfaces/IPriceOracleGetter.sol.
const GET_ASSET_PRICE = '0xb3596f07'
const BASE_CURRENCY = '0xe19f4700'
const BASE_CURRENCY_UNIT = '0x8c89b64f'
const DECIMALS = '0x313ce567'
const ONE_USD_E8 = 100_000_000n

const FRESH_MS = 3_000
const STALE_MS = 60_000
/**
 * The oracle's unit does not change; it is read again all the same, so that no wrong answer is kept for ever.
 */
const UNIT_FRESH_MS = 60_000
/** Tokens come from clients: no more than this many are remembered, besides the wrapped native coin. */
const TOKENS_MAX = 1_000

/** A word that was read (null: there is none), or why it could not be. */
type Word = { readonly value: bigint | null } | { readonly why: string }
type Known = Exclude<Price, { kind: 'unread' }>
interface TokenEntry {
  price(): Promise<Price>
  /** What was read last, however long ago. */
  newest(): Known | null
}
interface Book {
  readonly oracle: Address
  entryOf(token: Address): TokenEntry
}

const none = (why: string): Known => ({ kind: 'none', why })
const NO_ORACLE = none('This chain has no price oracle (of Aave V3).')

/**
 * Prices in US dollars by the chain's Aave V3 oracle. Aave markets are quoted in dollars; one whose base
 * currency is something else prices nothing here.
 *
 * @param options.facts of the newest probe: where the oracle moves, everything is read again
 */
export function createPrices({
  rpc,
  facts,
  readNodeError,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  facts: () => Pick<ChainFacts, 'oracle' | 'wrappedNative'>
  readNodeError: (error: RpcError) => NodeError
  now?: () => number
}): Prices {
  let book: Book | null = null

  function openBook(oracle: Address): Book {
    const tokens = new Map<Address, TokenEntry>()

    async function readWord(to: Address, data: string): Promise<Word> {
      return wordOf(await rpc.call('eth_call', `[{"to":"${to}","data":"${data}"},"latest"]`), readNodeError)
    }

    let unitUnread = ''
    /** Base units of the oracle per dollar; null when it does not count in dollars. */
    const readUnit = createFreshValue<bigint | null>({
      async read() {
        const [currency, unit] = await Promise.all([
          readWord(oracle, BASE_CURRENCY),
          readWord(oracle, BASE_CURRENCY_UNIT),
        ])
        for (const word of [currency, unit]) if ('why' in word) unitUnread = word.why
        if ('why' in currency || 'why' in unit) return undefined
        return currency.value === 0n && unit.value ? unit.value : null
      },
      freshMs: UNIT_FRESH_MS,
      staleMs: Number.POSITIVE_INFINITY,
      now,
    })

    function open(token: Address): TokenEntry {
      let decimals: number | null = null
      let newest: Known | null = null
      let unread = ''
      const read = createFreshValue<Known>({
        async read() {
          const [unit, price, size] = await Promise.all([
            readUnit(),
            readWord(oracle, GET_ASSET_PRICE + token.slice(2).padStart(64, '0')),
            decimals === null ? readWord(token, DECIMALS) : { value: BigInt(decimals) },
          ])
          for (const word of [price, size]) if ('why' in word) unread = word.why
          if ('why' in price || 'why' in size) return undefined
          if (unit === undefined) {
            unread = unitUnread
            return undefined
          }
          newest = pricedBy({ unit, price: price.value, size: size.value }, token)
          if (newest.kind === 'known') decimals = newest.decimals
          return newest
        },
        freshMs: FRESH_MS,
        staleMs: STALE_MS,
        now,
      })
      return {
        price: async () => (await read()) ?? { kind: 'unread', failure: notRead(token, unread) },
        newest: () => newest,
      }
    }

    return {
      oracle,
      entryOf(token) {
        const entry = tokens.get(token) ?? open(token)
        // The least recently asked for goes first, and the coin that gas is paid in never.
        tokens.delete(token)
        tokens.set(token, entry)
        if (tokens.size > TOKENS_MAX) {
          const { wrappedNative } = facts()
          for (const oldest of tokens.keys()) {
            if (oldest === wrappedNative) continue
            tokens.delete(oldest)
            break
          }
        }
        return entry
      },
    }
  }

  /** Null without an oracle. */
  function entryOf(token: Address): TokenEntry | null {
    const { oracle } = facts()
    if (oracle === null) return null
    if (book?.oracle !== oracle) book = openBook(oracle)
    return book.entryOf(token)
  }

  return {
    usdE8: async (token) => (await entryOf(token)?.price()) ?? NO_ORACLE,
    async newestUsdE8(token) {
      const entry = entryOf(token)
      if (entry === null) return NO_ORACLE
      const price = await entry.price()
      return price.kind === 'unread' ? (entry.newest() ?? price) : price
    },
  }
}

/** What was read, as a price. */
function pricedBy(
  { unit, price, size }: Readonly<Record<'unit' | 'price' | 'size', bigint | null>>,
  token: Address,
): Known {
  if (unit === null) return none('The price oracle of this chain does not count in US dollars.')
  if (!price) return none(`The price oracle of this chain has no price of ${token}.`)
  if (size === null || size > 255n) return none(`The token ${token} does not tell its decimals.`)
  const priceE8 = (price * ONE_USD_E8) / unit
  if (priceE8 === 0n) return none(`A whole ${token} is worth less than 0.00000001 USD.`)
  return { kind: 'known', priceE8, decimals: Number(size) }
}

const notRead = (token: Address, why: string): Failure =>
  failure('NODE_UNAVAILABLE', `The price of ${token} could not be read. ${why}`, { token })

/**
 * That the call reverts or answers nothing is knowledge; any other error says something about the node, and
 * so does nonsense.
 */
function wordOf(outcome: RpcOutcome, readNodeError: (error: RpcError) => NodeError): Word {
  if (!outcome.ok) {
    if (outcome.kind === 'transport') return { why: outcome.failure.sentence }
    if (readNodeError(outcome.error).kind === 'execution') return { value: null }
    return { why: `The node answers: ${outcome.error.message}` }
  }
  if (outcome.result === '0x') return { value: null }
  const word = typeof outcome.result === 'string' ? /^0x[0-9a-f]{64}/i.exec(outcome.result)?.[0] : undefined
  return word === undefined ? { why: 'The node answers no number.' } : { value: BigInt(word) }
}
