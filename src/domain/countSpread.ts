import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { Address } from './signal.ts'

/**
 * More of our own transactions than are ever mined between the answers of two endpoints that are both well.
 */
const SPREAD_MAX = 256

/**
 * The lowest and the highest of the endpoints' mined counts. `NODE_UNAVAILABLE` when no endpoint tells one,
 * and when two are too far apart: one of them answers nonsense, and a lane that believed it would sign
 * behind a gap that nothing ever fills.
 */
export function countSpread({
  chain,
  account,
  counts,
}: {
  chain: string
  account: Address
  counts: readonly { readonly endpoint: { readonly host: string }; readonly count: number }[]
}): Result<{ readonly lowest: number; readonly highest: number }> {
  const sorted = counts.toSorted((a, b) => a.count - b.count)
  const [lowest, highest] = [sorted[0], sorted.at(-1)]
  if (lowest === undefined || highest === undefined)
    return unavailable(`No endpoint of ${chain} tells the mined count of ${account}.`)
  if (highest.count - lowest.count <= SPREAD_MAX)
    return succeed({ lowest: lowest.count, highest: highest.count })
  const told = `${lowest.endpoint.host} tells ${lowest.count}, ${highest.endpoint.host} ${highest.count}`
  return unavailable(`Endpoints of ${chain} contradict each other on the mined count of ${account}: ${told}.`)
}

const unavailable = (sentence: string) => fail(failure('NODE_UNAVAILABLE', sentence))
