import type { ChainProfile, FeeModel } from '../config/chainConfig.ts'
import type { MarketFee } from '../domain/fees.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { eip1559 } from './eip1559.ts'
import type { FeeStrategy } from './feeStrategy.ts'
import { legacy } from './legacy.ts'
import { noTip } from './noTip.ts'

/** What a transaction should offer now. */
export interface FeeOracle {
  /**
   * The market fee. A reading is used for its block (and a quarter of a second at least) and, while it is
   * read again, for two more; `NODE_UNAVAILABLE` or `NODE_TIMEOUT` when there is none so young and the node
   * gives none.
   */
  current(): Promise<Result<MarketFee>>
  /** As `current`, of a reading that began after this call. */
  fresh(): Promise<Result<MarketFee>>
  /** There is a new block: the next who asks causes a reading. */
  onHead(): void
}

const STRATEGIES: Readonly<Record<FeeModel, FeeStrategy>> = { eip1559, 'no-tip': noTip, legacy }

/**
 * The cap of a quote holds for five blocks of growing base fee: two of them may pass here, three are for
 * getting included.
 */
const BLOCKS_BEHIND_MAX = 2
/**
 * Where heads stop coming, or come late, time bounds a reading: this many block times, and never less than
 * the minimum.
 */
const STALE_BLOCKS = 3
const STALE_MIN_MS = 5_000
/** No chain here makes blocks faster than this; one that makes them on demand does. */
const BLOCK_MIN_MS = 250
/** A node that failed is asked again at the next head or after this time. */
const RETRY_MS = 1_000

/**
 * Prices by the chain's fee model, with one call per block, and none when nobody asks. Where a node does not
 * know that call (`eth_feeHistory` before EIP-1559) its gas price is taken instead, until it knows.
 *
 * @param options.now milliseconds of a clock that never goes back
 */
export function createFeeOracle({
  rpc,
  chain,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  chain: Pick<ChainProfile, 'feeModel' | 'minTipWei' | 'blockTimeMs'>
  now?: () => number
}): FeeOracle {
  const strategy = STRATEGIES[chain.feeModel]
  const staleMs = Math.max(STALE_MIN_MS, STALE_BLOCKS * chain.blockTimeMs)
  let heads = 0
  let kept: { readonly market: MarketFee; readonly head: number; readonly atMs: number } | null = null
  let failed: { readonly failure: Failure; readonly head: number; readonly atMs: number } | null = null
  let reading: Promise<Result<MarketFee>> | null = null

  /** Null when the node's answer is none. */
  async function ask(by: FeeStrategy): Promise<Result<MarketFee> | null> {
    const outcome = await rpc.call(by.method, by.params)
    if (!outcome.ok && outcome.kind === 'transport') return fail(outcome.failure)
    const market = outcome.ok ? by.quote({ result: outcome.result, minTipWei: chain.minTipWei }) : null
    if (market !== null) return succeed(market)
    return by.fallback ? ask(by.fallback) : null
  }

  async function read(): Promise<Result<MarketFee>> {
    const at = { head: heads, atMs: now() }
    const answer = (await ask(strategy)) ?? fail(NO_PRICE)
    reading = null
    failed = answer.ok ? null : { failure: answer.failure, ...at }
    if (answer.ok) kept = { market: answer.value, ...at }
    return answer
  }

  return {
    async fresh() {
      await reading
      reading ??= read()
      return await reading
    },
    onHead() {
      heads++
    },
    async current() {
      const ageMs = kept ? now() - kept.atMs : Number.POSITIVE_INFINITY
      const behind = kept ? heads - kept.head : Number.POSITIVE_INFINITY
      const young = kept && ageMs < staleMs && behind <= BLOCKS_BEHIND_MAX ? succeed(kept.market) : null
      if (kept && (ageMs < BLOCK_MIN_MS || (young && behind === 0))) return succeed(kept.market)
      const justFailed =
        failed?.head === heads && now() - failed.atMs < RETRY_MS ? fail(failed.failure) : null
      if (!justFailed) reading ??= read()
      return young ?? justFailed ?? (reading as Promise<Result<MarketFee>>)
    },
  }
}

const NO_PRICE = failure(
  'NODE_UNAVAILABLE',
  'The node does not tell what gas costs (eth_feeHistory, eth_gasPrice).',
)
