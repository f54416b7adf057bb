import { createFreshValue } from '../domain/freshValue.ts'
import type { Address } from '../domain/signal.ts'
import type { UsdE8 } from '../domain/usd.ts'
import type { ChainFacts } from '../nodes/chainFacts.ts'
import type { JsonRpc, RpcOutcome } from '../nodes/rpc.ts'

/** What one whole token is worth. */
export interface TokenPrice {
  /** 1e-8 USD per whole token. */
  readonly priceE8: UsdE8
  readonly decimals: number
}

export interface Prices {
  /** Null when the chain's oracle does not price the token, or cannot be read now. Never rejects. */
  usdE8(token: Address): Promise<TokenPrice | null>
}

// aave-v3-core: contracts/misc/AaveOracle.sol and contracts/interfaces/IPriceOracleGetter.sol.
const GET_ASSET_PRICE = '0xb3596f07'
const BASE_CURRENCY = '0xe19f4700'
const BASE_CURRENCY_UNIT = '0x8c89b64f'
const DECIMALS = '0x313ce567'
const ONE_USD_E8 = 100_000_000n

const FRESH_MS = 3_000
const STALE_MS = 60_000
/** Tokens come from clients: no more than this many are remembered. */
const TOKENS_MAX = 1_000

type Word = { readonly known: true; readonly value: bigint | null } | { readonly known: false }

/**
 * Prices in US dollars by the chain's Aave V3 oracle. Aave markets are quoted in dollars; one whose base currency is something
 * else prices nothing here.
 */
export function createPrices({
  rpc,
  facts,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  facts: Pick<ChainFacts, 'oracle'>
  now?: () => number
}): Prices {
  const { oracle } = facts
  const tokens = new Map<Address, () => Promise<TokenPrice | null | undefined>>()

  async function readWord(to: Address, data: string): Promise<Word> {
    const outcome = await rpc.call('eth_call', `[{"to":"${to}","data":"${data}"},"latest"]`)
    return wordOf(outcome)
  }

  /** Base units of the oracle per dollar; null when it does not count in dollars. Does not change. */
  const readUnit = createFreshValue<bigint | null>({
    async read() {
      const [currency, unit] = await Promise.all([
        readWord(oracle as Address, BASE_CURRENCY),
        readWord(oracle as Address, BASE_CURRENCY_UNIT),
      ])
      if (!currency.known || !unit.known) return undefined
      return currency.value === 0n && unit.value ? unit.value : null
    },
    freshMs: Number.POSITIVE_INFINITY,
    staleMs: Number.POSITIVE_INFINITY,
    now,
  })

  function priceOf(token: Address): () => Promise<TokenPrice | null | undefined> {
    let decimals: number | null = null
    return createFreshValue<TokenPrice | null>({
      async read() {
        const [unit, price, size] = await Promise.all([
          readUnit(),
          readWord(oracle as Address, GET_ASSET_PRICE + token.slice(2).padStart(64, '0')),
          decimals === null ? readWord(token, DECIMALS) : { known: true as const, value: BigInt(decimals) },
        ])
        if (unit === undefined || !price.known || !size.known) return undefined
        if (unit === null || !price.value || size.value === null || size.value > 255n) return null
        decimals = Number(size.value)
        const priceE8 = (price.value * ONE_USD_E8) / unit
        return priceE8 === 0n ? null : { priceE8, decimals }
      },
      freshMs: FRESH_MS,
      staleMs: STALE_MS,
      now,
    })
  }

  return {
    async usdE8(token) {
      if (oracle === null) return null
      let price = tokens.get(token)
      if (!price) {
        if (tokens.size >= TOKENS_MAX) tokens.delete(tokens.keys().next().value as Address)
        price = priceOf(token)
        tokens.set(token, price)
      }
      return (await price()) ?? null
    },
  }
}

/** A revert or an empty answer is knowledge (there is no such thing here); a node that does not answer is none. */
function wordOf(outcome: RpcOutcome): Word {
  if (!outcome.ok) return outcome.kind === 'rpc' ? { known: true, value: null } : { known: false }
  const word = typeof outcome.result === 'string' ? /^0x[0-9a-f]{64}/i.exec(outcome.result)?.[0] : undefined
  return { known: true, value: word === undefined ? null : BigInt(word) }
}
