import { formatEther, getAddress } from 'ethers'
import type { Broadcast } from '../broadcast/broadcast.ts'
import type { ChainProfile } from '../config/chainConfig.ts'
import { decimal } from '../domain/decimal.ts'
import { effectivePriceWei, type FeeQuote, feeCapWei, maxCostWei } from '../domain/fees.ts'
import type { Address, Hex } from '../domain/signal.ts'
import { type Failure, fail, failure, type Result, succeed } from '../errors/failure.ts'
import { createFeeOracle } from '../fees/feeOracle.ts'
import type { Key } from '../lanes/keys.ts'
import { signTransaction } from '../lanes/signTransaction.ts'
import { readNodeError } from '../nodes/nodeErrors.ts'
import type { JsonRpc } from '../nodes/rpc.ts'
import { explainSetupRevert } from './explainSetupRevert.ts'

/** A transaction to be sent. */
export interface SetupCall {
  readonly to: Address | null
  readonly data: Hex
}

/** What some transactions cost, wei. */
export interface SetupCost {
  /** At the price of the next block. */
  readonly expectedWei: bigint
  /** With all the gas and the highest price that they will be given: no more is spent. */
  readonly highestWei: bigint
  readonly gas: bigint
}

/** The account that sets a chain up, a transaction at a time. */
export interface SetupAccount {
  /**
   * What the calls would cost now.
   *
   * @param calls `gas` is what a call uses that cannot be estimated yet, because its contract is not there
   */
  cost(calls: readonly (SetupCall & { readonly gas: bigint | null })[]): Promise<Result<SetupCost>>
  /**
   * Sends a transaction and resolves with its hash when it is in a block and has succeeded. Errors: those of
   * the node, SIMULATION_FAILED (it would revert), FEE_LIMIT (it may cost more than is left of
   * `spendableWei`, or the chain asks more than MAX_FEE_GWEI), INSUFFICIENT_FUNDS, NONCE_CONTESTED (something
   * of the account is still waiting), SEND_REFUSED, REVERTED, NOT_SETTLED (it may still be included).
   *
   * @param options.spendableWei what this one may cost at most
   */
  send(call: SetupCall, options: { spendableWei: bigint }): Promise<Result<{ hash: Hex; costWei: bigint }>>
}

const RECEIPT_WAIT_MS = 180_000
const POLL_MS = { min: 100, max: 2_000 }

/** The part of a receipt that is read; empty while there is none. */
interface Receipt {
  readonly status?: string
  readonly gasUsed?: string
  readonly effectiveGasPrice?: string
}

