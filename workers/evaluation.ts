import { LIMITS } from '../src/config/limits.ts'
import type { Simulation, Valuation } from '../src/domain/execution.ts'
import { effectivePriceWei, feeCapWei } from '../src/domain/fees.ts'
import type { Address, Signal } from '../src/domain/signal.ts'
import { type AmountNames, coinText } from '../src/domain/tokenAmount.ts'
import { fail, type Result, succeed } from '../src/errors/failure.ts'
import type { FeeOracle } from '../src/fees/feeOracle.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import type { Heads } from '../src/nodes/heads.ts'
import { readNodeError } from '../src/nodes/nodeErrors.ts'
import { createRevertInquiry } from '../src/nodes/revertInquiry.ts'
import { explainRevert } from '../src/nodes/revertReasons.ts'
import type { JsonRpc } from '../src/nodes/rpc.ts'
import { createTokenNames, tokensOf } from '../src/nodes/tokenNames.ts'
import type { InquireRevert, SimulationEngine } from '../src/simulation/engine.ts'
import { explainSimulation } from '../src/simulation/explainSimulation.ts'
import { createPrices, type Prices } from '../src/simulation/prices.ts'
import { createRpcEngine } from '../src/simulation/rpcEngine.ts'
import { valuate } from '../src/simulation/valuation.ts'

/** What a trade is evaluated with, in both modes; one per chain thread, whatever is probed anew. */
export interface Evaluation {
  readonly prices: Prices
  /**
   * The engine of now in which `caller` calls the executor; the chain's own caller when none is given. Ask
   * for it at each use.
   */
  engine(caller?: Address): SimulationEngine
  /** `NODE_UNAVAILABLE` when a price or the fee could not be read: what a trade is worth is never guessed. */
  valuate(request: { signal: Signal; simulation: Simulation }): Promise<Result<Valuation>>
  /** Why a trade that is given up reverted, with what the chain says besides. */
  readonly inquire: InquireRevert
  /** A failed simulation with all of that. */
  explain(failed: { signal: Signal; simulation: Simulation }): Promise<Simulation>
  readonly names: AmountNames
  /** Reads what tokens are called, where it is not known yet. Never rejects. */
  learn(tokens: readonly Address[]): Promise<void>
}

/** Nothing is simulated while even the newest block known is too old. */
const youngOnly = (engine: SimulationEngine, staleness: Heads['staleness']): SimulationEngine => ({
  async simulate(request) {
    const stale = staleness()
    return stale === null ? engine.simulate(request) : fail(stale)
  },
})

/** @param options.found what the newest probe that succeeded has found */
export function createEvaluation({
  rpc,
  found,
  fees,
  nativeSymbol,
  log,
}: {
  rpc: JsonRpc
  found: () => {
    readonly facts: ChainFacts
    readonly heads: Pick<Heads, 'newest' | 'staleness' | 'oldestUsable'>
  }
  fees: () => Pick<FeeOracle, 'current'>
  nativeSymbol: string
  log: { error(facts: object, message: string): void }
}): Evaluation {
  const prices = createPrices({ rpc, facts: () => found().facts, readNodeError })
  const tokens = createTokenNames({ rpc, readNodeError })
  const { nameAmount } = tokens
  const isNamed = (signal: Signal) => tokensOf(signal).every((token) => tokens.known(token) !== null)
  const inquire = createRevertInquiry({
    rpc,
    names: tokens,
    lenders: () => found().facts.lenders,
    limits: LIMITS,
    readNodeError,
    onThrown: (error) => log.error({ err: error }, 'The explanation of a revert failed by a bug.'),
  })
  /** By caller, and the facts that each was made for. */
  const engines = new Map<Address, { readonly facts: ChainFacts; readonly engine: SimulationEngine }>()
  return {
    prices,
    inquire,
    learn: tokens.learn,
    names: { amount: nameAmount, wei: (wei) => coinText(wei, nativeSymbol) },
    explain: (failed) => explainSimulation({ ...failed, inquire, isNamed }),
    engine(caller = found().facts.executor.caller) {
      const { facts } = found()
      const known = engines.get(caller)
      if (known?.facts === facts) return known.engine
      const engine = createRpcEngine({
        rpc,
        facts: { ...facts, executor: { ...facts.executor, caller } },
        headTimestamp: () => found().heads.newest()?.timestamp ?? 0,
        oldestBlock: () => found().heads.oldestUsable(),
        explainRevert: (revert) => explainRevert({ ...revert, nameAmount }),
        readNodeError,
      })
      const onYoungBlocks = youngOnly(engine, () => found().heads.staleness())
      engines.set(caller, { facts, engine: onYoungBlocks })
      return onYoungBlocks
    },
    async valuate({ signal: { loanToken }, simulation }) {
      const { wrappedNative } = found().facts
      const [price, token, native] = await Promise.all([
        fees().current(),
        prices.usdE8(loanToken),
        prices.usdE8(wrappedNative),
        // For what is said of the trade; read once, together with the prices.
        tokens.learn([loanToken]),
      ])
      if (!price.ok) return price
      if (token.kind === 'unread') return fail(token.failure)
      if (native.kind === 'unread') return fail(native.failure)
      // What the next block asks and the tip on top: headroom for a growing base fee is offered, not paid.
      const gasPriceWei = effectivePriceWei(price.value) ?? feeCapWei(price.value.quote)
      const tokenPrice = token.kind === 'known' ? token : null
      const nativePrice = native.kind === 'known' ? native : null
      const unpriced = [token, native].find((each) => each.kind === 'none')?.why ?? null
      return succeed(
        valuate({ simulation, gasPriceWei, tokenPrice, nativePrice, unpriced, loanToken, wrappedNative }),
      )
    },
  }
}
