import { countSpread } from '../domain/countSpread.ts'
import { readCount } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { EndpointReader } from '../nodes/rpc.ts'
import { inFlightMax } from './inFlightMax.ts'
import type { LaneInit } from './lanes.ts'

/**
 * The accounts that the executor obeys, each with its first free nonce: by the journal, and by the endpoints'
 * mined counts. An account that it does not obey is left out, with a warning.
 *
 * Fails when none is left, when no endpoint tells a mined count, and when two endpoints tell counts too far
 * apart.
 *
 * @param options.isLane whether the executor obeys an account
 * @param options.code of the account at the newest block
 * @param options.settledNonce the highest nonce of a lane that the journal knows to be final
 */
export async function openLanes({
  chain,
  accounts,
  laneInFlightMax,
  executor,
  endpoints,
  isLane,
  code,
  settledNonce,
  warn,
}: {
  chain: { readonly chainId: number; readonly name: string; readonly delegatedInFlightMax: number }
  accounts: readonly Address[]
  laneInFlightMax: number
  executor: Address
  endpoints: readonly EndpointReader[]
  isLane: (account: Address) => Promise<Result<boolean>>
  code: (account: Address) => Promise<Result<Hex>>
  settledNonce: (account: Address) => number | null
  warn: (facts: object, message: string) => void
}): Promise<Result<LaneInit[]>> {
  const lanes: LaneInit[] = []
  for (const opened of await Promise.all(accounts.map(openLane))) {
    if (!opened.ok) return opened
    if (opened.value !== null) lanes.push(opened.value)
  }
  if (lanes.length > 0) return succeed(lanes)
  const sentence = `The executor ${executor} on ${chain.name} obeys none of the configured keys; run npx titan deploy --chain ${chain.chainId}.`
  return fail(failure('CHAIN_UNAVAILABLE', sentence, { chain_id: chain.chainId }))

  function finalCount(address: Address): number {
    return (settledNonce(address) ?? -1) + 1
  }

  async function openLane(address: Address): Promise<Result<LaneInit | null>> {
    const [obeyed, codeOf, count] = await Promise.all([isLane(address), code(address), firstNonce(address)])
    if (!obeyed.ok) return obeyed
    if (!obeyed.value) {
      warn(
        { lane: address },
        'The executor does not know this account: it sends nothing. Run npx titan deploy.',
      )
      return succeed(null)
    }
    if (!codeOf.ok) return codeOf
    if (!count.ok) return count
    return succeed({
      address,
      minedCount: count.value,
      finalCount: finalCount(address),
      inFlightMax: inFlightMax({
        code: codeOf.value,
        configured: laneInFlightMax,
        delegatedMax: chain.delegatedInFlightMax,
      }),
    })
  }

  async function firstNonce(address: Address): Promise<Result<number>> {
    const asked = await Promise.all(
      endpoints.map(async (endpoint) => {
        const outcome = await endpoint.call('eth_getTransactionCount', [address, 'latest'])
        const count = outcome.ok ? readCount(outcome.result) : null
        return { endpoint, state: endpoint.state(), count }
      }),
    )
    const known = asked.flatMap(({ count, ...told }) =>
      count === null || told.state === 'wrong_chain' ? [] : [{ ...told, count }],
    )
    const well = known.filter(({ state }) => state === 'well')
    // One that is down may be left out: nonces of ours are in the journal, whatever the others count.
    const spread = countSpread({
      chain: chain.name,
      account: address,
      counts: well.length > 0 ? well : known,
    })
    return spread.ok ? succeed(Math.max(spread.value.highest, finalCount(address))) : spread
  }
}
