import { formatEther, getAddress } from 'ethers'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { ChainProfile } from '../config/chainConfig.ts'
import { maxCostWei } from '../domain/fees.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { createFeeOracle } from '../fees/feeOracle.ts'
import type { Key } from '../lanes/keys.ts'
import { signTransaction } from '../lanes/signTransaction.ts'
import type { JsonRpc } from '../nodes/rpc.ts'

/** The account that sets a chain up, a transaction at a time. */
export interface OwnerAccount {
  /**
   * Sends a transaction and resolves with its hash when it is in a block and has succeeded. Errors: those of the node,
   * SIMULATION_FAILED (it would revert), INSUFFICIENT_FUNDS, NONCE_CONTESTED (something of the account is still waiting),
   * SEND_REFUSED, REVERTED, NOT_SETTLED (it may still be included).
   */
  send(call: { readonly to: Address | null; readonly data: Hex }): Promise<Result<Hex>>
}

const RECEIPT_WAIT_MS = 180_000
const POLL_MS = { min: 100, max: 2_000 }

/** @param options.say hears a sentence about each step */
export function createOwnerAccount({
  key,
  chain,
  rpc,
  broadcast,
  say,
  receiptWaitMs = RECEIPT_WAIT_MS,
}: {
  key: Key
  chain: ChainProfile
  rpc: Pick<JsonRpc, 'call'>
  broadcast: Pick<Broadcast, 'send'>
  say: (sentence: string) => void
  receiptWaitMs?: number
}): OwnerAccount {
  const from = getAddress(key.address)
  const fees = createFeeOracle({ rpc, chain })
  let nextNonce: number | null = null

  async function ask(method: string, params: readonly unknown[]): Promise<Result<unknown>> {
    const outcome = await rpc.call(method, params)
    if (outcome.ok) return succeed(outcome.result)
    if (outcome.kind === 'transport') return fail(outcome.failure)
    const sentence = `The node answered ${method} with an error: ${outcome.error.message.slice(0, 300)}.`
    return fail(failure(method === 'eth_estimateGas' ? 'SIMULATION_FAILED' : 'NODE_UNAVAILABLE', sentence))
  }

  /** Never above what is mined: a transaction behind one that waits would wait with it. */
  async function readNonce(): Promise<Result<number>> {
    const [mined, waiting] = await Promise.all([
      ask('eth_getTransactionCount', [key.address, 'latest']),
      ask('eth_getTransactionCount', [key.address, 'pending']),
    ])
    if (!mined.ok) return mined
    const nonce = Number(mined.value)
    const queued = waiting.ok ? Number(waiting.value) - nonce : 0
    if (queued <= 0) return succeed(nonce)
    const sentence = `${from} has transactions that are in no block yet (${queued}); run this again when they are.`
    return fail(failure('NONCE_CONTESTED', sentence, { nonce }))
  }

  async function receipt(hash: Hex, doubt: Failure | null): Promise<Result<Hex>> {
    const pauseMs = Math.min(Math.max(chain.blockTimeMs / 2, POLL_MS.min), POLL_MS.max)
    const deadlineMs = performance.now() + receiptWaitMs
    while (performance.now() < deadlineMs) {
      const found = await ask('eth_getTransactionReceipt', [hash])
      // A node that does not answer now is asked again: the transaction is on its way.
      const { status } = ((found.ok && found.value) || {}) as { status?: string }
      if (status === '0x1') return succeed(hash)
      if (status !== undefined)
        return fail(failure('REVERTED', `The transaction ${hash} reverted.`, { hash }))
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    const sentence = `The transaction ${hash} is in no block yet; run this again later, it goes on from there.`
    return fail(failure('NOT_SETTLED', doubt === null ? sentence : `${sentence} ${doubt.sentence}`, { hash }))
  }

  return {
    async send({ to, data }) {
      const call = { from: key.address, data, ...(to !== null && { to }) }
      const [nonce, gas, market, balance] = await Promise.all([
        nextNonce === null ? readNonce() : succeed(nextNonce),
        ask('eth_estimateGas', [call]),
        fees.current(),
        ask('eth_getBalance', [key.address, 'latest']),
      ])
      if (!nonce.ok) return nonce
      if (!gas.ok) return gas
      if (!market.ok) return market
      if (!balance.ok) return balance
      const { quote } = market.value
      const gasLimit = (BigInt(String(gas.value)) * 3n + 1n) / 2n
      const costWei = maxCostWei({ quote, gasLimit })
      const coins = (wei: bigint) => `${formatEther(wei)} ${chain.nativeSymbol}`
      const balanceWei = BigInt(String(balance.value))
      if (balanceWei < costWei) {
        const sentence = `${from} has ${coins(balanceWei)}; this transaction may cost up to ${coins(costWei)}.`
        return fail(failure('INSUFFICIENT_FUNDS', sentence))
      }
      const { raw, hash } = signTransaction({
        key,
        transaction: {
          ...quote,
          chainId: chain.chainId,
          nonce: nonce.value,
          gasLimit,
          to,
          value: 0n,
          data,
        },
      })
      const outcome = await broadcast.send({ raw, hash })
      if (outcome.status === 'refused') return fail(outcome.failure)
      say(`Sent ${hash} (at most ${coins(costWei)}), waiting for its block.`)
      const settled = await receipt(hash, outcome.status === 'accepted' ? null : outcome.failure)
      nextNonce = settled.ok ? nonce.value + 1 : null
      return settled
    },
  }
}