/** @param options.say hears a sentence about each step */
export function createSetupAccount({
  key,
  chain,
  maxFeeWei,
  rpc,
  broadcast,
  say,
  receiptWaitMs = RECEIPT_WAIT_MS,
}: {
  key: Key
  chain: ChainProfile
  /** The most that is paid per gas. */
  maxFeeWei: bigint
  rpc: Pick<JsonRpc, 'call'>
  broadcast: Pick<Broadcast, 'send'>
  say: (sentence: string) => void
  receiptWaitMs?: number
}): SetupAccount {
  const from = getAddress(key.address)
  const fees = createFeeOracle({ rpc, chain })
  const coins = (wei: bigint) => `${formatEther(wei)} ${chain.nativeSymbol}`
  const gwei = (wei: bigint) => decimal({ amount: wei, decimals: 9 })
  let nextNonce: number | null = null

  async function estimate({ to, data }: SetupCall): Promise<Result<bigint>> {
    const gas = await ask('eth_estimateGas', [{ from: key.address, data, ...(to !== null && { to }) }])
    return gas.ok ? succeed(BigInt(String(gas.value))) : gas
  }

  /** The market's quote within MAX_FEE_GWEI, and what the next block asks of it. */
  async function price(): Promise<Result<{ quote: FeeQuote; priceWei: bigint }>> {
    // No heads are followed here, by which a reading would be known to be old.
    const market = await fees.fresh()
    if (!market.ok) return market
    const priceWei = effectivePriceWei(market.value) ?? feeCapWei(market.value.quote)
    if (priceWei <= maxFeeWei) return succeed({ quote: within(market.value.quote, maxFeeWei), priceWei })
    const sentence = `${chain.name} asks ${gwei(priceWei)} gwei per gas, and MAX_FEE_GWEI allows ${gwei(maxFeeWei)}.`
    return fail(failure('FEE_LIMIT', sentence))
  }

  async function ask(method: string, params: readonly unknown[]): Promise<Result<unknown>> {
    const outcome = await rpc.call(method, params)
    if (outcome.ok) return succeed(outcome.result)
    if (outcome.kind === 'transport') return fail(outcome.failure)
    const read = readNodeError(outcome.error)
    const why = read.kind === 'execution' && read.data !== null ? explainSetupRevert(read.data) : null
    const sentence =
      why === null
        ? `The node answered ${method} with an error: ${outcome.error.message.slice(0, 300)}.`
        : `The executor would refuse this with ${why}.`
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

  async function receipt(hash: Hex, doubt: Failure | null): Promise<Result<Receipt>> {
    const pauseMs = Math.min(Math.max(chain.blockTimeMs / 2, POLL_MS.min), POLL_MS.max)
    const deadlineMs = performance.now() + receiptWaitMs
    while (performance.now() < deadlineMs) {
      const found = await ask('eth_getTransactionReceipt', [hash])
      // A node that does not answer now is asked again: the transaction is on its way.
      const mined = ((found.ok && found.value) || {}) as Receipt
      const { status } = mined
      if (status === '0x1') return succeed(mined)
      if (status !== undefined)
        return fail(failure('REVERTED', `The transaction ${hash} reverted.`, { hash }))
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    const sentence = `The transaction ${hash} is in no block yet; run this again later, it goes on from there.`
    return fail(failure('NOT_SETTLED', doubt === null ? sentence : `${sentence} ${doubt.sentence}`, { hash }))
  }

  return {
    async cost(calls) {
      const [market, ...estimates] = await Promise.all([
        price(),
        ...calls.map((call) => (call.gas === null ? estimate(call) : succeed(call.gas))),
      ])
      if (!market.ok) return market
      const { quote, priceWei } = market.value
      const cost = { expectedWei: 0n, highestWei: 0n, gas: 0n }
      for (const gas of estimates) {
        if (!gas.ok) return gas
        cost.gas += gas.value
        cost.expectedWei += gas.value * priceWei
        cost.highestWei += maxCostWei({ quote, gasLimit: limitOf(gas.value) })
      }
      return succeed(cost)
    },

    async send({ to, data }, { spendableWei }) {
      const [nonce, gas, market, balance] = await Promise.all([
        nextNonce === null ? readNonce() : succeed(nextNonce),
        estimate({ to, data }),
        price(),
        ask('eth_getBalance', [key.address, 'latest']),
      ])
      if (!nonce.ok) return nonce
      if (!gas.ok) return gas
      if (!market.ok) return market
      if (!balance.ok) return balance
      const gasLimit = limitOf(gas.value)
      const allowedWei = spendableWei / gasLimit
      if (market.value.priceWei > allowedWei) {
        const sentence = `This transaction may cost ${coins(market.value.priceWei * gasLimit)}, and ${coins(spendableWei)} are left of what may be spent; run this again, it goes on from here.`
        return fail(failure('FEE_LIMIT', sentence))
      }
      const quote = within(market.value.quote, allowedWei)
      const highestWei = maxCostWei({ quote, gasLimit })
      const balanceWei = BigInt(String(balance.value))
      if (balanceWei < highestWei) {
        const sentence = `${from} has ${coins(balanceWei)}; this transaction may cost up to ${coins(highestWei)}.`
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
      say(`Sent ${hash} (at most ${coins(highestWei)}), waiting for its block.`)
      const settled = await receipt(hash, outcome.status === 'accepted' ? null : outcome.failure)
      nextNonce = settled.ok ? nonce.value + 1 : null
      if (!settled.ok) return settled
      const { gasUsed, effectiveGasPrice } = settled.value
      const costWei =
        gasUsed === undefined || effectiveGasPrice === undefined
          ? highestWei
          : BigInt(gasUsed) * BigInt(effectiveGasPrice)
      return succeed({ hash, costWei })
    },
  }
}

/** State may change until the transaction is in a block. */
const limitOf = (gas: bigint): bigint => (gas * 3n + 1n) / 2n

/** The quote with no more than so much per gas; the tip is a part of that (EIP-1559). */
function within(quote: FeeQuote, capWei: bigint): FeeQuote {
  if (quote.type === 0) return { type: 0, gasPrice: lower(quote.gasPrice, capWei) }
  const maxFeePerGas = lower(quote.maxFeePerGas, capWei)
  return { type: 2, maxFeePerGas, maxPriorityFeePerGas: lower(quote.maxPriorityFeePerGas, maxFeePerGas) }
}

const lower = (a: bigint, b: bigint): bigint => (a < b ? a : b)
