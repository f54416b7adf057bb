import type { JsonRpc } from '../chain/rpc.ts'
import { createFreshValue } from '../domain/freshValue.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'

/** What a transaction would pay per gas now. */
export interface GasPrice {
  /** Wei per gas; `NODE_UNAVAILABLE` or `NODE_TIMEOUT` when the node does not tell. */
  current(): Promise<Result<bigint>>
}

const FRESH_MAX_MS = 1_000
/** A price older than this is not one; a base fee can double in six blocks (EIP-1559: an eighth per block). */
const STALE_MS = 10_000

/**
 * The node's own suggestion (`eth_gasPrice`), which on EIP-1559 chains is base fee plus a usual tip. Read at most once per block,
 * and not more often than every second.
 */
export function createGasPrice({
  rpc,
  blockTimeMs,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  blockTimeMs: number
  now?: () => number
}): GasPrice {
  let problem: Failure | null = null

  async function read(): Promise<bigint | undefined> {
    const outcome = await rpc.call('eth_gasPrice', '[]')
    if (outcome.ok && typeof outcome.result === 'string' && /^0x[0-9a-f]+$/i.test(outcome.result)) {
      return BigInt(outcome.result)
    }
    problem =
      !outcome.ok && outcome.kind === 'transport'
        ? outcome.failure
        : failure('NODE_UNAVAILABLE', 'The node does not tell its gas price (eth_gasPrice).')
    return undefined
  }

  const price = createFreshValue({
    read,
    freshMs: Math.min(blockTimeMs, FRESH_MAX_MS),
    staleMs: STALE_MS,
    now,
  })
  return {
    async current() {
      const wei = await price()
      return wei === undefined ? fail(problem as Failure) : succeed(wei)
    },
  }
}
