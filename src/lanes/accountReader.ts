import type { Address, Hex } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** `isLane(address)` of `OmniArbExecutor.sol`. */
const IS_LANE = '0xc09cf64a'

/** What the chain says of an account before it becomes a lane; `NODE_UNAVAILABLE` when it does not tell. */
export interface AccountReader {
  /** Whether the executor obeys it: its owner, and whom the owner has named. */
  isLane(account: Address): Promise<Result<boolean>>
  /** Its code at the newest block, `0x` when it has none. */
  code(account: Address): Promise<Result<Hex>>
}

export function createAccountReader({
  rpc,
  executor,
}: {
  rpc: Pick<JsonRpc, 'call'>
  executor: { readonly address: Address; readonly owner: Address }
}): AccountReader {
  async function read<T>(
    method: string,
    params: readonly unknown[],
    decode: (result: unknown) => T | null,
  ): Promise<Result<T>> {
    const outcome = await rpc.call(method, params)
    const value = outcome.ok ? decode(outcome.result) : null
    if (value !== null) return succeed(value)
    if (!outcome.ok && outcome.kind === 'transport') return fail(outcome.failure)
    return fail(failure('NODE_UNAVAILABLE', `No endpoint gives a usable answer to ${method}.`))
  }
  const hexOf = (result: unknown): Hex | null =>
    typeof result === 'string' && /^0x([0-9a-f]{2})*$/i.test(result) ? (result.toLowerCase() as Hex) : null

  return {
    async isLane(account) {
      if (account === executor.owner) return succeed(true)
      const data = `${IS_LANE}${account.slice(2).padStart(64, '0')}`
      return await read('eth_call', [{ to: executor.address, data }, 'latest'], (result) => {
        const word = hexOf(result)
        return word?.length === 66 ? BigInt(word) === 1n : null
      })
    },
    code: (account) => read('eth_getCode', [account, 'latest'], hexOf),
  }
}
