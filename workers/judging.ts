import type { Simulation, Valuation } from '../src/domain/execution.ts'
import { effectivePriceWei, feeCapWei } from '../src/domain/fees.ts'
import type { Address, Signal } from '../src/domain/signal.ts'
import { type Result, succeed } from '../src/errors/failure.ts'
import type { FeeOracle } from '../src/fees/feeOracle.ts'
import type { ChainFacts } from '../src/nodes/chainFacts.ts'
import type { Heads } from '../src/nodes/heads.ts'
import { readNodeError } from '../src/nodes/nodeErrors.ts'
import { explainRevert } from '../src/nodes/revertReasons.ts'
import type { JsonRpc } from '../src/nodes/rpc.ts'
import type { SimulationEngine } from '../src/simulation/engine.ts'
import { createPrices, type Prices } from '../src/simulation/prices.ts'
import { createRpcEngine } from '../src/simulation/rpcEngine.ts'
import { valuate } from '../src/simulation/valuation.ts'

/** What both modes judge a trade with. */
export interface Judging {
  readonly prices: Prices
  /** An engine in which `caller` calls the executor; the chain's own caller when none is given. */
  engine(caller?: Address): SimulationEngine
  valuate(request: { signal: Signal; simulation: Simulation }): Promise<Result<Valuation>>
}

export function createJudging({
  rpc,
  facts,
  heads,
  fees,
}: {
  rpc: JsonRpc
  facts: ChainFacts
  heads: Heads
  fees: Pick<FeeOracle, 'current'>
}): Judging {
  const prices = createPrices({ rpc, facts })
  const { wrappedNative } = facts
  return {
    prices,
    engine: (caller = facts.executor.caller) =>
      createRpcEngine({
        rpc,
        facts: { ...facts, executor: { ...facts.executor, caller } },
        headTimestamp: () => heads.newest()?.timestamp ?? 0,
        explainRevert,
        readNodeError,
      }),
    async valuate({ signal: { loanToken }, simulation }) {
      const [price, tokenPrice, nativePrice] = await Promise.all([
        fees.current(),
        prices.usdE8(loanToken),
        prices.usdE8(wrappedNative),
      ])
      if (!price.ok) return price
      // What the next block asks and the tip on top: headroom for a growing base fee is offered, not paid.
      const gasPriceWei = effectivePriceWei(price.value) ?? feeCapWei(price.value.quote)
      return succeed(valuate({ simulation, gasPriceWei, tokenPrice, nativePrice, loanToken, wrappedNative }))
    },
  }
}
