import type { ChainProfile } from '../config/chainConfig.ts'
import { createFreshValue } from '../domain/freshValue.ts'
import { readQuantity } from '../domain/rpcValues.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { fail, failure, type Result, succeed } from '../errors/failure.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** Gas limits by the node's own estimate (`eth_estimateGas`), half as much again like every other. */
export interface NodeGas {
  /**
   * Of a transfer of nothing from an account to itself: 21,000 on most chains; more where publishing is paid
   * for in gas (Arbitrum, by the price of L1) or gas is not the EVM's (zkSync Era). What was estimated last,
   * or a constant, when the node does not tell.
   */
  transfer(account: Address): Promise<bigint>
  /** Of a call; fails with the node's reason when it would revert or no node tells. */
  call(request: { readonly from: Address; readonly to: Address; readonly data: Hex }): Promise<Result<bigint>>
}

const FRESH_MS = 60_000
const STALE_MS = 3_600_000
/** Of a transfer, when nothing was ever estimated. What is not used is not paid. */
const TRANSFER_UNKNOWN = { evm: 90_000n, other: 1_000_000n }
/** More than any transfer, or any call, needs on any of the chains. An answer beyond is not believed. */
const TRANSFER_MAX = 20_000_000n
const CALL_MAX = 200_000_000n

/** @param options.now milliseconds of a clock that never goes back */
export function createNodeGas({
  rpc,
  chain,
  now = () => performance.now(),
}: {
  rpc: Pick<JsonRpc, 'call'>
  chain: Pick<ChainProfile, 'l1FeeModel' | 'gasBy'>
  now?: () => number
}): NodeGas {
  const transfers = new Map<Address, () => Promise<bigint | undefined>>()
  const isEvm = chain.gasBy === 'simulation' && chain.l1FeeModel !== 'arbitrum'
  const unknown = isEvm ? TRANSFER_UNKNOWN.evm : TRANSFER_UNKNOWN.other
  const withMargin = (gas: bigint) => (gas * 3n + 1n) / 2n

  async function transferOf(account: Address): Promise<bigint | undefined> {
    const outcome = await rpc.call('eth_estimateGas', [
      { from: account, to: account, value: '0x0', data: '0x' },
    ])
    const gas = outcome.ok ? readQuantity(outcome.result) : null
    return gas !== null && gas >= 21_000n && gas <= TRANSFER_MAX ? withMargin(gas) : undefined
  }

  return {
    async transfer(account) {
      const known =
        transfers.get(account) ??
        createFreshValue({ read: () => transferOf(account), freshMs: FRESH_MS, staleMs: STALE_MS, now })
      transfers.set(account, known)
      return (await known()) ?? unknown
    },
    async call(request) {
      const outcome = await rpc.call('eth_estimateGas', [request])
      if (!outcome.ok)
        return fail(
          outcome.kind === 'transport'
            ? outcome.failure
            : failure('SIMULATION_FAILED', `The node estimates no gas for it: ${outcome.error.message}.`),
        )
      const gas = readQuantity(outcome.result)
      return gas !== null && gas >= 21_000n && gas <= CALL_MAX
        ? succeed(withMargin(gas))
        : fail(failure('NODE_UNAVAILABLE', 'The node gives no usable estimate of the gas.'))
    },
  }
}
